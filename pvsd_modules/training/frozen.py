"""A network that a training reads and never changes."""

from torch import nn


class Frozen(nn.Module):
    """Keeps a network in evaluation mode and out of the optimiser.

    A Brain calls ``modules.train()`` after ``on_stage_start``; a plain frozen network
    would then go on moving its BatchNorm statistics. Here ``train()`` never arrives.

    Arguments
    ---------
    network : nn.Module
        The network; its parameters stop asking for gradients.

    Example
    -------
    >>> frozen = Frozen(nn.BatchNorm1d(2)).train()
    >>> frozen.network.training
    False
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def train(self, mode: bool = True):
        """Stays in evaluation mode whatever is asked."""
        return super().train(False)

    @property
    def neutral(self):
        """The neutral mouth of the lip model within, see `LipModel`."""
        return self.network.neutral

    def forward(self, *args, **kwargs):
        """Calls the network."""
        return self.network(*args, **kwargs)
