"""From linear frequency bins to bands and back."""

import torch
from torch import Tensor, nn


class BandSplit(nn.Module):
    """Keeps the low bins as they are and gathers the high ones into wider bands.

    Below 2.1 kHz, where harmonics are resolved, every bin is its own band; above,
    triangular filters on the mel scale merge bins as the ear does.

    Arguments
    ---------
    bins : int
        Linear bins from 0 to 8 kHz.
    low : int
        Bins kept as they are.
    high : int
        Bands above.

    Example
    -------
    >>> bands = BandSplit(241)
    >>> bands.join(bands.split(torch.ones(1, 241))).allclose(torch.ones(1, 241))
    True
    """

    def __init__(self, bins: int, low: int = 64, high: int = 64):
        super().__init__()
        self.low = low
        self.count = low + high
        merge = _high_bands(bins, low, high)  # [bins - low, high]
        self.register_buffer("merge", merge, persistent=False)
        spread = merge.T / merge.sum(1)  # every bin is a mean of its bands
        self.register_buffer("spread", spread, persistent=False)

    def split(self, x: Tensor) -> Tensor:
        """``[..., bins]`` to ``[..., bands]``."""
        return torch.cat([x[..., : self.low], x[..., self.low :] @ self.merge], -1)

    def join(self, x: Tensor) -> Tensor:
        """``[..., bands]`` to ``[..., bins]``."""
        return torch.cat([x[..., : self.low], x[..., self.low :] @ self.spread], -1)


def _high_bands(bins: int, low: int, high: int) -> Tensor:
    """Triangles that cover the bins above ``low``, ``[bins - low, high]``."""
    # Enough filters over the whole range that about `high` of them lie above `low`.
    mel = 2595 * torch.log10(1 + torch.linspace(0, 8000, bins).double() / 700)
    centres = torch.linspace(float(mel[low]), float(mel[-1]), high).double()
    gap = centres[1] - centres[0]
    distance = (mel[low:, None] - centres).abs()
    step = (mel[low:] - mel[low - 1 : -1])[:, None]
    weights = (1 - distance / torch.maximum(gap, step)).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)
    return (weights / weights.sum(0, keepdim=True)).float()
