"""Small stand-ins for real networks, and pretrained folders made of them."""

import time
from pathlib import Path

import torch

from pvsd_modules.alignment import SAMPLES_PER_FRAME, frame_count, lip_windows


class TinyStudent(torch.nn.Module):
    """Draws frames whose grey is a learned function of the 0.2 s around them."""

    neutral = None

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1.5, 3200) / 100)

    def forward(self, noisy):
        grey = torch.sigmoid(lip_windows(noisy).abs() @ self.weight)  # [B, F]
        return grey[:, :, None, None, None].expand(-1, -1, 48, 96, 3)


class TinyDenoiser(torch.nn.Module):
    """A short convolution whose gain follows the lips: both inputs matter."""

    def __init__(self, gain: float = 0.5):
        super().__init__()
        self.taps = torch.nn.Parameter(torch.tensor([[[0.1, 0.8, 0.1]]]))
        self.gain = torch.nn.Parameter(torch.tensor(gain))

    def analyse(self, wav):
        return wav[:, :, None]

    def forward(self, noisy, lips):
        enhanced = torch.nn.functional.conv1d(noisy[:, None], self.taps, padding=1)[
            :, 0
        ]
        if lips is not None:
            follow = lips.mean((2, 3, 4)).repeat_interleave(SAMPLES_PER_FRAME, 1)
            enhanced = enhanced * (1 - self.gain * follow[:, : noisy.shape[1]])
        return {"enhanced": enhanced, "features": self.analyse(enhanced)}


class IdentityDenoiser(torch.nn.Module):
    """Gives back what it gets; the parameter is there to be saved and loaded."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def analyse(self, wav):
        return wav[:, :, None]

    def forward(self, noisy, lips):
        assert lips is None or lips.shape[1] == frame_count(noisy.shape[1])
        return {"enhanced": noisy, "features": self.analyse(noisy)}


class SlowDenoiser(IdentityDenoiser):
    """Takes its time, so that a test can stop it in the midst of a recording."""

    def forward(self, noisy, lips):
        time.sleep(0.5)
        return super().forward(noisy, lips)


class DeafDenoiser(SlowDenoiser):
    """Swallows what a signal raises, once, as compiled code may."""

    deaf = True

    def forward(self, noisy, lips):
        try:
            return super().forward(noisy, lips)
        except KeyboardInterrupt:
            if not self.deaf:
                raise
            self.deaf = False
        return super().forward(noisy, lips)


class FragileDenoiser(IdentityDenoiser):
    """As the original's: the edges of what it sees, 20 ms, come out wrong."""

    def forward(self, noisy, lips):
        enhanced = noisy.clone()
        enhanced[:, :320] = 0
        enhanced[:, -320:] = 0
        return {"enhanced": enhanced, "features": self.analyse(enhanced)}


def make_folder(folder: Path, denoiser: str = "TinyDenoiser", lips: str = "student"):
    """Write a pretrained folder as `export` would; its module must be importable."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(
        f"""sample_rate: 16000
family: tiny
lips: {lips}
latency_ms: 920
student: !new:tiny_networks.TinyStudent
denoiser: !new:tiny_networks.{denoiser}
modules:
  student: !ref <student>
  denoiser: !ref <denoiser>
stream: !name:pvsd_modules.inference.windowed_stream.WindowedStream
  window: 16000
  hop: 12800
  fade: 640
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
  loadables:
    student: !ref <student>
    denoiser: !ref <denoiser>
"""
    )
    (folder / "README.md").write_text("# Tiny\n\nLicence: MIT\n")
    torch.save(TinyStudent().state_dict(), folder / "student.ckpt")
    torch.save(globals()[denoiser]().state_dict(), folder / "denoiser.ckpt")
    return folder
