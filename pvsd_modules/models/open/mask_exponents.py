"""Powers of masks by frequency, which decide how much of what was removed stays out."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


class MaskExponents(nn.Module):
    """Raises the magnitudes of complex masks to powers that depend on frequency.

    A network that is uncertain is trained to remove too much: a loss of compressed
    magnitudes has its minimum below the mean. A power below 1 gives back, and the more
    of a bin the more was removed of it. Masks of 1 and above stay as they are. There is
    nothing to train: exponents are chosen by the scores on validation data.

    Arguments
    ---------
    exponents : Mapping of float to float
        Exponents by frequency in Hz; linear in between, constant beyond.
    bins : int
        Bins from 0 Hz to half the sampling rate.
    lowest : float
        Masks below it are scaled as it is. Without it masks of nearly 0 would grow
        without bound.
    sample_rate : int

    Example
    -------
    >>> raised = MaskExponents({1000: 0.5}, bins=3)(torch.full((1, 2, 3, 2), 0.25))
    >>> raised.square().sum(-1).sqrt()[0, 0]  # the root of 0.25 * sqrt(2)
    tensor([0.5946, 0.5946, 0.5946])
    """

    def __init__(
        self,
        exponents: Mapping[float, float],
        bins: int = 241,
        lowest: float = 0.01,
        sample_rate: int = 16000,
    ):
        super().__init__()
        points = sorted((float(hz), float(power)) for hz, power in exponents.items())
        if not points or min(power for _, power in points) <= 0:
            raise ValueError(f"Exponents above 0 are needed, not {dict(exponents)}.")
        bin_hz = np.linspace(0, sample_rate / 2, bins)
        powers = torch.tensor(np.interp(bin_hz, *zip(*points, strict=True)))
        self.lowest = lowest
        self.register_buffer("surplus", powers.float()[:, None] - 1, persistent=False)

    def forward(self, mask: Tensor) -> Tensor:
        """Masks ``[..., bins, 2]`` with other magnitudes and the same phases."""
        magnitude = (mask.square().sum(-1, keepdim=True) + 1e-12).sqrt()
        return mask * magnitude.clamp(self.lowest, 1.0) ** self.surplus
