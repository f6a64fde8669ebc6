"""Reads the weights of the mouth model off the frames of a real mouth."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH
from pvsd_modules.models.open.lip_generator import LipDecoder

#: Frames on either side over which a frame is normalised: 1.5 s.
REACH = 37


class MouthReader(nn.Module):
    """Video of anybody's mouth to the weights that a lip generator draws with.

    So a denoiser is given the one drawn mouth that it was trained with, whoever is
    filmed. Frames are grey and of half the size; from each pixel its mean over three
    seconds is subtracted, and the rest is divided by its root mean square: what moves
    is kept, what the face looks like is not. Convolutions describe each frame, and
    two along time join the descriptions.

    Arguments
    ---------
    motions : int
        Dimensions of the mouth model, see `LipDecoder`.
    channels : int
        Width of the description of a frame.

    Example
    -------
    >>> MouthReader(motions=8, channels=16)(torch.rand(2, 5, 48, 96, 3)).shape
    torch.Size([2, 5, 8])
    """

    #: Frames on either side that the weights of a frame depend on.
    context = 2 * REACH + 4

    def __init__(self, motions: int = 32, channels: int = 96):
        super().__init__()

        def layer(inputs, outputs):
            """Halves height and width."""
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(1, outputs), nn.SiLU()
            )

        self.sizes = {"motions": motions, "channels": channels}
        self.pool = nn.AvgPool2d(2)
        self.frames = nn.Sequential(layer(1, 16), layer(16, 32), layer(32, 64))
        size = 64 * (LIP_HEIGHT // 16) * (LIP_WIDTH // 16)
        self.describe = nn.Linear(size, channels)
        self.time = nn.ModuleList(
            nn.Conv1d(channels, channels, 5, padding=2) for _ in range(2)
        )
        self.head = nn.Linear(channels, motions)

    def forward(self, lips: Tensor) -> Tensor:
        """``[batch, frames, 48, 96, 3]``, 0..1, to ``[batch, frames, motions]``."""
        batch, count = lips.shape[:2]
        x = self.pool(lips.mean(-1).flatten(0, 1)[:, None])  # [b frames, 1, 24, 48]
        x = moving(x.unflatten(0, (batch, count)).flatten(2))
        x = self.frames(x.reshape(batch * count, 1, LIP_HEIGHT // 2, LIP_WIDTH // 2))
        x = functional.silu(self.describe(x.flatten(1)))
        x = x.unflatten(0, (batch, count)).mT
        for conv in self.time:
            x = x + functional.silu(conv(x))
        return self.head(x.mT)

    @torch.no_grad()
    def change_mouth(self, own: LipDecoder, other: LipDecoder) -> None:
        """Gives weights for another mouth model, of the nearest drawings.

        A student that is trained together with a denoiser changes its teacher's mouth.
        """
        basis, wanted = other.basis().double(), own.basis().double()
        change = torch.linalg.lstsq(basis.mT, wanted.mT).solution  # [other, own]
        head = nn.Linear(self.head.in_features, len(basis))
        head.weight.copy_(change @ self.head.weight.double())
        head.bias.copy_(change @ self.head.bias.double())
        self.head = head.to(self.head.weight)


def moving(x: Tensor, reach: int = REACH) -> Tensor:
    """What changes in ``[batch, frames, pixels]``, at a root mean square of 1.

    Means are taken over ``reach`` frames on either side, of those that exist.
    """
    x = x - _running_mean(x, reach)
    power = _running_mean(x.square().mean(-1, keepdim=True), reach)
    return x / (power + 1e-5).sqrt()


def _running_mean(x: Tensor, reach: int) -> Tensor:
    sums = functional.pad(x.cumsum(1), (0, 0, 1, 0))
    last = torch.arange(x.shape[1], device=x.device)
    begin, end = (last - reach).clamp(min=0), (last + reach + 1).clamp(max=x.shape[1])
    return (sums[:, end] - sums[:, begin]) / (end - begin)[:, None]
