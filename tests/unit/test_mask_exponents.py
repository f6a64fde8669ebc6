"""Powers of masks by frequency: what they change, and what they leave alone."""

import pytest
import torch

from pvsd_modules.models.open.mask_exponents import MaskExponents
from pvsd_modules.models.open.wide_denoiser import WideDenoiser

BINS = 241


def gains_of(exponents, gain):
    mask = torch.zeros(1, 1, BINS, 2)
    mask[..., 1] = gain
    out = MaskExponents(exponents)(mask)
    assert (out[..., 0] == 0).all()  # the phase stays
    return out[0, 0, :, 1]


def test_a_power_of_its_own_for_every_frequency():
    out = gains_of({1000: 0.5, 3000: 1.0}, 0.25)
    bin_hz = torch.arange(BINS) * 8000 / 240
    power = (0.5 + 0.5 * (bin_hz - 1000) / 2000).clamp(0.5, 1.0)
    torch.testing.assert_close(out, 0.25**power)


@pytest.mark.parametrize("gain", [1.0, 1.4, 0.0])
def test_masks_of_one_and_more_and_of_nothing_stay(gain):
    torch.testing.assert_close(gains_of({0: 0.7}, gain), torch.full((BINS,), gain))


def test_masks_below_the_lowest_are_scaled_as_it_is():
    small, lowest = gains_of({0: 0.5}, 0.001), gains_of({0: 0.5}, 0.01)
    torch.testing.assert_close(small, lowest / 10)
    torch.testing.assert_close(lowest, torch.full((BINS,), 0.1))


def test_gradients_are_finite():
    mask = torch.zeros(1, 1, BINS, 2, requires_grad=True)
    MaskExponents({0: 0.5})(mask).sum().backward()
    assert torch.isfinite(mask.grad).all()


@pytest.mark.parametrize("exponents", [{}, {1000: 0.0}, {1000: 1.0, 2000: -0.5}])
def test_what_is_no_exponent_is_refused(exponents):
    with pytest.raises(ValueError, match="Exponents above 0 are needed"):
        MaskExponents(exponents)


def test_a_denoiser_with_them_has_the_same_weights_and_removes_less():
    torch.manual_seed(0)
    sizes = {"channels": 8, "full_band_channels": 16}
    plain, raised = (
        WideDenoiser(**sizes, mask_exponents=powers).eval()
        for powers in (None, {0: 0.5, 4000: 1.0})
    )
    raised.load_state_dict(plain.state_dict(), strict=True)
    noisy = 0.02 * torch.randn(1, 16000)
    with torch.no_grad():
        before, after = (net(noisy)["features"] for net in (plain, raised))
    before, after = (part.square().sum(-1).sum(1)[0] for part in (before, after))
    assert (after[2:100] > 1.05 * before[2:100]).all()
    torch.testing.assert_close(after[120:], before[120:])
