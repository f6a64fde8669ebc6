"""Describes lip frames to a denoiser."""

from torch import Tensor, nn

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH

#: Brightest and darkest value of a pixel that is read, in its standard deviations.
LIMIT = 8.0


class LipEncoder(nn.Module):
    """Three strided convolutions and a linear layer, a frame at a time.

    Works on grey images of half the size: colour says little about speech, and a
    frame of 24 x 48 still shows how far and how round a mouth is open. Every pixel is
    first normalised by its own running mean and variance: what moves in a drawn face
    is a twentieth of the contrast of what stands still, and an encoder that sees both
    as they are soon learns to look at neither.

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
        pixels = LIP_HEIGHT * LIP_WIDTH // 4
        self.motion = nn.BatchNorm1d(pixels, affine=False, momentum=0.02)
        self.layers = nn.Sequential(layer(1, 8), layer(8, 16), layer(16, 32))
        self.out = nn.Linear(32 * 3 * 6, channels)

    def forward(self, lips: Tensor) -> Tensor:
        """``[batch, frames, 48, 96, 3]`` to ``[batch, frames, channels]``."""
        batch, frames = lips.shape[:2]
        x = self.shrink(lips.flatten(0, 1).mean(-1)[:, None])  # [b frames, 1, 24, 48]
        x = self.motion(x.flatten(1)).clamp(-LIMIT, LIMIT).reshape(x.shape)
        x = self.layers(x)  # [batch frames, 32, 3, 6]
        return self.out(x.flatten(1)).reshape(batch, frames, -1)
