"""The open family's denoiser: a small recurrent U-Net over bands that reads lips."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvsd_modules.models.open.bands import BandSplit
from pvsd_modules.models.open.causal import CausalConv
from pvsd_modules.models.open.level import LevelPast, RunningLevel
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.masking import MaskingDenoiser
from pvsd_modules.models.open.spectra import CausalSTFT, compress


class DualPath(nn.Module):
    """Intra-frame RNN over the bands and inter-frame RNN over time (Luo et al. 2020).

    Arguments
    ---------
    channels : int
        Channels of every band.
    """

    def __init__(self, channels: int):
        super().__init__()
        # LSTM rather than GRU: PyTorch has a fused CPU kernel for it only.
        self.intra_rnn = nn.LSTM(
            channels, channels // 2, batch_first=True, bidirectional=True
        )
        self.intra_out = nn.Linear(channels, channels)
        self.intra_norm = nn.LayerNorm(channels)
        self.inter_rnn = nn.LSTM(channels, channels, batch_first=True)
        self.inter_out = nn.Linear(channels, channels)
        self.inter_norm = nn.LayerNorm(channels)

    def make_identity(self) -> None:
        """Makes the block an identity, as a start for training."""
        for norm in (self.intra_norm, self.inter_norm):
            nn.init.zeros_(norm.weight)
            nn.init.zeros_(norm.bias)

    def forward(self, x: Tensor, past: tuple | None = None):
        """``[batch, steps, bands, channels]`` and the state of ``inter_rnn``."""
        batch, steps, bands, channels = x.shape
        y, _ = self.intra_rnn(x.reshape(batch * steps, bands, channels))
        x = x + self.intra_norm(self.intra_out(y)).reshape(x.shape)
        y = x.transpose(1, 2).reshape(batch * bands, steps, channels)
        y, past = self.inter_rnn(y, past)
        y = self.inter_norm(self.inter_out(y)).reshape(batch, bands, steps, channels)
        return x + y.transpose(1, 2), past


class EncoderPast(NamedTuple):
    """State of the encoder between two pieces of a signal."""

    level: LevelPast | None
    conv: Tensor


class DenoiserPast(NamedTuple):
    """State of the decoder between two pieces of a signal."""

    paths: tuple
    decoder: Tensor | None


class OpenDenoiser(MaskingDenoiser):
    """Complex spectral masking with the help of lips.

    Two encoder stages halve the number of bands of the compressed spectrum, dual-path
    blocks follow, and two decoder stages with skip connections and a last transposed
    convolution give a complex mask for every band. The mask of a step depends on
    ``lookahead_steps`` later steps of 10 ms, and on the lip frame of the step.

    Arguments
    ---------
    channels : int
        Channels at the inner resolution.
    blocks : int
        Dual-path blocks.
    lookahead_steps : int
        Steps of the future that the mask of a step may depend on.
    lip_channels : int
        Size of the code of a lip frame.
    lip_delay_steps : int
        How many steps of 10 ms later than its sound a lip frame is read: a stream that
        may not wait for the end of a frame reads the one before.
    baseline_of : OpenLipGenerator or None
        Makes the audio-only baseline of a denoiser with this student's lips: a
        `AudioPath` with the parameters of both takes the place of the lip encoder, and
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
        self.encoder_conv1 = nn.Conv2d(3, half, (1, 5), (1, 2), (0, 2))
        self.encoder_norm1 = nn.BatchNorm2d(half)
        self.encoder_conv2 = CausalConv(
            nn.Conv2d(half, channels, (2, 3), (1, 2), (0, 1))
        )
        self.encoder_norm2 = nn.BatchNorm2d(channels)
        self.lookahead = nn.Linear(2 * channels, channels)
        self.add_lip_path(lip_channels, inner, baseline_of)
        self.fusion = nn.Linear(channels + self.lip_width, channels)
        self.paths = nn.ModuleList([DualPath(channels) for _ in range(blocks)])
        self.decoder_conv1 = nn.ConvTranspose2d(
            2 * channels, half, (1, 3), (1, 2), (0, 1), output_padding=(0, 1)
        )
        self.decoder_norm1 = nn.BatchNorm2d(half)
        self.decoder_conv2 = CausalConv(nn.Conv2d(2 * half, half, (2, 3), 1, (0, 1)))
        self.decoder_norm2 = nn.BatchNorm2d(half)
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
        """Both encoder stages, of spectra ``[batch, steps, 241, 2]``.

        Returns
        -------
        tuple of Tensor
            The skip connections, ``[batch, C / 2, steps, 64]`` and
            ``[batch, C, steps, 32]``.
        EncoderPast
            State for the next call.
        """
        level, conv = past or (None, None)
        spectrum, level = self.level(spectrum, level)
        skip1 = self.encoder_norm1(self.encoder_conv1(self.features(spectrum)))
        skip1 = self.activation(skip1)
        skip2, conv = self.encoder_conv2(skip1, conv)
        skip2 = self.inner_activation(self.encoder_norm2(skip2))
        return (skip1, skip2), EncoderPast(level, conv)

    def decode(self, encoded, lips, past: DenoiserPast | None = None):
        """Masks from the encoder's output, its look-ahead, and the lips.

        Arguments
        ---------
        encoded : tuple of Tensor
            Output of `encode` for ``steps + lookahead_steps`` steps.
        lips : Tensor or None
            Codes of the lips, ``[batch, steps, lip_channels]``.
        past : DenoiserPast or None
            State that the call before returned.

        Returns
        -------
        Tensor
            Complex masks, ``[batch, steps, 241, 2]``.
        DenoiserPast
            State for the next call.
        """
        skip1, skip2 = encoded
        batch, _, steps, bands = skip2.shape
        steps = steps - self.lookahead_steps  # not in place: it may be traced
        future = skip2[:, :, self.lookahead_steps :]
        skip1, skip2 = skip1[:, :, :steps], skip2[:, :, :steps]
        x = torch.cat([skip2, future], 1).permute(0, 2, 3, 1)
        x = self.lookahead(x)  # [batch, steps, 32, C]
        if lips is None:
            visual = x.new_zeros(batch, steps, bands, self.lip_width)
        else:
            visual = self.lip_bands(lips).reshape(batch, steps, bands, self.lip_width)
        x = x + self.fusion(torch.cat([x, visual], -1))
        pasts = past.paths if past else [None] * len(self.paths)
        states = []
        for path, state in zip(self.paths, pasts, strict=True):
            x, state = path(x, state)
            states.append(state)
        x = torch.cat([x.permute(0, 3, 1, 2), skip2], 1)  # [batch, 2C, steps, 32]
        x = self.activation(
            self.decoder_norm1(self.decoder_conv1(x))
        )  # [batch, C/2, steps, 64]
        x = torch.cat([x, skip1], 1)
        x, decoder = self.decoder_conv2(x, past.decoder if past else None)
        x = self.activation(self.decoder_norm2(x))  # [batch, C/2, steps, 64]
        x = self.mask(x) / self.mask_limit
        x = self.mask_limit * torch.tanh(x)  # [batch, 2, steps, 128]
        masks = self.bands.join(x).permute(0, 2, 3, 1)  # [batch, steps, 241, 2]
        return masks, DenoiserPast(tuple(states), decoder)

    def added_since(self, state: dict) -> list[tuple[str, nn.Module]]:
        """Layers, by the prefix of their keys, that a state of fewer blocks lacks."""
        return [
            (f"paths.{index}.", layer)
            for index, layer in enumerate(self.paths)
            if f"paths.{index}.inter_out.weight" not in state
        ]
