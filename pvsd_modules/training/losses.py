"""The losses of lips and of the paper's denoiser, and how losses are averaged.

As in SpeechBrain, each takes relative ``lengths`` and a ``reduction``: what lies behind
the end of an item does not count, and the loss of a batch is the mean over its items,
so that it does not depend on how items are put together to batches.
"""

from speechbrain.dataio.dataio import length_to_mask
from torch import Tensor, nn


def item_means(values: Tensor, counts: Tensor | None = None) -> Tensor:
    """Mean of each item, ``[batch, steps, ...]`` to ``[batch]``, over the steps that
    count.

    Example
    -------
    >>> import torch
    >>> item_means(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([2]))
    tensor([2.])
    """
    means = values.flatten(2).mean(2) if values.dim() > 2 else values
    if counts is None:
        return means.mean(1)
    mask = length_to_mask(counts, means.shape[1], means.dtype)
    return (means * mask).sum(1) / counts.clamp(min=1)


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean of ``[batch]`` losses, or with ``reduction="batch"`` all of them."""
    return losses if reduction == "batch" else losses.mean()


class FeatureL1(nn.Module):
    """The paper's loss: mean absolute error between the 514-value spectra.

    Example
    -------
    >>> import torch
    >>> spectra = torch.rand(2, 4, 514)
    >>> FeatureL1()({"features": spectra}, {"features": spectra})
    tensor(0.)
    """

    def forward(self, predictions, targets, lengths=None, reduction="mean") -> Tensor:
        """Loss of a batch.

        Arguments
        ---------
        predictions, targets : dict
            ``features`` of both, ``[batch, steps, 514]``.
        lengths : Tensor or None
            Relative lengths of the items, ``[batch]``.
        reduction : str
            "mean" or "batch".

        Returns
        -------
        Tensor
            A scalar, or ``[batch]``.
        """
        error = (predictions["features"] - targets["features"]).abs()
        counts = None if lengths is None else (lengths * error.shape[1]).round()
        return reduced(item_means(error, counts), reduction)


class LipLoss(nn.Module):
    """Absolute error of the pixels and, optionally, of their change in time.

    Arguments
    ---------
    motion_weight : float
        Weight of the absolute error between successive differences: keeps the
        mouth moving where the plain error is content with a mean.
    pixel_scale : float
        Factor on the errors, so that learning rates suit them.
    squared_weight : float
        Weight of the squared error. The best guess under an absolute error is the
        median, a closed mouth where mouths are mostly closed; under a squared one it
        is the mean, which moves. Short training runs want some of it.

    Example
    -------
    >>> import torch
    >>> lips = torch.rand(2, 4, 48, 96, 3)
    >>> LipLoss(motion_weight=0.5)(lips, lips)
    tensor(0.)
    """

    def __init__(
        self,
        motion_weight: float = 0.0,
        pixel_scale: float = 1.0,
        squared_weight: float = 0.0,
    ):
        super().__init__()
        self.motion_weight = motion_weight
        self.pixel_scale = pixel_scale
        self.squared_weight = squared_weight

    def forward(self, drawn, wanted, lengths=None, reduction="mean") -> Tensor:
        """Loss of a batch.

        Arguments
        ---------
        drawn, wanted : Tensor
            ``[batch, frames, 48, 96, 3]``.
        lengths : Tensor or None
            Relative lengths of the items, ``[batch]``.
        reduction : str
            "mean" or "batch".

        Returns
        -------
        Tensor
            A scalar, or ``[batch]``.
        """
        counts = None if lengths is None else (lengths * drawn.shape[1]).round()
        error = drawn - wanted
        loss = item_means(error.abs(), counts)
        if self.motion_weight and error.shape[1] > 1:
            steps = None if counts is None else counts - 1
            change = item_means(error.diff(dim=1).abs(), steps)
            loss = loss + self.motion_weight * change
        if self.squared_weight:
            loss = loss + self.squared_weight * item_means(error.square(), counts)
        return reduced(self.pixel_scale * loss, reduction)
