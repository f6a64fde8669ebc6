"""The open family's networks."""

import pytest
import torch

from pvsd_modules.models.open.denoiser import OpenDenoiser
from pvsd_modules.models.open.lip_encoder import LipEncoder
from pvsd_modules.models.open.lip_generator import OpenLipGenerator


@pytest.mark.parametrize("samples", [1, 639, 640, 641, 1500])
def test_lips_have_a_frame_for_each_640_samples(samples):
    generator = OpenLipGenerator(16, 1, 4)
    lips = generator(torch.randn(2, samples))
    assert lips.shape == (2, -(-samples // 640), 48, 96, 3)
    assert lips.min() >= 0 and lips.max() <= 1


@pytest.mark.parametrize("samples", [1, 159, 161, 641, 1500])
def test_denoiser_keeps_the_length(samples):
    denoiser = OpenDenoiser(channels=8, blocks=1)
    lips = torch.rand(2, -(-samples // 640), 48, 96, 3)
    noisy = torch.randn(2, samples)
    for seen in (lips, None):
        assert denoiser(noisy, seen)["enhanced"].shape == (2, samples)
    assert denoiser.analyse(noisy).shape == denoiser(noisy)["features"].shape


def test_an_item_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    denoiser = OpenDenoiser(channels=8, blocks=1).eval()
    student = OpenLipGenerator(16, 1, 4).eval()
    noisy = torch.randn(3, 2000)
    with torch.no_grad():
        lips = student(noisy)
        together = denoiser(noisy, lips)["enhanced"]
        alone = denoiser(noisy[1:2], student(noisy[1:2]))["enhanced"]
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_lips_reach_the_sound_and_gradients_reach_everything():
    torch.manual_seed(0)
    denoiser = OpenDenoiser(channels=8, blocks=1)
    lips = torch.rand(1, 4, 48, 96, 3, requires_grad=True)
    denoiser(torch.randn(1, 2500), lips)["enhanced"].square().sum().backward()
    assert lips.grad.abs().sum() > 0
    without = [name for name, p in denoiser.named_parameters() if p.grad is None]
    assert not without


def test_silence_and_loudness_stay_finite():
    denoiser = OpenDenoiser(channels=8, blocks=1).eval()
    student = OpenLipGenerator(16, 1, 4).eval()
    for level in (0.0, 1e-4, 100.0):
        noisy = level * torch.ones(1, 1500)
        assert torch.isfinite(denoiser(noisy, student(noisy))["enhanced"]).all()


def test_a_mask_of_one_gives_the_signal_back():
    denoiser = OpenDenoiser(channels=8, blocks=1)
    noisy = torch.randn(1, 3001)
    spectrum = denoiser.analyse(noisy)
    mask = torch.zeros_like(spectrum)
    mask[..., 0] = 1.0
    kept = denoiser.stft.inverse(denoiser.apply_mask(spectrum, mask), 3001)
    assert torch.allclose(kept, noisy, atol=1e-5)


@pytest.mark.parametrize("limit", [1.0, 1.5])
def test_a_mask_goes_to_its_limit_and_no_further(limit):
    denoiser = OpenDenoiser(channels=8, blocks=1, mask_limit=limit).eval()
    torch.nn.init.zeros_(denoiser.mask.weight)
    torch.nn.init.constant_(denoiser.mask.bias, 100.0)
    noisy = torch.randn(1, 1600)
    spectrum = denoiser.analyse(noisy)
    wanted = denoiser.apply_mask(spectrum, torch.full_like(spectrum, limit))
    assert torch.allclose(denoiser(noisy)["features"], wanted, atol=1e-4)
    torch.nn.init.constant_(denoiser.mask.bias, 0.01)
    wanted = denoiser.apply_mask(spectrum, torch.full_like(spectrum, 0.01))
    assert torch.allclose(denoiser(noisy)["features"], wanted, rtol=1e-3, atol=1e-5)


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
