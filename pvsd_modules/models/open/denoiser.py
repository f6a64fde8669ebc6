"""The open family's denoiser: a small recurrent U-net over bands that reads lips."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvsd_modules.models.open.bands import BandSplit
from pvsd_modules.models.open.causal import CausalConv
from pvsd_modules.models.open.level import LevelPast, RunningLevel
from pvsd_modules.models.open.lip_encoder import LipEncoder
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.listener import Listener
from pvsd_modules.models.open.masking import MaskingDenoiser
from pvsd_modules.models.open.spectra import CausalSTFT, compress


class DualPath(nn.Module):
    """One recurrent layer across the bands, one along time (Luo et al. 2020).

    Arguments
    ---------
    channels : int
        Channels of every band.
    """

    def __init__(self, channels: int):
        super().__init__()
        # LSTM rather than GRU: PyTorch has a fused CPU kernel for it only.
        self.across = nn.LSTM(
            channels, channels // 2, batch_first=True, bidirectional=True
        )
        self.across_out = nn.Linear(channels, channels)
        self.across_norm = nn.LayerNorm(channels)
        self.along = nn.LSTM(channels, channels, batch_first=True)
        self.along_out = nn.Linear(channels, channels)
        self.along_norm = nn.LayerNorm(channels)

    def add_nothing(self) -> None:
        """Makes the block give what it gets, from where it can learn to add."""
        for norm in (self.across_norm, self.along_norm):
            nn.init.zeros_(norm.weight)
            nn.init.zeros_(norm.bias)

    def forward(self, x: Tensor, past: tuple | None = None):
        """``[batch, steps, bands, channels]`` and the state of ``along``."""
        batch, steps, bands, channels = x.shape
        y, _ = self.across(x.reshape(batch * steps, bands, channels))
        x = x + self.across_norm(self.across_out(y)).reshape(x.shape)
        y = x.transpose(1, 2).reshape(batch * bands, steps, channels)
        y, past = self.along(y, past)
        y = self.along_norm(self.along_out(y)).reshape(batch, bands, steps, channels)
        return x + y.transpose(1, 2), past


class EncoderPast(NamedTuple):
    """What the encoding half remembers between two pieces of a signal."""

    level: LevelPast | None
    narrower: Tensor


class DenoiserPast(NamedTuple):
    """What the decoding half remembers between two pieces of a signal."""

    paths: tuple
    decoder: Tensor | None


class OpenDenoiser(MaskingDenoiser):
    """Complex spectral masking, with lips as a second witness.

    Bands of the compressed spectrum are halved twice by convolutions, two dual-path
    blocks follow, and a mirrored decoder with skips gives a complex mask a band. The
    blocks hear ``lookahead_steps`` steps of 10 ms past the one they clean and see the
    lip frame it belongs to.

    Arguments
    ---------
    channels : int
        Channels at the inner resolution.
    blocks : int
        Dual-path blocks.
    lookahead_steps : int
        Steps of the future that the mask of a step may depend on.
    lip_channels : int
        Width of the description of a lip frame.
    lip_delay_steps : int
        How many steps of 10 ms later than its sound a lip frame is read: a stream that
        may not wait for the end of a frame reads the one before.
    baseline_of : OpenLipGenerator or None
        Makes the audio-only baseline of a denoiser with this student's lips: a
        `Listener` with the parameters of both takes the place of the lip encoder, and
        lips are not read.
    mask_limit : float
        Largest magnitude of a mask's real and imaginary part. Where speech and noise
        cancel a mask above 1 restores the speech, and only a limit above 1 lets clean
        speech through as loud as it came.
    level_seconds : float
        Time constant of the level that the network's input is divided by, see
        `RunningLevel`; 0 for none. What is masked keeps its level.

    Example
    -------
    >>> denoiser = OpenDenoiser(channels=16, blocks=1)
    >>> out = denoiser(torch.randn(2, 1500), torch.rand(2, 3, 48, 96, 3))
    >>> out["enhanced"].shape
    torch.Size([2, 1500])
    """

    #: Steps that are decoded together, see `StreamableDenoiser`.
    steps_at_once = 1

    def __init__(
        self,
        channels: int = 48,
        blocks: int = 2,
        lookahead_steps: int = 15,
        lip_channels: int = 64,
        lip_delay_steps: int = 0,
        baseline_of: OpenLipGenerator | None = None,
        mask_limit: float = 1.0,
        level_seconds: float = 0.0,
    ):
        super().__init__()
        self.level = RunningLevel(level_seconds)
        self.mask_limit = mask_limit
        self.lookahead_steps = lookahead_steps
        self.lip_delay_steps = lip_delay_steps
        self.stft = CausalSTFT()
        self.bands = BandSplit(self.stft.bins)
        half = channels // 2
        inner = self.bands.count // 4
        self.narrow = nn.Conv2d(3, half, (1, 5), (1, 2), (0, 2))
        self.narrow_norm = nn.BatchNorm2d(half)
        self.narrower = CausalConv(nn.Conv2d(half, channels, (2, 3), (1, 2), (0, 1)))
        self.narrower_norm = nn.BatchNorm2d(channels)
        self.ahead = nn.Linear(2 * channels, channels)
        self.lip_encoder = LipEncoder(lip_channels)
        self.listener = None
        if baseline_of is not None:
            count = sum(p.numel() for p in baseline_of.parameters())
            count += sum(p.numel() for p in self.lip_encoder.parameters())
            self.listener = Listener(baseline_of, lip_channels, count)
            self.lip_encoder = None
        self.lip_width = 16
        self.lip_bands = nn.Linear(lip_channels, inner * self.lip_width)
        self.meet = nn.Linear(channels + self.lip_width, channels)
        self.paths = nn.ModuleList([DualPath(channels) for _ in range(blocks)])
        self.wide = nn.ConvTranspose2d(
            2 * channels, half, (1, 3), (1, 2), (0, 1), output_padding=(0, 1)
        )
        self.wide_norm = nn.BatchNorm2d(half)
        self.wider = CausalConv(nn.Conv2d(2 * half, half, (2, 3), 1, (0, 1)))
        self.wider_norm = nn.BatchNorm2d(half)
        self.mask = nn.ConvTranspose2d(
            half, 2, (1, 5), (1, 2), (0, 2), output_padding=(0, 1)
        )
        self.activation = nn.PReLU(half)
        self.inner_activation = nn.PReLU(channels)

    def features(self, spectrum: Tensor) -> Tensor:
        """Compressed bands: ``[batch, steps, 241, 2]`` to ``[batch, 3, steps, 128]``.

        The three are magnitude, real and imaginary part.
        """
        packed = compress(spectrum)
        magnitude = (packed.square().sum(-1) + 1e-12).sqrt()
        stacked = torch.stack([magnitude, packed[..., 0], packed[..., 1]], 1)
        return self.bands.split(stacked)

    def encode(self, spectrum: Tensor, past: EncoderPast | None = None):
        """Both encoder layers of spectra ``[batch, steps, 241, 2]``.

        Returns
        -------
        tuple of Tensor
            The skip connections, ``[batch, C / 2, steps, 64]`` and
            ``[batch, C, steps, 32]``.
        EncoderPast
            State for the next call.
        """
        level, before = past or (None, None)
        spectrum, level = self.level(spectrum, level)
        first = self.narrow_norm(self.narrow(self.features(spectrum)))
        first = self.activation(first)
        second, before = self.narrower(first, before)
        second = self.inner_activation(self.narrower_norm(second))
        return (first, second), EncoderPast(level, before)

    def decode(self, encoded, lips, past: DenoiserPast | None = None):
        """Masks from what was encoded, its future, and the lips.

        Arguments
        ---------
        encoded : tuple of Tensor
            What `encode` returned of ``steps + lookahead_steps`` steps.
        lips : Tensor or None
            Descriptions of the lips, ``[batch, steps, lip_channels]``.
        past : DenoiserPast or None
            State that the call before returned.

        Returns
        -------
        Tensor
            Complex masks, ``[batch, steps, 241, 2]``.
        DenoiserPast
            State for the next call.
        """
        first, second = encoded
        batch, channels, steps, inner = second.shape
        steps -= self.lookahead_steps
        ahead = second[:, :, self.lookahead_steps :]
        first, second = first[:, :, :steps], second[:, :, :steps]
        x = torch.cat([second, ahead], 1).permute(0, 2, 3, 1)
        x = self.ahead(x)  # [batch, steps, 32, C]
        if lips is None:
            seen = x.new_zeros(batch, steps, inner, self.lip_width)
        else:
            seen = self.lip_bands(lips).reshape(batch, steps, inner, self.lip_width)
        x = x + self.meet(torch.cat([x, seen], -1))
        pasts = past.paths if past else [None] * len(self.paths)
        kept = []
        for path, before in zip(self.paths, pasts, strict=True):
            x, now = path(x, before)
            kept.append(now)
        x = torch.cat([x.permute(0, 3, 1, 2), second], 1)  # [batch, 2C, steps, 32]
        x = self.activation(self.wide_norm(self.wide(x)))  # [batch, C/2, steps, 64]
        x = torch.cat([x, first], 1)
        x, decoder = self.wider(x, past.decoder if past else None)
        x = self.activation(self.wider_norm(x))  # [batch, C/2, steps, 64]
        x = self.mask(x) / self.mask_limit
        x = self.mask_limit * torch.tanh(x)  # [batch, 2, steps, 128]
        masks = self.bands.join(x).permute(0, 2, 3, 1)  # [batch, steps, 241, 2]
        return masks, DenoiserPast(tuple(kept), decoder)

    def added_since(self, state: dict) -> list[tuple[str, nn.Module]]:
        """Layers, by the prefix of their keys, that a state of fewer blocks lacks."""
        return [
            (f"paths.{index}.", layer)
            for index, layer in enumerate(self.paths)
            if f"paths.{index}.along_out.weight" not in state
        ]
