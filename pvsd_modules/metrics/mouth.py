"""How far a mouth is open in frames, and how alike two tracks move."""

import torch
from torch import Tensor


def mouth_opening(lips: Tensor) -> Tensor:
    """How far the mouth is open, from ``[..., frames, 48, 96, 3]``, 0..1, to ``[...,
    frames]``.

    An open mouth shows its dark inside: the measure is the mean darkness of the part of
    the frame where the mouth lies in a face crop (rows 12..29, columns 34..61),
    comparable within a clip only.
    """
    return 1.0 - lips[..., 12:30, 34:62, :].mean((-3, -2, -1))


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation along the last dimension; 0 where one does not move."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    norm = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(norm > 1e-9, (a * b).sum(-1) / norm.clamp(min=1e-9), 0.0)
