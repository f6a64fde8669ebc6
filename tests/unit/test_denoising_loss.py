"""The loss of the denoiser."""

import pytest
import torch

from pvsd_modules.models.open.spectra import CausalSTFT
from pvsd_modules.training.denoising_loss import DenoisingLoss, bounded_sdr


def predictions(wav):
    return {"enhanced": wav, "features": CausalSTFT()(wav)}


def signals(seed=0):
    torch.manual_seed(seed)
    gate = (torch.sin(torch.arange(16000) / 900) > 0).float()
    clean = 0.1 * gate * torch.randn(2, 16000)
    return clean + 0.05 * torch.randn(2, 16000), clean


def test_spectra_are_compared_as_the_docstring_says():
    noisy, clean = signals()
    loss = DenoisingLoss(sdr_weight=0.0, loudness_weight=0.0)
    level = noisy.square().mean(1, keepdim=True).sqrt()
    long_window = torch.hann_window(960)

    def spectra(wav):
        """Both resolutions: as the denoiser's, and 60 ms half overlapped."""
        blocks = torch.nn.functional.pad(wav / level, (0, 320)).unfold(1, 960, 480)
        long = torch.fft.rfft(blocks * long_window)
        short = torch.view_as_complex(CausalSTFT()(wav / level))
        return (short / 480**0.5, long / 960**0.5)

    def compressed(spectrum):
        magnitude = (spectrum.abs().square() + 1e-6).sqrt()
        return magnitude**0.3, spectrum * magnitude**-0.7

    for wav in (noisy, 0.5 * clean, clean + 0.01):
        expected = 0.0
        for found, wanted in zip(spectra(wav), spectra(clean), strict=True):
            (size, one), (other_size, other) = compressed(found), compressed(wanted)
            product = (one * other.conj()).real
            distance = size.square() + other_size.square() - 2 * product
            error = 0.7 * (size - other_size).square() + 0.3 * distance
            expected += float(error.mean()) / 2
        targets = {"noisy": noisy, "clean": clean}
        assert float(loss(predictions(wav), targets)) == pytest.approx(expected, 1e-3)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_sdr_is_bounded_and_minds_the_level(gain):
    _, clean = signals()
    noise = torch.randn(2, 16000)
    found = bounded_sdr(gain * clean, clean)
    wanted = {0.5: 6.0, 1.0: 40.0, 2.0: 0.0}[gain]
    assert found.tolist() == pytest.approx([wanted] * 2, abs=0.1)
    assert bounded_sdr(1e3 * noise, clean).tolist() == pytest.approx([-30, -30], abs=1)
    assert (bounded_sdr(noise, 0 * clean) == 0).all()


def test_the_sdr_term_prefers_the_clean_signal():
    noisy, clean = signals()
    targets = {"noisy": noisy, "clean": clean}
    only, without = DenoisingLoss(sdr_weight=1.0), DenoisingLoss(sdr_weight=0.0)
    terms = [
        float(only(predictions(x), targets) - without(predictions(x), targets))
        for x in (clean, 0.8 * clean, 0.5 * clean + 0.5 * noisy, noisy)
    ]
    assert terms[0] == pytest.approx(-4.0, abs=0.01)  # bounded at 40 dB
    assert terms == sorted(terms)


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_the_loss_of_an_item_does_not_depend_on_its_batch(weight):
    torch.manual_seed(0)
    samples = [4800, 2880, 1440]
    lengths = torch.tensor(samples) / 4800
    noisy, clean, enhanced = 0.1 * torch.randn(3, 3, 4800)
    for wavs in (noisy, clean, enhanced):
        for row, count in zip(wavs, samples, strict=True):
            row[count:] = 0
    loss = DenoisingLoss(loudness_weight=weight)
    targets = {"noisy": noisy, "clean": clean}
    together = loss(predictions(enhanced), targets, lengths, reduction="batch")
    for i, count in enumerate(samples):
        row = (slice(i, i + 1), slice(count))
        targets = {"noisy": noisy[row], "clean": clean[row]}
        alone = loss(predictions(enhanced[row]), targets, torch.ones(1))
        assert float(alone) == pytest.approx(float(together[i]), rel=1e-4)


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
