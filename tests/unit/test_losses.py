"""Losses are smallest where nothing is wrong."""

import pytest
import torch

from pvsd_modules.training.losses import FeatureL1, LipLoss


def test_feature_loss():
    a, b = torch.rand(2, 4, 514), torch.rand(2, 4, 514)
    loss = FeatureL1()
    assert loss({"features": a}, {"features": a}) == 0
    value = loss({"features": a}, {"features": b})
    assert float(value) == pytest.approx(float((a - b).abs().mean()))


def test_lip_loss_and_its_motion():
    torch.manual_seed(0)
    lips = torch.rand(1, 4, 48, 96, 3)
    assert LipLoss(0.5, 20.0)(lips, lips) == 0
    shifted = lips + 0.1  # wrong everywhere, but it moves as it should
    assert float(LipLoss(0.0)(shifted, lips)) == pytest.approx(0.1, rel=1e-3)
    assert float(LipLoss(0.5)(shifted, lips)) == pytest.approx(0.1, rel=1e-3)
    still = lips.mean(1, keepdim=True).expand_as(lips)
    assert LipLoss(0.5)(still, lips) > LipLoss(0.0)(still, lips) + 0.05
    scaled = LipLoss(0.0, 20.0)(still, lips)
    assert float(scaled) == pytest.approx(20 * float(LipLoss()(still, lips)), rel=1e-4)


def test_losses_of_items_do_not_depend_on_their_batch():
    torch.manual_seed(0)
    lips, frames = torch.rand(2, 3, 6, 48, 96, 3), torch.tensor([6, 4, 2])
    loss = LipLoss(0.5, 20.0, 20.0)
    together = loss(*lips, frames / 6, reduction="batch")
    for i, count in enumerate(frames):
        alone = loss(*lips[:, i : i + 1, :count])
        assert float(alone) == pytest.approx(float(together[i]), rel=1e-5)
    spectra, steps = torch.rand(2, 2, 8, 514), torch.tensor([8, 5])
    given, wanted = ({"features": x} for x in spectra)
    together = FeatureL1()(given, wanted, steps / 8, reduction="batch")
    for i, count in enumerate(steps):
        alone = (spectra[0] - spectra[1])[i, :count].abs().mean()
        assert float(alone) == pytest.approx(float(together[i]), rel=1e-5)
