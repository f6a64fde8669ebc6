"""Layers of the wide denoiser.

Those of its blocks work on ``[steps, batch, bands, channels]``, the order of LSTMs.
Every layer takes its state as an argument and returns the new one: a signal in pieces
gives the same output as the whole signal.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

#: (bands, bins a band): harmonics of speech lie in the narrow ones.
Layout = tuple[tuple[int, int], ...]


class BandLinear(nn.Module):
    """A linear layer with weights of its own for every band; ``gain`` is a factor on
    the first weights.

    Example
    -------
    >>> BandLinear(4, 6, 5)(torch.randn(2, 7, 4, 6)).shape
    torch.Size([2, 7, 4, 5])
    """

    def __init__(self, bands: int, inputs: int, outputs: int, gain: float = 1.0):
        super().__init__()
        limit = gain / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(bands, inputs, outputs))
        nn.init.uniform_(self.weight, -limit, limit)
        self.bias = nn.Parameter(torch.zeros(bands, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, steps, bands, inputs]`` to ``[batch, steps, bands, outputs]``."""
        batch, steps, bands, inputs = x.shape
        x = x.reshape(batch * steps, bands, inputs).transpose(0, 1)
        # `baddbmm` is not among the operations that autocast knows on processors.
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
            y = torch.baddbmm(self.bias.to(kind), x.to(kind), self.weight.to(kind))
        else:
            y = torch.baddbmm(self.bias, x, self.weight)
        return y.transpose(0, 1).reshape(batch, steps, bands, -1)


