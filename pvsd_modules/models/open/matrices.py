"""Marks for the optimiser which parameters are matrices."""

from torch import nn


def mark(network: nn.Module) -> None:
    """Marks the weights of linear, convolutional and recurrent layers as matrices.

    The weights of an LSTM are four matrices, one below the other: ``stacked`` is the
    number of matrices in dimension 0 of a parameter.

    Arguments
    ---------
    network : nn.Module
        Its parameters must not be replaced afterwards; loading a state is fine.
    """
    for layer in network.modules():
        if isinstance(layer, nn.LSTM):
            for name, parameter in layer.named_parameters():
                if name.startswith("weight"):
                    parameter.stacked = 4
        elif isinstance(getattr(layer, "weight", None), nn.Parameter):
            if layer.weight.ndim > 1:
                layer.weight.stacked = 1
