"""Encodes lip frames for a denoiser."""

from torch import Tensor, nn

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH

#: Normalised pixels are clamped to this many standard deviations.
LIMIT = 8.0


class LipEncoder(nn.Module):
    """Three strided convolutions and a linear layer for each frame.

    Works on grey images of half the size: a frame of 24 x 48 still shows how far and
    how round a mouth is open. Every pixel is first normalised by its own running mean
    and variance: the moving part of a generated face has a twentieth of the contrast of
    the still part, and without normalisation the encoder learns to ignore its input.

    Arguments
    ---------
    channels : int
        Size of the code.

    Example
    -------
    >>> import torch
    >>> LipEncoder(8)(torch.rand(1, 4, 48, 96, 3)).shape
    torch.Size([1, 4, 8])
    """

    def __init__(self, channels: int):
        super().__init__()

        def layer(inputs, outputs):
            """Halves height and width."""
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(1, outputs), nn.SiLU()
            )

        self.pool = nn.AvgPool2d(2)
        pixels = LIP_HEIGHT * LIP_WIDTH // 4
        self.pixel_norm = nn.BatchNorm1d(pixels, affine=False, momentum=0.02)
        self.layers = nn.Sequential(layer(1, 8), layer(8, 16), layer(16, 32))
        self.out = nn.Linear(32 * 3 * 6, channels)

    def forward(self, lips: Tensor) -> Tensor:
        """``[batch, frames, 48, 96, 3]`` to ``[batch, frames, channels]``."""
        batch, frames = lips.shape[:2]
        x = self.pool(lips.flatten(0, 1).mean(-1)[:, None])  # [b frames, 1, 24, 48]
        x = self.pixel_norm(x.flatten(1)).clamp(-LIMIT, LIMIT).reshape(x.shape)
        x = self.layers(x)  # [batch frames, 32, 3, 6]
        return self.out(x.flatten(1)).reshape(batch, frames, -1)
