"""The optimiser Muon: orthogonal updates for matrices, AdamW for the rest."""

from typing import Protocol

import torch
from torch import Tensor
from torch.optim import AdamW


class HasMatrices(Protocol):
    """A network that names its matrices."""

    def matrices(self) -> dict[torch.nn.Parameter, int]:
        """See `pvsd_modules.models.open.matrices.matrices_of`."""


class Muon(AdamW):
    """Muon (Jordan et al., "Muon: An optimizer for hidden layers", 2024).

    The momentum of a matrix is replaced by the nearest semi-orthogonal matrix, so that
    rare directions learn as fast as common ones. Updates are scaled to the size of
    AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025): learning rates of
    AdamW fit. All parameters that are not among the network's matrices are left to
    AdamW. A parameter of three dimensions is a stack of matrices.

    Arguments
    ---------
    params : iterable of Parameter
        What is trained.
    network : HasMatrices
        Names the matrices among them.
    lr : float
        Learning rate of all parameters.
    momentum : float
        Of matrices.
    betas : tuple of float
        Of AdamW.
    weight_decay : float
        Of all parameters.

    Example
    -------
    >>> from pvsd_modules.models.open.matrices import matrices_of
    >>> class Layer(torch.nn.Linear):
    ...     def matrices(self):
    ...         return matrices_of(self)
    >>> layer = Layer(4, 3)
    >>> optimizer = Muon(layer.parameters(), layer, lr=0.1, weight_decay=0.0)
    >>> before = layer.weight.detach().clone()
    >>> layer(torch.randn(8, 4)).square().sum().backward()
    >>> optimizer.step()
    >>> change = (layer.weight.detach() - before) / (0.1 * 0.2 * 4**0.5)
    >>> bool(((change @ change.T).diagonal() - 1).abs().max() < 0.6)
    True
    """

    def __init__(
        self,
        params,
        network: HasMatrices,
        lr: float = 0.002,
        momentum: float = 0.95,
        betas=(0.9, 0.98),
        weight_decay: float = 0.005,
    ):
        params = list(params)
        stacks = network.matrices()
        others = [p for p in params if p not in stacks]
        groups = [{"params": others, "momentum": None, "stacked": 0}]
        for count in sorted(set(stacks.values())):
            chosen = [p for p in params if stacks.get(p) == count]
            groups.append({"params": chosen, "momentum": momentum, "stacked": count})
        super().__init__(groups, lr=lr, betas=betas, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure=None):
        """One step; ``closure`` computes the loss anew where it is given."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if group["momentum"] is None]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group["momentum"] is not None:
                self._step_matrices(group)
        return loss

    def _step_matrices(self, group: dict) -> None:
        by_shape: dict[tuple, list] = {}
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                # AdamW looks for "step" when a state is loaded.
                state["step"] = torch.tensor(0.0)
                state["exp_avg"] = torch.zeros_like(parameter)
            average = state["exp_avg"].mul_(group["momentum"]).add_(parameter.grad)
            update = parameter.grad.add(average, alpha=group["momentum"])
            if parameter.ndim == 2:
                update = update.unflatten(0, (group["stacked"], -1))
            elif parameter.ndim > 3:
                update = update.flatten(1)[None]
            by_shape.setdefault(tuple(update.shape[1:]), []).append((parameter, update))
        for shape, items in by_shape.items():
            updates = [update for _, update in items]
            updates = orthogonal(torch.cat(updates)).split([len(u) for u in updates])
            size = -0.2 * max(shape) ** 0.5 * group["lr"]
            for (parameter, _), update in zip(items, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.reshape(parameter.shape), alpha=size)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """Nearly the nearest semi-orthogonal matrices, ``[n, rows, columns]`` of any size.

    Newton-Schulz iteration with the coefficients of Muon: singular values end between
    0.7 and 1.2.
    """
    x = matrices.to(torch.bfloat16)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * (square @ square)) @ x
    return (x.mT if tall else x).to(matrices.dtype)
