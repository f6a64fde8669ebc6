"""Rooms, filters, levels."""

import numpy as np
import pytest
import torch

from pvsd_modules.data.augmentation import Augmenter, machine_noise, room_response
from pvsd_modules.data.effects import (
    apply_colour,
    apply_finish,
    apply_pauses,
    at_speed,
    low_pass,
)


def generator():
    return np.random.default_rng(5)


def coloured(augment, wav, room=False, samples=None):
    colour = augment.draw_colour(generator(), room)
    return apply_colour(wav, colour, samples or len(wav))


def finished(augment, noisy, clean):
    return apply_finish(noisy, clean, augment.draw_finish(generator()))


def paused(augment, noisy, clean, random):
    return apply_pauses(noisy, clean, *augment.draw_pauses(random, len(noisy)))


def test_nothing_moves_in_time():
    # A click stays where it is: real lips must go on fitting the sound.
    wav = torch.zeros(4000)
    wav[1000] = 1.0
    for room in (False, True):
        out = coloured(Augmenter(), wav, room)
        assert out.shape == wav.shape
        assert int(out.abs().argmax()) == 1000


def test_colour_is_within_its_bounds():
    wav = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    out = coloured(Augmenter(equaliser_db=6.0), wav)
    change = 20 * torch.log10(out.norm() / wav.norm())
    assert -6.0 < float(change) < 6.0 and not torch.allclose(out, wav, atol=1e-2)
    flat = coloured(Augmenter(equaliser_db=0.0), wav)
    assert torch.allclose(flat, wav, atol=1e-4)


def test_low_pass_removes_what_lies_above():
    time = torch.arange(16000) / 16000
    low, high = (torch.sin(2 * torch.pi * f * time) for f in (1000, 6000))
    out = low_pass(low + high, 3000.0)
    assert torch.allclose(out[500:-500], low[500:-500], atol=2e-2)


def test_levels_are_in_range_and_the_pair_keeps_together():
    augment = Augmenter(narrowband=0.0, clipping=0.0, level_db=(-30.0, -20.0))
    clean = 0.5 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    noisy, target = finished(augment, 2 * clean, clean)
    level = 20 * torch.log10(noisy.square().mean().sqrt())
    assert -30.0 <= float(level) <= -20.0
    assert torch.allclose(noisy, 2 * target)


def test_clipping_reaches_the_noisy_signal_only():
    augment = Augmenter(narrowband=0.0, clipping=1.0)
    clean = torch.randn(8000, generator=torch.Generator().manual_seed(0))
    noisy, target = finished(augment, clean, clean)
    assert noisy.abs().max() < 0.9 * target.abs().max()
    assert int((noisy.abs() == noisy.abs().max()).sum()) > 5


def test_silence_stays_silence():
    noisy, clean = finished(Augmenter(), torch.zeros(100), torch.zeros(100))
    assert noisy.abs().max() == 0 and torch.isfinite(clean).all()


@pytest.mark.parametrize("seed", range(5))
def test_noise_pauses_and_speech_goes_on(seed):
    augment = Augmenter(intermittent=1.0, silent_start=0.0)
    clean, noise = 0.1 * torch.ones(48000), 0.2 * torch.ones(48000)
    random = np.random.default_rng(seed)
    noisy, target = paused(augment, clean + noise, clean, random)
    assert torch.equal(target, clean)
    gate = (noisy - clean) / noise
    assert gate.min() < 0.11 and gate.max() > 0.99
    assert 0.05 * 16000 < (gate < 0.5).sum() <= 2 * 16000
    assert gate.diff().abs().max() < 0.02  # no click


@pytest.mark.parametrize("seed", range(5))
def test_a_recording_may_begin_with_silence(seed):
    augment = Augmenter(intermittent=0.0, silent_start=1.0)
    clean, noisy = 0.1 * torch.ones(48000), 0.3 * torch.ones(48000)
    random = np.random.default_rng(seed)
    after, target = paused(augment, noisy, clean, random)
    assert torch.allclose(after, 3 * target, atol=1e-6)
    silent = int((after == 0).sum())
    assert 0.09 * 16000 <= silent <= 1.5 * 16000
    assert after[:silent].abs().max() == 0
    assert torch.equal(after[silent + 100 :], noisy[silent + 100 :])


@pytest.mark.parametrize("seed", range(5))
def test_a_room_begins_with_the_direct_sound(seed):
    response = room_response(np.random.default_rng(seed))
    assert response[0] == 1.0 and response[1:40].abs().max() == 0
    assert response[1:].norm() <= 1.001


def test_speed_changes_the_pitch_and_nothing_else():
    def tone(hertz, samples):
        time = torch.arange(samples, dtype=torch.float64) / 16000
        return torch.sin(2 * torch.pi * hertz * time).float()

    wav = tone(500, 32000)
    for samples in (24000, 40000):
        wanted = tone(500 * 32000 / samples, samples)
        assert torch.allclose(at_speed(wav, samples), wanted, atol=1e-4)
    assert at_speed(wav, 32000) is wav


@pytest.mark.parametrize("read", [24000 // 640 * 640, 48000, 76800])
@pytest.mark.parametrize("room", [False, True])
def test_speed_and_colour_in_one_transform(read, room):
    wav = torch.randn(read, generator=torch.Generator().manual_seed(0))
    augment = Augmenter()
    wanted = coloured(augment, at_speed(wav, 48000), room)
    got = coloured(augment, wav, room, 48000)
    error = (got - wanted)[1000:-1000].norm() / wanted.norm()
    assert got.shape == (48000,) and float(error) < 0.02


def test_what_is_read_for_a_speed_is_in_range():
    augment = Augmenter(noise_speed=(0.5, 2.0), noise_speed_chance=1.0)
    random = generator()
    read = [augment.source_samples(48000, random, speech=False) for _ in range(200)]
    assert 24000 <= min(read) < 26000 and 88000 < max(read) <= 96000
    never = Augmenter(speech_speed_chance=0.0)
    assert never.source_samples(48000, random, speech=True) == 48000


@pytest.mark.parametrize("seed", range(8))
def test_machine_noise_is_noise_without_gaps(seed):
    noise = machine_noise(48000, np.random.default_rng(seed))
    power = noise.reshape(10, 4800).square().mean(1)
    assert noise.shape == (48000,) and torch.isfinite(noise).all()
    assert power.min() > 0.1 * power.max() > 1e-4
