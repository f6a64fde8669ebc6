"""Mel windows and spectra: shapes, scales, types and the way back."""

import math

import pytest
import torch

from pvsd_modules.models.paper.features import (
    MagnitudePhase,
    Wav2LipMel,
    slaney_mel_basis,
)


def tone(hertz, samples=16000, level=0.5):
    return level * torch.sin(2 * math.pi * hertz * torch.arange(samples) / 16000)


def noise(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator) - 0.5


def test_mel_filters_have_unit_area_and_cover_the_band():
    basis = slaney_mel_basis(4001, 80, 55.0, 7600.0)
    step = 8000 / 4000  # Hz between bins
    assert torch.allclose(basis.sum(1) * step, torch.ones(80).double(), atol=1e-2)
    grid = torch.linspace(0, 8000, 4001)
    assert (basis[:, grid <= 55] == 0).all() and (basis[:, grid >= 7600] == 0).all()
    assert (basis[:, (grid > 60) & (grid < 7590)].sum(0) > 0).all()


def test_mel_filters_are_linear_below_1_khz_and_logarithmic_above():
    basis = slaney_mel_basis(8001, 80, 55.0, 7600.0)
    centres = basis.argmax(1).double()  # 1 Hz a bin
    low, high = centres[centres < 900], centres[centres > 1100]
    assert low.diff().max() - low.diff().min() <= 1
    ratios = high[1:] / high[:-1]
    assert ratios.max() - ratios.min() < 2e-3


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_mel_takes_any_leading_dimensions(lead):
    windows = noise(*lead, 3200)
    mels = Wav2LipMel()(windows)
    assert mels.shape == (*lead, 80, 16)
    one_by_one = [Wav2LipMel()(window) for window in windows.reshape(-1, 3200)]
    assert torch.allclose(mels.reshape(-1, 80, 16), torch.stack(one_by_one), atol=1e-5)


def test_mel_of_no_windows_is_empty():
    assert Wav2LipMel()(torch.zeros(2, 0, 3200)).shape == (2, 0, 80, 16)


def test_mel_of_silence_and_of_a_loud_sound_stays_in_range():
    assert (Wav2LipMel()(torch.zeros(3200)) == -4).all()
    assert Wav2LipMel()(100 * noise(3200)).max() == 4


def test_mel_peaks_at_the_tone():
    basis = slaney_mel_basis(401, 80, 55.0, 7600.0)
    for hertz in (300, 1000, 4000):
        peak = Wav2LipMel()(tone(hertz, 3200))[:, 8].argmax()
        assert abs(peak - basis[:, hertz // 20].argmax()) <= 1


def test_twice_the_amplitude_is_6_db_more():
    quiet, loud = (Wav2LipMel()(tone(500, 3200, level)) for level in (0.05, 0.1))
    step = (loud - quiet)[12, 4:12]  # clear of the floor and of the edges
    assert torch.allclose(step, torch.full((8,), 8 * 6.0206 / 100), atol=1e-3)


def test_mel_has_no_state_to_save_and_keeps_at_least_float32():
    mel = Wav2LipMel()
    assert not mel.state_dict()
    assert mel(noise(3200).bfloat16()).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mel(noise(3200))
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, mel(noise(3200)))


def test_spectrum_shape_and_range():
    spectra = MagnitudePhase()(noise(2, 16000))
    assert spectra.shape == (2, 101, 514)
    assert spectra.dtype == torch.float32
    assert spectra.min() >= 0 and spectra.max() <= 1


def test_spectrum_of_a_tone():
    spectrum = MagnitudePhase()(tone(1000)[None])[0, 50]
    assert spectrum[:257].argmax() == 32  # 1000 / 31.25
    # A sine of 0.5 under a Hann window of sum 200 peaks at 0.5 * 200 / 2.
    decibels = 20 * math.log10(50)
    assert spectrum[32].item() == pytest.approx((decibels + 100) / 180, abs=1e-4)


@pytest.mark.parametrize("samples", [257, 640, 1599, 1600, 1601, 16000])
def test_the_way_back_gives_the_signal(samples):
    wav = noise(2, samples)
    spectra = MagnitudePhase()
    # The end of a length that is no multiple of the hop needs one more step.
    padded = torch.nn.functional.pad(wav, (0, -samples % 160))
    restored = spectra.inverse(spectra(padded), samples)
    assert restored.shape == wav.shape
    assert (restored - wav).abs().max() < 1e-5


def test_the_way_back_without_a_length_is_the_originals():
    spectra = MagnitudePhase()
    wav = noise(1, 16000)
    assert spectra.inverse(spectra(wav)[:, :100]).shape == (1, 15840)


def test_the_way_back_carries_gradients():
    features = MagnitudePhase()(noise(1, 1600)).requires_grad_()
    MagnitudePhase().inverse(features, 1600).square().sum().backward()
    assert features.grad.isfinite().all() and features.grad.abs().max() > 0
