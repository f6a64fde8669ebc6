"""Causal layers whose past is an explicit argument.

Every layer takes ``(x, past)`` and returns ``(y, past)``. ``past=None`` is the start of
a signal. Streaming relies on this: a signal in pieces, with the past handed on, gives
the same output as the whole signal.
"""

from torch import Tensor, cat, nn


class CausalConv(nn.Module):
    """Convolution over time (dimension 2) that sees the past only.

    Arguments
    ---------
    conv : nn.Module
        A ``Conv1d`` on ``[batch, channels, time]`` or a ``Conv2d`` on
        ``[batch, channels, time, freq]`` without padding in time.

    Example
    -------
    >>> import torch
    >>> layer = CausalConv(nn.Conv1d(1, 1, 3))
    >>> x = torch.randn(1, 1, 10)
    >>> whole, _ = layer(x)
    >>> first, past = layer(x[..., :4])
    >>> second, _ = layer(x[..., 4:], past)
    >>> torch.allclose(whole, torch.cat([first, second], -1), atol=1e-6)
    True
    """

    def __init__(self, conv: nn.Module):
        super().__init__()
        self.conv = conv
        kernel, stride, dilation = (
            conv.kernel_size[0],
            conv.stride[0],
            conv.dilation[0],
        )
        self.history = (kernel - 1) * dilation + 1 - stride
        if self.history < 0:
            raise ValueError("The stride in time must not exceed the kernel.")

    def forward(self, x: Tensor, past: Tensor | None = None):
        """Applies the layer to ``x`` (its time a multiple of the stride)."""
        if self.history == 0:
            return self.conv(x), None
        if past is None:
            shape = list(x.shape)
            shape[2] = self.history
            past = x.new_zeros(shape)
        x = cat([past, x], 2)
        return self.conv(x), x.narrow(2, x.shape[2] - self.history, self.history)
