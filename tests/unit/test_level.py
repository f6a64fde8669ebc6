"""The input of networks has the same level for every recording."""

import pytest
import torch

from pvsd_modules.models.open.level import PRIOR_STEPS, TARGET, RunningLevel
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.spectra import CausalSTFT
from pvsd_modules.models.open.wide_denoiser import WideDenoiser


def test_the_level_is_that_of_the_samples():
    torch.manual_seed(0)
    spectrum = CausalSTFT()(0.05 * torch.randn(1, 160000))
    means, _ = RunningLevel(1.0).level(spectrum)
    assert means[0, 600:-2].numpy() == pytest.approx(0.05, rel=0.1)


def test_the_mean_is_what_its_definition_says():
    torch.manual_seed(0)
    spectrum = torch.rand(2, 1300, 241, 2)  # more than two blocks
    level = RunningLevel(0.7)
    means, _ = level.level(spectrum)
    rms = (spectrum[:, :, 3:].square().sum((2, 3)) * 4 / 480**2).sqrt()
    total, count = torch.full((2,), TARGET * PRIOR_STEPS), PRIOR_STEPS
    for step in range(1300):
        total = level.decay * total + rms[:, step]
        count = level.decay * count + 1
        assert torch.allclose(means[:, step], total / count, rtol=1e-3), step


def test_pieces_give_what_the_whole_gives():
    torch.manual_seed(0)
    spectrum = torch.rand(2, 1300, 241, 2) * torch.linspace(0, 1, 1300)[:, None, None]
    level = RunningLevel(0.7)
    whole, _ = level(spectrum)
    past, parts = None, []
    for piece in spectrum.split([1, 700, 13, 586], 1):
        part, past = level(piece, past)
        parts.append(part)
    assert torch.allclose(torch.cat(parts, 1), whole, rtol=1e-4)


def test_silence_is_not_amplified_and_not_counted():
    torch.manual_seed(0)
    level = RunningLevel(3.0)
    assert level(torch.zeros(1, 5000, 241, 2))[0].abs().max() == 0
    speech, quiet = torch.rand(2, 50, 241, 2), torch.full((2, 5000, 241, 2), 1e-4)
    quiet[1] = 0.0
    after = level(torch.cat([quiet, speech], 1))[0]
    assert torch.allclose(after[:, 5000:], level(speech)[0], rtol=1e-4)
    assert after[:, :5000].abs().max() < 2e-4


@pytest.mark.parametrize("gain", [0.01, 10.0])
def test_a_louder_recording_gives_the_same_but_louder(gain):
    torch.manual_seed(0)
    denoiser = WideDenoiser(channels=8, level_seconds=0.5).eval()
    student = OpenLipGenerator(16, 1, 4, level_seconds=0.5).eval()
    noisy = 0.05 * torch.randn(1, 80000)
    with torch.no_grad():
        lips, loud_lips = student(noisy), student(gain * noisy)
        enhanced = denoiser(noisy, lips)["enhanced"]
        loud = denoiser(gain * noisy, loud_lips)["enhanced"]
    # From then on the level that was assumed before the beginning is forgotten.
    late = slice(48000, None)
    scale = enhanced[:, late].abs().max()
    assert (loud[:, late] / gain - enhanced[:, late]).abs().max() < 0.02 * scale
    assert torch.allclose(loud_lips[:, -5:], lips[:, -5:], atol=0.01)
