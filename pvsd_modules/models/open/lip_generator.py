"""The open family's lip generator: student (streaming) and teacher (whole clips)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.alignment import (
    LIP_HEIGHT,
    LIP_WIDTH,
    SAMPLES_PER_FRAME,
    STEPS_PER_FRAME,
    frame_count,
)
from pvsd_modules.models.open.causal import CausalConv
from pvsd_modules.models.open.level import LevelPast, RunningLevel
from pvsd_modules.models.open.spectra import CausalSTFT, mel_matrix


class LipPast(NamedTuple):
    """What the network remembers between two pieces of a signal."""

    convolutions: tuple
    recurrent: tuple | None
    level: LevelPast | None


class LipDecoder(nn.Module):
    """Draws frames as a neutral mouth plus a weighted sum of learned motions.

    Mouth images of a fixed face lie close to a low-dimensional linear space (active
    appearance models, Cootes et al. 2001); a motion is a grey image times a tint.
    """

    def __init__(self, motions: int):
        super().__init__()
        self.motions = nn.Parameter(
            0.05 * torch.randn(motions, 1, LIP_HEIGHT // 2, LIP_WIDTH // 2)
        )
        self.tint = nn.Parameter(torch.ones(motions, 3))
        self.register_buffer("neutral", torch.full((LIP_HEIGHT, LIP_WIDTH, 3), 0.5))

    def forward(self, weights: Tensor) -> Tensor:
        """``[..., motions]`` to deviations from neutral, ``[..., 48, 96, 3]``."""
        deviation = weights @ self.basis()
        return deviation.reshape(*weights.shape[:-1], LIP_HEIGHT, LIP_WIDTH, 3)

    def basis(self) -> Tensor:
        """The images that are summed, ``[motions, 48 * 96 * 3]``."""
        images = functional.interpolate(
            self.motions, scale_factor=2, mode="bilinear", align_corners=False
        )  # [motions, 1, 48, 96]
        images = images.reshape(len(images), -1, 1) * self.tint[:, None]
        return images.reshape(len(images), -1)


class OpenLipGenerator(nn.Module):
    """Draws the lips that belong to the speech in a recording.

    A log-mel spectrogram goes through causal convolutions to 25 vectors a second,
    through recurrent layers, and into a linear mouth model. The network runs once
    over the signal and is causal but for ``lookahead_frames``.

    Arguments
    ---------
    channels : int
        Width of the recurrent part.
    layers : int
        Recurrent layers.
    motions : int
        Dimensions of the mouth model.
    bands : int
        Mel bands.
    lookahead_frames : int
        Look-ahead in frames of 40 ms, past the end of the frame that is generated.
    level_seconds : float
        Time constant of the level that sound is divided by, see `RunningLevel`; 0 for
        none.

    Example
    -------
    >>> student = OpenLipGenerator(channels=32, layers=1)
    >>> student(torch.randn(2, 1500)).shape
    torch.Size([2, 3, 48, 96, 3])
    """

    def __init__(
        self,
        channels: int = 152,
        layers: int = 2,
        motions: int = 32,
        bands: int = 64,
        lookahead_frames: int = 6,
        level_seconds: float = 0.0,
    ):
        super().__init__()
        self.sizes = {
            "channels": channels,
            "layers": layers,
            "motions": motions,
            "bands": bands,
            "lookahead_frames": lookahead_frames,
            "level_seconds": level_seconds,
        }
        self.stft = CausalSTFT()
        self.level = RunningLevel(level_seconds)
        self.register_buffer("mel", mel_matrix(bands), persistent=False)
        self.lookahead_frames = lookahead_frames
        self.spectral = nn.ModuleList(
            [
                CausalConv(nn.Conv2d(1, 16, (3, 3), (1, 2), (0, 1))),
                CausalConv(nn.Conv2d(16, 32, (3, 3), (1, 2), (0, 1))),
            ]
        )
        self.temporal = nn.ModuleList(
            [
                CausalConv(nn.Conv1d(32 * bands // 4, channels, 3)),
                CausalConv(nn.Conv1d(channels, channels, 4, stride=2)),
                CausalConv(nn.Conv1d(channels, channels, 4, stride=2)),
            ]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(channels) for _ in self.temporal])
        self.recurrent = nn.LSTM(channels, channels, layers, batch_first=True)
        self.head = nn.Linear(2 * channels, motions)
        self.decoder = LipDecoder(motions)

    def encode(self, samples: Tensor, past: LipPast | None = None):
        """Mouth-model weights of audio whose history is already in ``samples``.

        Arguments
        ---------
        samples : Tensor
            ``[batch, 320 + 640 n]``: the 320 samples before the piece, and the piece.
        past : LipPast or None
            What the call before gave.

        Returns
        -------
        Tensor
            ``[batch, n, motions]``; entry ``j`` depends on 640 ``(j + 1)`` samples.
        LipPast
            For the next call.
        """
        return self.encode_spectra(self.stft.analyse(samples), past)

    def encode_spectra(self, spectrum: Tensor, past: LipPast | None = None):
        """As `encode`, of the spectra ``[batch, 4 n, 241, 2]`` of the piece."""
        caches = iter(past.convolutions if past else [None] * 5)
        kept = []
        spectrum, level = self.level(spectrum, past.level if past else None)
        energy = spectrum.square().sum(-1)  # [batch, steps, 241]
        x = (energy @ self.mel + 1e-7).log().mul(0.25).add(1.0)  # [batch, steps, bands]
        x = x[:, None]  # [batch, 1, steps, bands]
        for conv in self.spectral:
            x, cache = conv(x, next(caches))  # [batch, channels, steps, bands / 2]
            x = functional.silu(x)
            kept.append(cache)
        x = x.transpose(2, 3).flatten(1, 2)  # [batch, 32 bands / 4, steps]
        for conv, norm in zip(self.temporal, self.norms, strict=True):
            x, cache = conv(x, next(caches))  # [batch, channels, steps / stride]
            x = functional.silu(norm(x.transpose(1, 2)).transpose(1, 2))
            kept.append(cache)
        x = x.transpose(1, 2)  # [batch, n, channels]
        y, hidden = self.recurrent(x, past.recurrent if past else None)
        weights = self.head(torch.cat([x, y], -1))  # [batch, n, motions]
        return weights, LipPast(tuple(kept), hidden, level)

    def weights(self, wav: Tensor) -> Tensor:
        """Mouth-model weights of whole signals, ``[batch, frames, motions]``."""
        frames = frame_count(wav.shape[-1])
        ahead = self.lookahead_frames
        padded = functional.pad(
            wav, (320, (frames + ahead) * SAMPLES_PER_FRAME - wav.shape[-1])
        )
        return self.encode(padded)[0][:, ahead:]

    def draw(self, weights: Tensor) -> Tensor:
        """Frames of mouth-model weights: ``[..., motions]`` to ``[..., 48, 96, 3]``."""
        lips = self.decoder.neutral + self.decoder(weights)
        # A clamped pixel gives no gradient: in training it must find its way back.
        return lips if self.training else lips.clamp(0.0, 1.0)

    def forward(self, wav: Tensor, face: Tensor | None = None) -> Tensor:
        """Draws the lips of whole signals.

        Arguments
        ---------
        wav : Tensor
            ``[batch, time]``, 16 kHz.
        face : Tensor or None
            Not used: this family generates one neutral mouth. Taken so that teachers
            of both families are called alike.

        Returns
        -------
        Tensor
            ``[batch, ceil(time / 640), 48, 96, 3]``, 0..1 (in training mode unbounded).
        """
        return self.draw(self.weights(wav))

    @property
    def neutral(self) -> Tensor:
        """The mouth that all drawings deviate from, ``[48, 96, 3]``."""
        return self.decoder.neutral

    @property
    def lookahead_steps(self) -> int:
        """Spectral steps past a frame's last step that its drawing waits for."""
        return self.lookahead_frames * STEPS_PER_FRAME