class BandSplitEncoder(nn.Module):
    """Encodes each band of a spectrum, with the edges of its neighbours.

    One linear layer a band (BSRNN; Luo & Yu 2023), with bands that overlap.

    Arguments
    ---------
    layout : sequence of (int, int)
        Groups of bands: how many, and of how many bins.
    first_bin : int
        Bin at which the lowest band begins.
    features : int
        Values of every bin.
    channels : int
        Output size of every band.
    overlap : int
        Bins of the neighbours on either side that a band also sees.

    Example
    -------
    >>> encoder = BandSplitEncoder(((2, 3), (1, 5)), 1, 4, 8)
    >>> encoder(torch.randn(2, 7, 12, 4)).shape
    torch.Size([2, 7, 3, 8])
    """

    def __init__(
        self,
        layout: Layout,
        first_bin: int,
        features: int,
        channels: int,
        overlap: int = 2,
    ):
        super().__init__()
        self.first_bin, self.overlap = first_bin, overlap
        self.layout = layout
        self.groups = nn.ModuleList(
            BandLinear(count, (width + 2 * overlap) * features, channels)
            for count, width in layout
        )
        index, start = [], 0  # of the bins of each band, after padding on either side
        for count, width in layout:
            begins = start + width * torch.arange(count)
            bins = begins[:, None] + torch.arange(width + 2 * overlap)
            index.append(bins.flatten())
            start += count * width
        self.sizes = [len(bins) for bins in index]
        self.register_buffer("index", torch.cat(index), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, steps, bins, features]`` to ``[batch, steps, bands, channels]``.

        Bins below the first band, and beyond the last bin, are read as zeros.
        """
        batch, steps, *_ = x.shape
        bins = sum(count * width for count, width in self.layout)
        x = x[:, :, self.first_bin : self.first_bin + bins]
        edge = self.overlap
        x = functional.pad(x, (0, 0, edge, edge + bins - x.shape[2]))
        parts = x.index_select(2, self.index).split(self.sizes, 2)
        encoded = []
        for part, (count, _), group in zip(
            parts, self.layout, self.groups, strict=True
        ):
            part = part.unflatten(2, (count, -1)).transpose(3, 4)
            encoded.append(group(part.reshape(batch, steps, count, -1)))
        return torch.cat(encoded, 2)


class CrossBandLayer(nn.Module):
    """Intra-frame layer: a convolution over neighbouring bands, and a full-band layer.

    As the cross-band block of SpatialNet (Quan & Li 2024), whose full-band linear layer
    is a matrix ``[bands, bands]`` for each of a few channels. It costs much less than a
    recurrent layer over the bands.

    Arguments
    ---------
    channels : int
        Channels of every band.
    bands : int
        Number of bands.
    width : int
        Kernel size of the convolution, in bands.
    mixed : int
        Channels of the full-band layer.
    """

    def __init__(self, channels: int, bands: int, width: int = 5, mixed: int = 24):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.conv = nn.Conv2d(channels, channels, (1, width), padding=(0, width // 2))
        self.conv_out = nn.Linear(channels, channels)
        self.squeeze = nn.Linear(channels, mixed)
        self.full_band = nn.Parameter(
            torch.randn(mixed, bands, bands) / math.sqrt(bands)
        )
        self.full_band_out = nn.Linear(mixed, channels)

    def make_identity(self) -> None:
        """Makes the layer an identity, as a start for training."""
        _zero(self.conv_out)
        _zero(self.full_band_out)

    def forward(self, x: Tensor, past: None = None):
        """Residual layer on ``[steps, batch, bands, channels]``, without a state."""
        steps, batch, bands, channels = x.shape
        y = self.norm(x)
        # In memory an image of one row with the channels last, as it is already.
        image = y.reshape(steps * batch, 1, bands, channels).permute(0, 3, 1, 2)
        near = functional.silu(self.conv(image)).permute(0, 2, 3, 1).reshape(x.shape)
        far = functional.silu(self.squeeze(y)).reshape(steps * batch, bands, -1)
        far = torch.bmm(
            far.permute(2, 0, 1), self.full_band
        )  # [mixed, steps batch, bands]
        far = far.permute(1, 2, 0).contiguous().view(steps, batch, bands, -1)
        return x + self.conv_out(near) + self.full_band_out(far), None


class InterFrameRNN(nn.Module):
    """Inter-frame RNN: an LSTM over time, with the same weights for all bands.

    Arguments
    ---------
    channels : int
        Channels of every band.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.rnn = nn.LSTM(channels, channels)
        self.out = nn.Linear(channels, channels)

    def make_identity(self) -> None:
        """Makes the layer an identity, as a start for training."""
        _zero(self.out)

    def forward(self, x: Tensor, past: tuple | None = None):
        """Residual layer on ``[steps, batch, bands, channels]``, and its state."""
        y, past = self.rnn(self.norm(x).flatten(1, 2), past)
        return x + self.out(y).reshape(x.shape), past


class FullBandRNN(nn.Module):
    """Full-band RNN: an LSTM over time on all bands together.

    The kind of noise, and whether somebody speaks, shows in the whole spectrum and over
    seconds.

    Arguments
    ---------
    channels : int
        Channels of every band.
    bands : int
        Number of bands.
    hidden : int
        Width of the recurrent layer.
    squeezed : int
        Channels of every band at the input and output of the LSTM.
    """

    def __init__(self, channels: int, bands: int, hidden: int, squeezed: int = 8):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.squeeze = nn.Linear(channels, squeezed)
        self.rnn = nn.LSTM(squeezed * bands, hidden)
        self.expand = nn.Linear(hidden, squeezed * bands)
        self.out = nn.Linear(squeezed, channels)

    def make_identity(self) -> None:
        """Makes the layer an identity, as a start for training."""
        _zero(self.out)

    def forward(self, x: Tensor, past: tuple | None = None):
        """Residual layer on ``[steps, batch, bands, channels]``, and its state."""
        y = functional.silu(self.squeeze(self.norm(x)))
        y, past = self.rnn(y.flatten(2), past)
        y = functional.silu(self.expand(y)).unflatten(2, (x.shape[2], -1))
        return x + self.out(y), past


def _zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
