"""Losses are smallest where nothing is wrong."""

import pytest
import torch

from pvsd_modules.training.losses import CompressedSpectralLoss, FeatureL1, LipLoss


def signals():
    torch.manual_seed(0)
    return 0.1 * torch.randn(2, 4000), 0.1 * torch.randn(2, 4000)


def test_feature_loss():
    a, b = torch.rand(2, 4, 514), torch.rand(2, 4, 514)
    loss = FeatureL1()
    assert loss({"features": a}, {"features": a}) == 0
    value = loss({"features": a}, {"features": b})
    assert float(value) == pytest.approx(float((a - b).abs().mean()))


def test_spectral_loss_is_zero_on_equal_signals_and_grows_with_the_error():
    clean, noise = signals()
    loss = CompressedSpectralLoss(sdr_weight=0.0)
    targets = {"clean": clean, "noisy": clean + noise}
    values = [
        float(loss({"enhanced": clean + share * noise}, targets))
        for share in (0.0, 0.1, 0.5, 1.0)
    ]
    assert values[0] == pytest.approx(0.0, abs=1e-9)
    assert values == sorted(values) and values[1] > 1e-4


def test_the_sdr_term_prefers_the_clean_signal():
    clean, noise = signals()
    targets = {"clean": clean, "noisy": clean + noise}
    only = CompressedSpectralLoss(sdr_weight=1.0)
    without = CompressedSpectralLoss(sdr_weight=0.0)
    terms = [
        float(only({"enhanced": x}, targets) - without({"enhanced": x}, targets))
        for x in (clean, clean + 0.3 * noise, noise)
    ]
    assert terms[0] == pytest.approx(-4.0, abs=0.01)  # bounded at 40 dB
    assert terms == sorted(terms)


@pytest.mark.parametrize("scale_invariant", [False, True])
def test_the_sdr_term_minds_the_level_unless_told_not_to(scale_invariant):
    clean, noise = signals()
    targets = {"clean": clean, "noisy": clean + noise}
    options = {"scale_invariant": scale_invariant}
    only = CompressedSpectralLoss(sdr_weight=1.0, **options)
    without = CompressedSpectralLoss(sdr_weight=0.0, **options)
    quiet = {"enhanced": 0.8 * (clean + 0.01 * noise)}
    right = {"enhanced": clean + 0.01 * noise}
    terms = [float(only(x, targets) - without(x, targets)) for x in (quiet, right)]
    if scale_invariant:
        assert terms[0] == pytest.approx(terms[1], abs=0.01)
    else:
        assert terms[0] == pytest.approx(-1.4, abs=0.02)  # 20 log10 of 5, in 10 dB
        assert terms[1] < terms[0] - 1.0


@pytest.mark.parametrize("gain", [0.001, 1.0, 30.0])
def test_loud_and_quiet_recordings_weigh_the_same(gain):
    clean, noise = signals()
    loss = CompressedSpectralLoss(sdr_weight=0.0)

    def value(scale):
        targets = {"clean": scale * clean, "noisy": scale * (clean + noise)}
        return float(loss({"enhanced": scale * (clean + 0.5 * noise)}, targets))

    assert value(gain) == pytest.approx(value(1.0), rel=0.1)


def test_silence_has_finite_loss_and_gradient():
    enhanced = torch.zeros(1, 4000, requires_grad=True)
    silence = torch.zeros(1, 4000)
    value = CompressedSpectralLoss()(
        {"enhanced": enhanced}, {"clean": silence, "noisy": silence}
    )
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(enhanced.grad).all()


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


@pytest.mark.parametrize("options", [{}, {"loudness_weight": 0.1}])
def test_losses_of_items_do_not_depend_on_their_batch(options):
    torch.manual_seed(0)
    samples = [4000, 2503, 1300]
    lengths = torch.tensor(samples) / 4000
    noisy, clean, enhanced = 0.1 * torch.randn(3, 3, 4000)
    for signals in (noisy, clean):
        for row, count in zip(signals, samples, strict=True):
            row[count:] = 0
    loss = CompressedSpectralLoss(**options)
    targets = {"noisy": noisy, "clean": clean}
    together = loss({"enhanced": enhanced}, targets, lengths, reduction="batch")
    for i, count in enumerate(samples):
        row = (slice(i, i + 1), slice(count))
        targets = {"noisy": noisy[row], "clean": clean[row]}
        alone = loss({"enhanced": enhanced[row]}, targets)
        assert float(alone) == pytest.approx(float(together[i]), rel=1e-4)
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
