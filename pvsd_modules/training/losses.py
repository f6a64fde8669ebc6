"""The losses of lips and of the paper's denoiser, and what losses have in common.

As in SpeechBrain, each takes relative ``lengths`` and a ``reduction``: what lies behind
the end of an item does not count, and the loss of a batch is the mean over its items,
so that it does not depend on how items are put together to batches.
"""

import torch
from speechbrain.dataio.dataio import length_to_mask
from torch import Tensor, nn


def item_means(values: Tensor, counts: Tensor | None = None) -> Tensor:
    """Mean of each item, ``[batch, steps, ...]`` to ``[batch]``, over the steps that
    count.

    Example
    -------
    >>> item_means(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([2]))
    tensor([2.])
    """
    means = values.flatten(2).mean(2) if values.dim() > 2 else values
    if counts is None:
        return means.mean(1)
    mask = length_to_mask(counts, means.shape[1], means.dtype)
    return (means * mask).sum(1) / counts.clamp(min=1)


def at_noisy_level(predictions: dict, targets: dict, lengths: Tensor | None):
    """Enhanced and clean signals ``[batch, time]``, divided by the level of the noisy
    one and without what pads them; the levels, ``[batch, 1]``; and the lengths in
    samples, ``[batch]``, or None without relative lengths."""
    noisy, clean = targets["noisy"], targets["clean"]
    enhanced, samples = predictions["enhanced"], None
    if lengths is not None:
        samples = (lengths * noisy.shape[1]).round()
        mask = length_to_mask(samples, noisy.shape[1], noisy.dtype)
        noisy, clean, enhanced = noisy * mask, clean * mask, enhanced * mask
    level = item_means(noisy.square(), samples).sqrt()[:, None] + 1e-5
    return enhanced / level, clean / level, level, samples


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean of ``[batch]`` losses, or with ``reduction="batch"`` all of them."""
    return losses if reduction == "batch" else losses.mean()


def bounded_sdr(enhanced: Tensor, clean: Tensor, samples: Tensor | None = None):
    """SDR in dB of ``[batch, time]``, bounded to -30..40; 0 where there is no speech.

    Not SI-SDR, which does not mind if all comes out too quiet: with it alone clean
    speech lost 2 dB. Behind the lengths ``samples``, ``[batch]``, both signals are 0.
    """
    power = clean.square().sum(-1)
    error = (enhanced - clean).square().sum(-1)
    # The bound is soft so that perfect or hopeless items stop pulling.
    ratio = (power + 1e-3 * error + 1e-8) / (error + 1e-4 * power + 1e-8)
    spoken = (item_means(clean.square(), samples) > 1e-6).to(clean)
    return 10 * torch.log10(ratio) * spoken


class FeatureL1(nn.Module):
    """The paper's loss: mean absolute error between the 514-value spectra.

    Example
    -------
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
