"""What the paper's three networks are made of: convolution, normalisation, ReLU.

The block of Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to
Lip Generation In The Wild", ACM Multimedia 2020, and of Hegde et al., "Visual
Speech Enhancement Without A Real Visual Stream", WACV 2021. The attribute names
are those of the published weights.
"""

from collections.abc import Callable

import torch
from torch import nn


class ConvBlock(nn.Module):
    """A convolution, batch normalisation, an optional shortcut and a ReLU.

    Arguments
    ---------
    convolution : nn.Module
        ``Conv1d``, ``Conv2d`` or ``ConvTranspose2d``.
    residual : bool
        Whether the input is added before the ReLU; it must have the output's
        shape.

    Example
    -------
    >>> ConvBlock(nn.Conv1d(4, 6, 3, padding=1))(torch.zeros(2, 4, 10)).shape
    torch.Size([2, 6, 10])
    """

    def __init__(self, convolution: nn.Module, residual: bool = False):
        super().__init__()
        flat = isinstance(convolution, nn.Conv1d)
        norm = nn.BatchNorm1d if flat else nn.BatchNorm2d
        self.conv_block = nn.Sequential(convolution, norm(convolution.out_channels))
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``[batch, channels, ...]`` to ``[batch, out_channels, ...]``."""
        out = self.conv_block(x)
        if self.residual:
            out = out + x
        return torch.relu(out)


def conv1d(inputs: int, outputs: int) -> ConvBlock:
    """A plain block of 3 taps, same length."""
    return ConvBlock(nn.Conv1d(inputs, outputs, 3, padding=1))


def residual1d(channels: int) -> ConvBlock:
    """3 taps, same length, with a shortcut."""
    return ConvBlock(nn.Conv1d(channels, channels, 3, padding=1), residual=True)


def conv2d(inputs: int, outputs: int, kernel=3, stride=1, padding=1) -> ConvBlock:
    """A plain block, for every change of size or channels."""
    return ConvBlock(nn.Conv2d(inputs, outputs, kernel, stride, padding))


def residual2d(channels: int) -> ConvBlock:
    """3 x 3, same size, with a shortcut."""
    return ConvBlock(nn.Conv2d(channels, channels, 3, padding=1), residual=True)


def upconv2d(inputs: int, outputs: int, stride=2, padding=1, extra=1) -> ConvBlock:
    """3 x 3 transposed: doubles the size by default."""
    convolution = nn.ConvTranspose2d(
        inputs, outputs, 3, stride, padding, output_padding=extra
    )
    return ConvBlock(convolution)


def mel_encoder(widths: tuple[int, int, int, int, int]) -> nn.Sequential:
    """Encodes mel windows ``[N, 1, 80, 16]`` as ``[N, widths[-1], 1, 1]``.

    Arguments
    ---------
    widths : tuple
        Channels of the five stages.
    """
    a, b, c, d, e = widths
    return nn.Sequential(
        conv2d(1, a),  # [N, a, 80, 16]
        residual2d(a),
        residual2d(a),
        conv2d(a, b, stride=(3, 1)),  # [N, b, 27, 16]
        residual2d(b),
        residual2d(b),
        conv2d(b, c, stride=3),  # [N, c, 9, 6]
        residual2d(c),
        residual2d(c),
        conv2d(c, d, stride=(3, 2)),  # [N, d, 3, 3]
        residual2d(d),
        conv2d(d, e, padding=0),  # [N, e, 1, 1]
        conv2d(e, e, kernel=1, padding=0),
    )


def flatten_frames(frames: torch.Tensor, time: int) -> torch.Tensor:
    """Joins batch and time, time outermost, as the original does.

    Arguments
    ---------
    frames : torch.Tensor
        ``[batch, ...]`` with time at dimension ``time``.
    time : int
        Which dimension is time.

    Returns
    -------
    torch.Tensor
        ``[time * batch, ...]``.
    """
    return frames.movedim(time, 0).flatten(0, 1)  # [T * B, ...]


def unflatten_frames(images: torch.Tensor, batch: int, frames: int) -> torch.Tensor:
    """Undoes ``flatten_frames``: ``[T * B, C, H, W]`` to ``[B, C, T, H, W]``."""
    stacked = images.reshape(frames, batch, *images.shape[1:])  # [T, B, C, H, W]
    return stacked.permute(1, 2, 0, 3, 4).contiguous()  # [B, C, T, H, W]


def in_chunks(
    network: Callable[..., torch.Tensor], inputs: tuple, size: int | None
) -> torch.Tensor:
    """Runs a network over pieces of its batch, ``[N, ...]``, to bound the memory it
    needs.

    No item sees another. Pieces, of ``size`` items at most, are equally large, give or
    take one item: a small rest would be the least efficient.
    """
    items = inputs[0].shape[0]
    if size is None or items <= size:
        return network(*inputs)
    count = -(-items // size)
    pieces = zip(*(tensor.tensor_split(count) for tensor in inputs), strict=True)
    return torch.cat([network(*piece) for piece in pieces])
