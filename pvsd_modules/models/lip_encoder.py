"""Describes lip frames to a denoiser."""

from torch import Tensor, nn


class LipEncoder(nn.Module):
    """Four strided convolutions, a frame at a time.

    Works on grey images of half the size: colour says little about speech, and a
    frame of 24 x 48 still shows how far and how round a mouth is open.

    Arguments
    ---------
    channels : int
        Width of the description.

    Example
    -------
    >>> import torch
    >>> LipEncoder(8)(torch.rand(1, 4, 48, 96, 3)).shape
    torch.Size([1, 4, 8])
    """

    def __init__(self, channels: int):
        super().__init__()

        def layer(inputs, outputs):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(1, outputs), nn.SiLU()
            )

        self.shrink = nn.AvgPool2d(2)
        self.layers = nn.Sequential(layer(1, 8), layer(8, 16), layer(16, 32))
        self.out = nn.Linear(32 * 3 * 6, channels)

    def forward(self, lips: Tensor) -> Tensor:
        """``[batch, frames, 48, 96, 3]`` to ``[batch, frames, channels]``."""
        batch, frames = lips.shape[:2]
        x = lips.flatten(0, 1).mean(-1)[:, None] - 0.5  # [batch frames, 1, 48, 96]
        x = self.layers(4 * self.shrink(x))  # [batch frames, 32, 3, 6]
        return self.out(x.flatten(1)).reshape(batch, frames, -1)
