"""Input formulas, mels, spectra and mixtures of the reference run."""

import parity_reference as reference
import pytest
import torch

from pvsd_modules.alignment import lip_windows
from pvsd_modules.data.mixing import mix_at_snr
from pvsd_modules.models.paper.features import MagnitudePhase, Wav2LipMel


def close(ours, theirs, tolerance):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max().item() <= tolerance


def test_input_formula(clean, stored):
    close(clean[:64], stored["wave"], 1e-7)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_mel(clean, stored, precision):
    windows = reference.mel_windows(clean.to(precision), [1280], 25)[0]
    mel = Wav2LipMel()(windows)
    assert mel.dtype == precision
    close(mel.double(), stored["mel"].double(), 1e-5)


def test_mel_of_the_packages_own_windows(clean, stored):
    # The clip starts at sample 1280, which is frame 2 of the whole signal.
    windows = lip_windows(clean[None])[:, 2:27]
    close(Wav2LipMel()(windows)[0], stored["mel"], 1e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_mel_of_the_whole_signal(clean, stored, precision):
    whole = Wav2LipMel().whole(clean.to(precision))
    close(whole.double(), stored["mel_full"].double(), 1e-4)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_spectrum(clean, stored, precision):
    spectrum = MagnitudePhase()(clean[None, 1280:17280].to(precision))[0, :100]
    assert spectrum.dtype == precision
    wrong = (spectrum.double() - stored["spec"].double()).abs()
    assert wrong[:, :257].max() <= 1e-4
    circular = torch.minimum(wrong[:, 257:], 1 - wrong[:, 257:])
    assert circular.max() <= 1e-4
    assert wrong[1:, 257:].max() <= 1e-4  # outside of frame 0 nothing flips


def test_stored_phases_of_frame_0_are_the_reference_runs(spectra, stored):
    close(spectra["clean"][0], stored["spec"], 1e-6)


@pytest.mark.parametrize("snr", [0, 5, 10])
def test_mixtures(clean, stored, snr):
    mixed = mix_at_snr(clean, reference.noise_wave(), float(snr))
    close(mixed[16000:16064], stored[f"add_noise_snr{snr}"], 1e-6)
