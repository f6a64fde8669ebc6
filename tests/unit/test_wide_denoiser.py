"""The wide denoiser: look-ahead, levels, lips, masks, gradients."""

import pytest
import torch

from pvsd_modules.models.open.band_layers import BandSplitEncoder, CrossBandLayer
from pvsd_modules.models.open.wide_denoiser import LAYOUT, WideDenoiser


def small(**settings) -> WideDenoiser:
    return WideDenoiser(**{"channels": 8, "full_band_channels": 16} | settings)


@pytest.mark.parametrize("ahead", [0, 4])
def test_its_look_ahead_is_what_it_says(ahead):
    torch.manual_seed(0)
    denoiser = small(lookahead_steps=ahead).eval()
    wav = 0.1 * torch.randn(1, 16000)
    changed = wav.clone()
    changed[:, 8000:] *= 3.0  # from step 50, the first of a pair, on
    with torch.no_grad():
        gap = (denoiser(wav)["features"] - denoiser(changed)["features"]).abs()
    gap = gap.amax((0, 2, 3))
    assert gap[: 50 - ahead].max() == 0 and gap[50 - ahead] > 0


def test_level_does_not_matter():
    torch.manual_seed(0)
    denoiser = small().eval()
    wav = 0.02 * torch.randn(1, 48000)
    with torch.no_grad():
        out = denoiser(wav)["enhanced"]
        for gain in (0.03, 10.0):
            other = denoiser(gain * wav)["enhanced"] / gain
            late = slice(32000, None)
            error = (other - out)[:, late].norm() / out[:, late].norm()
            assert error < 0.05


def test_rumble_and_offset_are_removed_and_change_nothing():
    torch.manual_seed(0)
    denoiser = small().eval()
    wav = 0.05 * torch.randn(1, 16000)
    with torch.no_grad():
        plain, shifted = denoiser(wav), denoiser(wav + 0.1)
    assert plain["features"][:, :, :2].abs().max() == 0
    inside = slice(50, -18)  # the edges of an offset are steps, which pass
    gap = plain["features"][:, inside] - shifted["features"][:, inside]
    assert gap.abs().max() < 0.02 * plain["features"].abs().max()


def test_an_item_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    denoiser = small().eval()
    noisy, lips = torch.randn(3, 2000), torch.rand(3, 4, 48, 96, 3)
    with torch.no_grad():
        together = denoiser(noisy, lips)["enhanced"]
        alone = denoiser(noisy[1:2], lips[1:2])["enhanced"]
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_lips_reach_the_sound_and_gradients_reach_everything():
    torch.manual_seed(0)
    denoiser = small()
    lips = torch.rand(1, 4, 48, 96, 3, requires_grad=True)
    denoiser(torch.randn(1, 2500), lips)["enhanced"].square().sum().backward()
    assert lips.grad.abs().sum() > 0
    for name, parameter in denoiser.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_silence_and_loudness_stay_finite():
    denoiser = small().eval()
    for level in (0.0, 1e-4, 100.0):
        out = denoiser(level * torch.ones(1, 1500), torch.rand(1, 3, 48, 96, 3))
        assert torch.isfinite(out["enhanced"]).all()


def test_masks_stay_within_their_limits():
    denoiser = small(mask_limit=1.5).eval()
    for value, real, imaginary in ((100.0, 2.0, 1.5), (-100.0, -1.0, -1.5)):
        for layer in denoiser.masks:
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.constant_(layer.bias, value)
        noisy = torch.randn(1, 1600)
        spectrum = denoiser.analyse(noisy)
        mask = torch.zeros_like(spectrum)
        mask[:, :, 2:, 0], mask[:, :, 2:, 1] = real, imaginary
        wanted = denoiser.apply_mask(spectrum, mask)
        assert torch.allclose(denoiser(noisy)["features"], wanted, atol=1e-3)


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_blocks_can_join_and_at_first_add_nothing(blocks):
    torch.manual_seed(0)
    base, other = small(blocks=1).eval(), small(blocks=blocks)
    noisy = torch.randn(1, 4000)
    other.load_except_lip_path(base.state_dict())
    with torch.no_grad():
        found = other.eval()(noisy)["enhanced"]
        assert torch.allclose(found, base(noisy)["enhanced"], atol=1e-6)
    other(noisy)["enhanced"].square().sum().backward()
    for name, parameter in other.layers.named_parameters():
        if name.endswith("out.weight"):
            assert parameter.grad.abs().sum() > 0, name


def test_bands_cover_all_bins_once():
    assert 2 + sum(count * width for count, width in LAYOUT) >= 241
    encoder = BandSplitEncoder(((2, 3),), 1, 1, 1, overlap=1)
    with torch.no_grad():
        for group in encoder.groups:
            group.weight.fill_(1.0)
        bins = torch.arange(8.0).reshape(1, 1, 8, 1)
        # Bands of the bins 1 to 3 and 4 to 6, with an edge of one bin each.
        assert encoder(bins).flatten().tolist() == [1 + 2 + 3 + 4, 3 + 4 + 5 + 6]


def test_the_map_over_bands_reaches_all_of_them():
    torch.manual_seed(0)
    layer = CrossBandLayer(8, 6, width=3, mixed=4)
    x = torch.randn(1, 2, 6, 8, requires_grad=True)
    y, _ = layer(x)
    y[0, 0, 0].sum().backward()
    assert (x.grad[0, 0].abs().sum(-1) > 0).all() and x.grad[0, 1].abs().sum() == 0
