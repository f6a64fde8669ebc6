"""The cheaper loss of the denoiser."""

import pytest
import torch

from pvsd_modules.models.open.spectra import CausalSTFT
from pvsd_modules.training.denoising_loss import DenoisingLoss
from pvsd_modules.training.losses import CompressedSpectralLoss


def predictions(wav):
    return {"enhanced": wav, "features": CausalSTFT()(wav)}


def signals(seed=0):
    torch.manual_seed(seed)
    gate = (torch.sin(torch.arange(16000) / 900) > 0).float()
    clean = 0.1 * gate * torch.randn(2, 16000)
    return clean + 0.05 * torch.randn(2, 16000), clean


def test_it_is_the_package_s_other_loss_where_both_compare_the_same():
    noisy, clean = signals()
    targets = {"noisy": noisy, "clean": clean}
    loss = DenoisingLoss(sdr_weight=0.02, loudness_weight=0.0)
    other = CompressedSpectralLoss(resolutions=(480, 960), sdr_weight=0.02)
    for wav in (noisy, 0.5 * clean, clean + 0.01):
        expected = float(other({"enhanced": wav}, targets))
        assert float(loss(predictions(wav), targets)) == pytest.approx(
            expected, rel=0.15, abs=0.01
        )


def test_less_noise_is_better_and_clean_is_best():
    noisy, clean = signals()
    loss = DenoisingLoss()
    values = [
        float(loss(predictions(wav), {"noisy": noisy, "clean": clean}))
        for wav in (clean, 0.9 * clean + 0.1 * noisy, 0.5 * clean + 0.5 * noisy, noisy)
    ]
    assert values == sorted(values)


@pytest.mark.parametrize("gain", [0.1, 30.0])
def test_the_level_does_not_matter(gain):
    noisy, clean = signals()
    loss = DenoisingLoss()
    one = loss(predictions(noisy), {"noisy": noisy, "clean": clean})
    other = loss(
        predictions(gain * noisy), {"noisy": gain * noisy, "clean": gain * clean}
    )
    assert float(other) == pytest.approx(float(one), rel=0.02)


@pytest.mark.parametrize("samples", [480, 1000, 48000])
def test_silence_and_any_length_have_finite_gradients(samples):
    loss = DenoisingLoss()
    wav = torch.zeros(2, samples)
    wav[1] = torch.randn(samples)
    enhanced = (0.5 * wav).requires_grad_()
    loss(predictions(enhanced), {"noisy": wav, "clean": wav}).backward()
    assert enhanced.grad.isfinite().all()
