"""Networks for inference alone: batch normalisation folded into the convolutions."""

import copy

import torch
from torch import nn

from pvsd_modules.models.paper.blocks import ConvBlock


class FoldedBlock(nn.Module):
    """What a ``ConvBlock`` in evaluation mode computes, without a normalisation.

    With fixed statistics batch normalisation is a factor and an offset a channel:
    the factor goes into the convolution's weights, the offset into its bias.

    Arguments
    ---------
    block : ConvBlock
        In evaluation mode; it is not changed.

    Example
    -------
    >>> block = ConvBlock(nn.Conv1d(4, 4, 3, padding=1), residual=True).eval()
    >>> x = torch.randn(2, 4, 10)
    >>> bool(torch.allclose(FoldedBlock(block)(x), block(x), atol=1e-5))
    True
    """

    def __init__(self, block: ConvBlock):
        super().__init__()
        convolution, norm = block.conv_block
        self.convolution = copy.deepcopy(convolution).requires_grad_(False)
        self.residual = block.residual
        with torch.no_grad():
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            outputs = 1 if isinstance(convolution, nn.ConvTranspose2d) else 0
            shape = [1] * convolution.weight.dim()
            shape[outputs] = -1
            self.convolution.weight.mul_(scale.view(shape))
            self.convolution.bias.sub_(norm.running_mean).mul_(scale).add_(norm.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps ``[batch, channels, ...]`` to ``[batch, out_channels, ...]``."""
        out = self.convolution(x)
        if self.residual:
            out += x
        return torch.relu_(out)


def fused_copy(network: nn.Module, dtype: torch.dtype | None = None) -> nn.Module:
    """A copy that gives the same output with less work, and cannot be trained.

    The network, made of ``ConvBlock`` and other layers, is not changed. The copy is in
    evaluation mode, its weights and activations have the type, and names of parameters
    differ.

    Example
    -------
    >>> fused = fused_copy(nn.Sequential(ConvBlock(nn.Conv1d(2, 3, 1))))
    >>> type(fused[0]).__name__
    'FoldedBlock'
    """
    if isinstance(network, ConvBlock):
        fused = FoldedBlock(network)
    else:
        children = dict(network.named_children())
        known = {id(child): child for child in children.values()}  # not to be copied
        fused = copy.deepcopy(network, known)
        for name, child in children.items():
            setattr(fused, name, fused_copy(child, dtype))
    return fused.requires_grad_(False).eval().to(dtype=dtype)
