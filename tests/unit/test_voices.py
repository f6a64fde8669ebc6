"""One voice sounds like many, at the same moments."""

import torch

from pvsd_modules.data.voices import VoiceChanger


def test_shape_and_finite_and_changed():
    torch.manual_seed(0)
    wav = 0.1 * torch.randn(3, 6000)
    out = VoiceChanger()(wav)
    assert out.shape == wav.shape and torch.isfinite(out).all()
    assert not torch.allclose(out, wav, atol=1e-2)
    assert torch.isfinite(VoiceChanger()(torch.zeros(2, 6000))).all()


def test_levels_lie_in_the_range():
    torch.manual_seed(0)
    out = VoiceChanger(level_db=(-30.0, -25.0))(0.1 * torch.randn(8, 6000))
    level = 20 * torch.log10(out.square().mean(-1).sqrt())
    assert level.min() > -30.5 and level.max() < -24.5


def test_stretch_moves_frequencies_not_time():
    torch.manual_seed(0)
    time = torch.arange(16000) / 16000
    wav = torch.sin(2 * torch.pi * 1000 * time)[None]
    wav[:, :8000] = 0
    change = VoiceChanger((1.25, 1.25), 0.0, (80.0, 80.0), (-20.0, -20.0))
    out = change(wav)[0]
    peak = int(torch.fft.rfft(out[9000:15000]).abs().argmax()) * 16000 / 6000
    assert abs(peak - 1250) < 40
    energy = out.square()
    assert energy[:7500].mean() < 0.01 * energy[8500:].mean()
