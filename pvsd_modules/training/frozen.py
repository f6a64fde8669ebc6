"""A network that a training run reads and never changes."""

from torch import nn

from pvsd_modules.models.protocols import Foldable


class Frozen(nn.Module):
    """Keeps a network in evaluation mode and out of the optimiser.

    A Brain calls ``modules.train()`` after ``on_stage_start``; a plain frozen network
    would then go on moving its BatchNorm statistics. Here ``train()`` never arrives. Of
    a network that has a fused copy (BatchNorm folded in) that one runs: it gives the
    same output in less time.

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
        self._fused: dict = {}  # by the state of the weights; no submodule of this one

    def train(self, mode: bool = True):
        """Stays in evaluation mode whatever is asked."""
        return super().train(False)

    @property
    def neutral(self):
        """The neutral mouth of the lip model within, see `LipModel`."""
        return self.network.neutral

    def forward(self, *args, **kwargs):
        """Calls the network."""
        if not isinstance(self.network, Foldable):
            return self.network(*args, **kwargs)
        weights = self.network.state_dict(keep_vars=True).values()
        state = tuple((id(value), value._version, value.device) for value in weights)
        if state not in self._fused:
            self._fused = {state: self.network.for_inference()}
        return self._fused[state](*args, **kwargs)
