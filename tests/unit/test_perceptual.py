"""The loudness loss follows PESQ and has a useful gradient."""

import pytest
import torch

from pvsd_modules.models.open.spectra import CausalSTFT
from pvsd_modules.training.denoising_loss import DenoisingLoss
from pvsd_modules.training.loudness_loss import LoudnessLoss


def speechlike(seconds=2, seed=0):
    """Harmonics with a syllable rhythm, ``[1, time]``."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(16000 * seconds) / 16000
    tone = sum(torch.sin(2 * torch.pi * 120 * k * time) / k for k in range(1, 30))
    rhythm = torch.sin(2 * torch.pi * 3 * time).clamp(min=0)
    breath = 0.01 * torch.randn(len(time), generator=generator)
    return (0.1 * tone * rhythm + breath * rhythm)[None]


def noise(seed=1):
    return torch.randn(1, 32000, generator=torch.Generator().manual_seed(seed))


def test_grows_with_the_noise():
    clean, loss = speechlike(), LoudnessLoss()
    values = [float(loss(clean + g * noise(), clean)) for g in (0, 0.003, 0.01, 0.1)]
    assert values[0] < 1e-3
    assert values == sorted(values) and values[1] > 0.05


@pytest.mark.parametrize("gain", [0.01, 1.0, 30.0])
def test_does_not_depend_on_the_level_of_the_recording(gain):
    clean, loss = speechlike(), LoudnessLoss()
    noisy = clean + 0.02 * noise()
    expected = float(loss(noisy, clean))
    assert float(loss(gain * noisy, gain * clean)) == pytest.approx(expected, rel=1e-3)


def test_added_sound_is_worse_than_missing_sound():
    clean, loss = speechlike(), LoudnessLoss(symmetric=0.0)
    hiss = 0.02 * noise()
    assert loss(clean + hiss, clean) > loss(clean, clean + hiss) + 0.1


def test_a_steady_colour_is_forgiven_and_a_burst_is_not():
    clean, loss = speechlike(), LoudnessLoss()
    spectrum = torch.fft.rfft(clean)
    tilt = torch.linspace(1.4, 0.7, spectrum.shape[-1])
    coloured = torch.fft.irfft(spectrum * tilt)
    burst = clean.clone()
    error = float((coloured - clean).square().sum())
    burst[:, 8000:9600] += (error / 1600) ** 0.5 * noise()[:, :1600]
    assert loss(coloured, clean) < 0.3 * loss(burst, clean)


def test_quiet_errors_below_the_threshold_do_not_count():
    clean, loss = speechlike(), LoudnessLoss()
    assert float(loss(clean + 1e-7 * noise(), clean)) < 2e-3


def test_ranks_noisy_signals_as_pesq_does():
    """PESQ of several noises at several levels falls while the loss rises."""
    pesq_wb = pytest.importorskip("pvsd_modules.metrics").pesq_wb
    clean, loss = speechlike(4), LoudnessLoss()
    generator = torch.Generator().manual_seed(3)
    hiss = torch.randn(1, 64000, generator=generator)
    rumble = torch.nn.functional.avg_pool1d(hiss, 33, 1, 16) * 4
    pairs = []
    for kind in (hiss, rumble):
        for gain in (0.001, 0.004, 0.016, 0.06):
            noisy = clean + gain * kind
            pairs.append((pesq_wb(clean[0], noisy[0]), float(loss(noisy, clean))))
    score, found = torch.tensor(pairs).T
    ranks = torch.stack([score.argsort().argsort(), found.argsort().argsort()])
    assert float(torch.corrcoef(ranks.float())[0, 1]) < -0.85


def test_gradients_are_finite_and_lead_to_a_better_signal():
    clean = speechlike()
    signal = (clean + 0.05 * noise()).requires_grad_()
    optimizer = torch.optim.Adam([signal], lr=2e-3)
    loss = LoudnessLoss()
    first = float(loss(signal, clean).detach())
    for _ in range(10):
        optimizer.zero_grad()
        loss(signal, clean).sum().backward()
        assert torch.isfinite(signal.grad).all()
        optimizer.step()
    assert float(loss(signal, clean).detach()) < 0.9 * first


def test_silence_is_no_item():
    silence = torch.zeros(2, 16000)
    found = (0.1 * torch.randn(2, 16000)).requires_grad_()
    value = LoudnessLoss()(found, silence)
    assert (value == 0).all()
    value.sum().backward()
    assert torch.isfinite(found.grad).all()


def test_the_loss_of_the_denoiser_takes_it_in():
    clean = speechlike()
    noisy = clean + 0.05 * noise()
    predictions = {"enhanced": noisy, "features": CausalSTFT()(noisy)}
    targets = {"clean": clean, "noisy": noisy}
    without = DenoisingLoss(loudness_weight=0.0)(predictions, targets)
    found = DenoisingLoss(loudness_weight=0.5)(predictions, targets)
    expected = 0.5 * float(LoudnessLoss()(noisy, clean))
    assert float(found - without) == pytest.approx(expected, rel=1e-4)
