"""The stream of the open family gives what one pass over everything gives."""

import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.recurrent_stream import RecurrentStream
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.wide_denoiser import WideDenoiser

LENGTHS = (1, 159, 160, 161, 320, 639, 640, 641, 1279, 1281, 2400, 5000, 12801)


# Look-aheads in frames and steps, delay of the lips, seconds of the level's memory.
SETTINGS = {
    "offline": (2, 6, 0, 3.0),
    "live": (0, 0, 2, 0.1),
    "late": (1, 2, 10, 0.0),
}


def small(**settings):
    return WideDenoiser(**{"channels": 8, "full_band_channels": 16} | settings)


@pytest.fixture(scope="module", params=SETTINGS)
def networks(request):
    torch.manual_seed(0)
    frames, steps, delay, seconds = SETTINGS[request.param]
    student = OpenLipGenerator(
        16, layers=1, motions=4, lookahead_frames=frames, level_seconds=seconds
    )
    denoiser = small(
        lookahead_steps=steps, lip_delay_steps=delay, level_seconds=seconds
    )
    # Fresh statistics would hide a stream that mistreats them.
    norm = denoiser.lip_encoder.pixel_norm
    norm.running_mean.uniform_(-0.2, 0.2)
    norm.running_var.uniform_(0.5, 1.5)
    for network in (student, denoiser):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.5)  # makes the dependence on lips and past plain
    return student.eval(), denoiser.eval()


def offline(networks, noisy, mode):
    student, denoiser = networks
    drawn = student(noisy)
    lips = {"student": drawn, "zeros": torch.zeros_like(drawn), "none": None}[mode]
    return denoiser(noisy, lips)["enhanced"], lips


def streamed(stream, noisy, sizes):
    parts = [stream.feed(part) for part in noisy.split(sizes, 1)] + [stream.flush()]
    audio = torch.cat([part.audio for part in parts], 1)
    return audio, torch.cat([part.lips for part in parts], 1), parts


def chunks(total, seed):
    """Random sizes that add up to a total, some of them zero."""
    cuts = torch.randint(
        0, total + 1, (5,), generator=torch.Generator().manual_seed(seed)
    )
    edges = [0, *sorted(cuts.tolist()), total]
    return [b - a for a, b in zip(edges, edges[1:], strict=False)]


@torch.no_grad()
@pytest.mark.parametrize("mode", ["student", "zeros", "none"])
@pytest.mark.parametrize("samples", LENGTHS)
def test_stream_equals_one_pass(networks, mode, samples):
    torch.manual_seed(samples)
    noisy = 0.3 * torch.randn(2, samples)
    whole, lips = offline(networks, noisy, mode)
    stream = RecurrentStream(*networks, lips=mode)
    for seed in range(2):  # the second time with a stream that was flushed
        audio, seen, _ = streamed(stream, noisy, chunks(samples, seed))
        assert audio.shape == noisy.shape
        assert torch.allclose(audio, whole, atol=1e-5)
        if lips is not None:
            assert torch.allclose(seen, lips, atol=1e-5)
        else:
            assert seen.shape[1] == 0


@torch.no_grad()
def test_modes_differ(networks):
    noisy = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0))
    modes = ("student", "zeros", "none")
    results = [offline(networks, noisy, mode)[0] for mode in modes]
    assert not torch.allclose(results[0], results[1], atol=1e-4)
    assert not torch.allclose(results[1], results[2], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("mode", ["student", "none"])
def test_latency_is_what_is_stated(networks, mode):
    stream = RecurrentStream(*networks, lips=mode)
    given = taken = 0
    for size in (100, 540, 641, 1, 3000, 640, 639, 2000):
        taken += size
        given += stream.feed(torch.randn(1, size)).audio.shape[1]
        assert taken - given <= stream.latency_samples
    assert given > 0


@torch.no_grad()
def test_a_stream_is_as_late_as_it_says(networks):
    stream = RecurrentStream(*networks)
    given = worst = 0
    for taken in range(160, 16001, 160):
        if taken > 4800:  # before, the first frames of the lips are waited for
            worst = max(worst, taken - given)
        given += stream.feed(torch.randn(1, 160)).audio.shape[1]
    assert worst - 160 < stream.latency_samples <= worst + 159


@torch.no_grad()
@pytest.mark.parametrize("mode", ["student", "none"])
def test_nothing_past_the_look_ahead_counts(networks, mode):
    noisy = torch.randn(1, 9600, generator=torch.Generator().manual_seed(0))
    changed = noisy.clone()
    changed[:, 6400:] += 1.0
    a, b = offline(networks, noisy, mode)[0], offline(networks, changed, mode)[0]
    safe = 6400 - RecurrentStream(*networks, lips=mode).latency_samples
    assert torch.allclose(a[:, :safe], b[:, :safe], atol=1e-6)
    assert not torch.allclose(a[:, safe:6400], b[:, safe:6400], atol=1e-4)


@torch.no_grad()
def test_lips_hear_their_look_ahead_and_no_more(networks):
    student = networks[0]
    noisy = torch.randn(1, 9600, generator=torch.Generator().manual_seed(0))
    changed = noisy.clone()
    changed[:, 6400:] += 1.0  # from frame 10 on
    same = (student(noisy) - student(changed)).abs().amax((0, 2, 3, 4))
    first = 10 - student.lookahead_frames
    assert same[:first].max() < 1e-6
    assert same[first] > 1e-5


@torch.no_grad()
def test_a_live_stream_is_at_most_40_ms_late():
    student = OpenLipGenerator(channels=16, layers=1, motions=4, lookahead_frames=0)
    denoiser = small(lookahead_steps=0, lip_delay_steps=2)
    stream = RecurrentStream(student.eval(), denoiser.eval())
    assert stream.latency_samples == 640
    given = 0
    for chunk in range(1, 60):
        given += stream.feed(torch.randn(1, 160)).audio.shape[1]
        assert given >= 160 * chunk - 640


def test_an_audio_only_baseline_is_not_streamed():
    student = OpenLipGenerator(channels=16, layers=1, motions=4)
    baseline = small(baseline_of=student)
    with pytest.raises(PvsdError, match="engine: whole"):
        RecurrentStream(student, baseline)


def test_an_empty_stream_gives_nothing(networks):
    chunk = RecurrentStream(*networks).flush()
    assert chunk.audio.shape == (1, 0) and chunk.lips.shape[1] == 0


def test_what_cannot_be_streamed_is_told(networks):
    student, denoiser = networks
    with pytest.raises(PvsdError, match="real cannot be streamed"):
        RecurrentStream(student, denoiser, lips="real")
    with pytest.raises(PvsdError, match="needs a student"):
        RecurrentStream(None, denoiser)
    RecurrentStream(None, denoiser, lips="none")
