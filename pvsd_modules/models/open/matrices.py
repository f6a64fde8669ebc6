"""Which parameters of a network are matrices, for the optimiser."""

from torch import nn


def matrices_of(*layers: nn.Module) -> dict[nn.Parameter, int]:
    """The weights of linear, convolutional and recurrent layers.

    Arguments
    ---------
    *layers : nn.Module
        Networks or layers.

    Returns
    -------
    dict of Parameter to int
        How many matrices lie one below the other in dimension 0: four in an LSTM.

    Example
    -------
    >>> list(matrices_of(nn.LSTM(2, 3), nn.Linear(3, 1)).values())
    [4, 4, 1]
    """
    return {
        parameter: 4 if isinstance(layer, nn.LSTM) else 1
        for part in layers
        for layer in part.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if parameter.ndim > 1 and not name.startswith("bias")
    }
