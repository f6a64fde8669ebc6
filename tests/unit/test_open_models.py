"""The open family's lips: what generates them and what reads them."""

import pytest
import torch

from pvsd_modules.models.open.lip_encoder import LipEncoder
from pvsd_modules.models.open.lip_generator import OpenLipGenerator


@pytest.mark.parametrize("samples", [1, 639, 640, 641, 1500])
def test_lips_have_a_frame_for_each_640_samples(samples):
    generator = OpenLipGenerator(16, 1, 4)
    lips = generator(torch.randn(2, samples))
    assert lips.shape == (2, -(-samples // 640), 48, 96, 3)
    assert lips.min() >= 0 and lips.max() <= 1


def test_an_item_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    student = OpenLipGenerator(16, 1, 4).eval()
    noisy = torch.randn(3, 2000)
    with torch.no_grad():
        together, alone = student(noisy), student(noisy[1:2])
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_lips_of_silence_and_loudness_stay_finite():
    student = OpenLipGenerator(16, 1, 4).eval()
    for level in (0.0, 1e-4, 100.0):
        assert torch.isfinite(student(level * torch.ones(1, 1500))).all()


def test_a_slight_motion_fills_what_the_lip_encoder_says():
    torch.manual_seed(0)
    encoder = LipEncoder(16)
    encoder.pixel_norm.momentum = 0.5  # settles in a few passes
    still, motion = torch.rand(48, 96, 3), 0.01 * torch.randn(48, 96, 1)
    lips = still + torch.randn(4, 25, 1, 1, 1) * motion
    with torch.no_grad():
        for _ in range(50):
            encoder(lips)
        codes = encoder.eval()(lips)
    assert codes.var(1).sum() > 0.3 * codes.square().mean(1).sum()
    with torch.no_grad():
        assert encoder(torch.zeros_like(lips)).isfinite().all()
