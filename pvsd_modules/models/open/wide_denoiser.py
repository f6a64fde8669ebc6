"""The open family's wide denoiser: bands of pairs of steps, masks of all bins."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.models.open.band_layers import (
    BandLinear,
    BandSplitEncoder,
    CrossBandLayer,
    FullBandRNN,
    InterFrameRNN,
    Layout,
)
from pvsd_modules.models.open.level import LevelPast, RunningLevel
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.low_cut import LowCutSTFT
from pvsd_modules.models.open.mask_exponents import MaskExponents
from pvsd_modules.models.open.masking import MaskingDenoiser
from pvsd_modules.models.open.matrices import matrices_of
from pvsd_modules.models.open.spectra import compress

#: 24 bands of the bins from 67 Hz to 8 kHz: 167 Hz wide below 2.1 kHz, where the
#: harmonics of speech are resolved, 333 Hz below 4.1 kHz, 667 Hz above.
LAYOUT: Layout = ((12, 5), (6, 10), (6, 20))
#: Steps of 10 ms that go through the network together.
PAIR = 2


class WideEncoderPast(NamedTuple):
    """State of the features between two pieces of a signal."""

    level: LevelPast | None


class WidePast(NamedTuple):
    """States of the layers between two pieces of a signal."""

    paths: tuple


class WideDenoiser(MaskingDenoiser):
    """Complex masks of all bins, from layers over bands, over time, and over both.

    Two steps of 10 ms go through the network as one (`steps_at_once`), so that its
    inner layers run 50 times a second and can be large. Each band of the compressed
    spectrum is encoded by a linear layer of its own (BSRNN; Luo & Yu, "Music Source
    Separation with Band-Split RNN", 2023). A block is a `CrossBandLayer`, which works
    within a step, and an `InterFrameRNN` over time; a `FullBandRNN` over time follows
    the first block. Layers that have, again, weights for each band give a complex mask
    and a gate for every bin of the two steps, whose product is applied. They depend on
    ``lookahead_steps`` later steps and on the lip frame of the two steps.

    What lies below the bin ``first_bin`` is removed (`LowCutSTFT`): rumble, a DC
    offset, and nothing of speech.

    Arguments
    ---------
    channels : int
        Channels of every band.
    blocks : int
        Blocks. Weights of a denoiser with fewer can be loaded, see
        `load_except_lip_path`.
    full_band_channels : int
        Width of the full-band LSTM after the first block.
    lookahead_steps : int
        Steps after the two at hand that their masks may depend on; even.
    lip_channels : int
        Size of the code of a lip frame.
    lip_delay_steps : int
        How many steps of 10 ms later than its sound a lip frame is read; even. A stream
        that may not wait for the end of a frame reads the one before.
    baseline_of : OpenLipGenerator or None
        Makes the audio-only baseline, of equal size, of a denoiser that reads this
        student's lips: a `AudioPath` with the parameters of both takes the place of the
        lip encoder, and lips are not read.
    mask_limit : float
        Largest distance of the real part of a mask from 0.5, with which training
        begins, and of the imaginary part from 0, before the gate, which begins at 1 and
        is at most 2. Where speech and noise cancel a mask above 1 restores the speech.
    level_seconds : float
        Time constant of the level that the network's input is divided by, see
        `RunningLevel`; 0 for none. What is masked keeps its level.
    first_bin : int
        The lowest bin that is kept; bins are 33 Hz apart.
    layout : sequence of (int, int)
        Groups of bands: how many, and of how many bins.
    mask_exponents : Mapping of float to float, or None
        Powers of the masks by frequency in Hz, see `MaskExponents`; for enhancement,
        not for training.

    Example
    -------
    >>> denoiser = WideDenoiser(channels=16, full_band_channels=16)
    >>> out = denoiser(torch.randn(2, 1500), torch.rand(2, 3, 48, 96, 3))
    >>> out["enhanced"].shape
    torch.Size([2, 1500])
    """

    #: A stream decodes so many steps of 10 ms at a time.
    steps_at_once = PAIR

    def __init__(
        self,
        channels: int = 96,
        blocks: int = 2,
        full_band_channels: int = 256,
        lookahead_steps: int = 14,
        lip_channels: int = 64,
        lip_delay_steps: int = 0,
        baseline_of: OpenLipGenerator | None = None,
        mask_limit: float = 1.5,
        level_seconds: float = 3.0,
        first_bin: int = 2,
        layout: Layout = LAYOUT,
        mask_exponents: Mapping[float, float] | None = None,
    ):
        super().__init__()
        if lookahead_steps % PAIR or lip_delay_steps % PAIR:
            raise ValueError("Look-ahead and delay of the lips come in pairs of steps.")
        self.level = RunningLevel(level_seconds)
        self.mask_limit = mask_limit
        self.lookahead_steps = lookahead_steps
        self.lip_delay_steps = lip_delay_steps
        self.first_bin = first_bin
        self.layout = tuple(tuple(group) for group in layout)
        self.stft = LowCutSTFT(first_bin)
        self.mask_exponents: MaskExponents | None = None
        if mask_exponents is not None:
            self.mask_exponents = MaskExponents(mask_exponents, self.stft.bins)
        bands = sum(count for count, _ in self.layout)
        self.encoder = BandSplitEncoder(self.layout, first_bin, 3 * PAIR, channels)
        self.lookahead = nn.Linear(2 * channels, channels)
        self.add_lip_path(lip_channels, bands, baseline_of)
        self.fusion = nn.Linear(channels + self.lip_width, channels)
        layers: list[nn.Module] = []
        for block in range(blocks):
            layers += [CrossBandLayer(channels, bands), InterFrameRNN(channels)]
            if block == 0:  # further blocks are added at the end
                layers.append(FullBandRNN(channels, bands, full_band_channels))
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(channels)
        self.hidden = BandLinear(bands, channels, channels)
        self.masks = nn.ModuleList(
            BandLinear(count, channels, 2 * PAIR * width, gain=0.3)
            for count, width in self.layout
        )
        # Pauses need masks of -50 dB, which a sum hardly reaches and a product does.
        self.gates = nn.ModuleList(
            BandLinear(count, channels, PAIR * width, gain=0.0)
            for count, width in self.layout
        )

    def matrices(self) -> dict[nn.Parameter, int]:
        """What `pvsd_modules.training.muon.Muon` takes as matrices."""
        return matrices_of(
            self.encoder, self.lookahead, self.fusion, self.layers, self.hidden
        )

    def encode(self, spectrum: Tensor, past: WideEncoderPast | None = None):
        """Features of spectra ``[batch, steps, 241, 2]``.

        Returns
        -------
        tuple of Tensor
            One tensor, ``[batch, 3, steps, 241]``: magnitude, real and imaginary part
            of the compressed spectrum.
        WideEncoderPast
            State for the next call.
        """
        spectrum, level = self.level(spectrum, past.level if past else None)
        packed = compress(spectrum)
        magnitude = (packed.square().sum(-1) + 1e-12).sqrt()
        features = torch.stack([magnitude, packed[..., 0], packed[..., 1]], 1)
        return (features,), WideEncoderPast(level)

    def encode_bands(self, features: Tensor) -> Tensor:
        """``[batch, 3, 2 n, 241]`` to bands of pairs, ``[batch, n, bands, C]``."""
        # Not `flatten`, which the exporter to ONNX gives the length of its example.
        batch, bins = len(features), self.stft.bins
        x = features.reshape(batch, 3, -1, PAIR, bins).permute(0, 2, 4, 1, 3)
        return functional.silu(self.encoder(x.reshape(batch, -1, bins, 3 * PAIR)))

    def decode(self, encoded, lips, past: WidePast | None = None):
        """Masks from the features of steps, of their future, and from the lips.

        Arguments
        ---------
        encoded : tuple of Tensor
            Output of `encode` for ``steps + lookahead_steps`` steps. An odd number of
            steps ends the signal.
        lips : Tensor or None
            Codes of the lips, ``[batch, steps, lip_channels]``.
        past : WidePast or None
            State that the call before returned.

        Returns
        -------
        Tensor
            Complex masks, ``[batch, steps, 241, 2]``.
        WidePast
            State for the next call.
        """
        (features,) = encoded
        steps = features.shape[2] - self.lookahead_steps
        if steps % PAIR:
            features = functional.pad(features, (0, 0, 0, 1))
            lips = None if lips is None else functional.pad(lips, (0, 0, 0, 1))
        bands = self.encode_bands(features)
        pairs = -(-steps // PAIR)
        current, future = bands[:, :pairs], bands[:, self.lookahead_steps // PAIR :]
        masks, paths = self.mask(current, future, lips, past.paths if past else None)
        return masks[:, :steps], WidePast(paths)

    def mask(self, current: Tensor, future: Tensor, lips: Tensor | None, past=None):
        """Masks of pairs of steps, ``[batch, 2 n, 241, 2]``, and states of the layers.

        Arguments
        ---------
        current, future : Tensor
            Bands of the pairs, and of the pairs ``lookahead_steps`` later, both
            ``[batch, n, bands, C]``.
        lips : Tensor or None
            ``[batch, 2 n, lip_channels]``; that of a pair's first step is read.
        past : tuple or None
            States that the call before returned.
        """
        batch, pairs, bands, _ = current.shape
        x = self.lookahead(torch.cat([current, future], -1))
        if lips is None:
            visual = x.new_zeros(batch, pairs, bands, self.lip_width)
        else:
            visual = self.lip_bands(lips[:, ::PAIR]).unflatten(-1, (bands, -1))
        x = x + self.fusion(torch.cat([x, visual.to(x.dtype)], -1))
        states = []
        x = x.transpose(0, 1).contiguous()  # as the LSTMs want it
        for layer, state in zip(
            self.layers, past or [None] * len(self.layers), strict=True
        ):
            x, state = layer(x, state)
            states.append(state)
        x = functional.silu(self.hidden(self.norm(x.transpose(0, 1))))
        mask = self._bins(self.masks, x, 2).float()
        mask = self.mask_limit * torch.tanh(mask / self.mask_limit)
        mask = mask + mask.new_tensor([0.5, 0.0])
        mask = 2 * torch.sigmoid(self._bins(self.gates, x, 1).float()) * mask
        above = self.stft.bins - self.first_bin - mask.shape[2]
        mask = functional.pad(mask, (0, 0, self.first_bin, above))
        if self.mask_exponents is not None:
            mask = self.mask_exponents(mask)
        return mask, tuple(states)

    def _bins(self, layers: nn.ModuleList, x: Tensor, values: int) -> Tensor:
        """What a layer for each group of bands makes of ``[batch, n, bands, C]`` for
        the bins of both steps, ``[batch, 2 n, bins, values]``."""
        batch, pairs = x.shape[:2]
        parts, band = [], 0
        for (count, width), layer in zip(self.layout, layers, strict=True):
            part = layer(x[:, :, band : band + count])
            part = part.unflatten(-1, (PAIR, width, values)).transpose(2, 3)
            parts.append(part.reshape(batch, PAIR * pairs, count * width, values))
            band += count
        return torch.cat(parts, 2)[:, :, : self.stft.bins - self.first_bin]

    def added_since(self, state: dict) -> list[tuple[str, nn.Module]]:
        """Layers, by the prefix of their keys, that a state of fewer blocks lacks."""
        return [
            (f"layers.{index}.", layer)
            for index, layer in enumerate(self.layers)
            if f"layers.{index}.norm.weight" not in state
        ]
