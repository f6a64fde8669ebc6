"""Changes of mouth video: other faces, light, cameras and crops than were filmed.

The pictures become grey, as the mouth reader sees them: a third of the work.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass
class MouthAugmenter:
    """Random changes, one draw a clip; what they change in time is small and smooth.

    Arguments
    ---------
    angle : float
        Largest rotation, radians.
    scale : float
        Largest change of the size, a share.
    shift : float
        Largest shift, a share of half the picture.
    jitter : float
        Of the same that moves during a clip, as an unsteady crop does.
    warp : float
        Largest displacement of a smooth random warp, which gives the face another
        shape; a share of half the picture.
    light : float
        Largest change of brightness, contrast, colours and gamma, a share.
    blur : float
        Chance of a picture of a half or a quarter of the resolution.
    noise : float
        Largest standard deviation of the noise of a camera.

    Example
    -------
    >>> MouthAugmenter()(torch.rand(2, 5, 48, 96, 3)).shape
    torch.Size([2, 5, 48, 96, 3])
    """

    angle: float = 0.2
    scale: float = 0.25
    shift: float = 0.12
    jitter: float = 0.02
    warp: float = 0.07
    light: float = 0.4
    blur: float = 0.4
    noise: float = 0.03

    def __call__(self, lips: Tensor) -> Tensor:
        """``[batch, frames, 48, 96, 3]``, 0..1, of the same shape, grey."""
        batch, frames = lips.shape[:2]
        colours = 1 + self.light * (2 * torch.rand(batch, 3) - 1).to(lips)
        colours = colours / colours.sum(1, keepdim=True)
        x = torch.einsum("bfhwc,bc->bfhw", lips, colours).flatten(0, 1)[:, None]
        grid = self._places(batch, frames, x)
        x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
        x = self._seen(x[:, 0].unflatten(0, (batch, frames)))
        return x.clamp(0, 1)[..., None].expand_as(lips)

    def _places(self, batch: int, frames: int, like: Tensor) -> Tensor:
        """Where every pixel is read, ``[batch frames, 48, 96, 2]``."""
        height, width = like.shape[-2:]

        def drawn(size: float) -> Tensor:
            """Values ``[batch, frames]``: one a clip, and a little that moves."""
            still = size * (2 * torch.rand(batch, 1) - 1)
            moving = self.jitter * torch.randn(batch, 1, frames // 5 + 2)
            moving = functional.interpolate(
                moving, frames, mode="linear", align_corners=True
            )
            return still + moving[:, 0]

        angle, size = drawn(self.angle), 1 + drawn(self.scale)
        right, down = drawn(self.shift), drawn(self.shift)
        ratio = height / width
        cos, sin = size * angle.cos(), size * angle.sin()
        rows = [cos, -sin * ratio, right, sin / ratio, cos, down]
        theta = torch.stack(rows, -1).reshape(batch * frames, 2, 3)
        flip = (torch.rand(batch, 1, 1) < 0.5).float() * -2 + 1  # a mouth in a mirror
        theta[:, 0] *= flip.expand(batch, frames, 1).reshape(-1, 1)
        theta = theta.to(like)
        shape = [batch * frames, 3, height, width]
        grid = functional.affine_grid(theta, shape, align_corners=False)
        warp = self.warp * (2 * torch.rand(batch, 2, 4, 6) - 1).to(like)
        warp = functional.interpolate(
            warp, (height, width), mode="bicubic", align_corners=True
        )
        return grid + warp.permute(0, 2, 3, 1).repeat_interleave(frames, 0)

    def _seen(self, x: Tensor) -> Tensor:
        """Light and camera, on ``[batch, frames, 48, 96]``."""
        batch, size = len(x), x.shape[-2:]

        def drawn(*shape: int) -> Tensor:
            return self.light * (2 * torch.rand(batch, *shape) - 1).to(x)

        x = x.clamp(min=1e-3) ** (1 + drawn(1, 1, 1))
        x = x * (1 + drawn(1, 1, 1)) + drawn(1, 1, 1) / 2
        shade = functional.interpolate(
            drawn(1, 2, 3), size, mode="bicubic", align_corners=True
        )
        x = x * (1 + shade)
        if torch.rand(()) < self.blur:
            factor = int(2 ** torch.randint(1, 3, ()))
            small = functional.avg_pool2d(x, factor)
            x = functional.interpolate(small, size, mode="bilinear")
        return x + self.noise * float(torch.rand(())) * torch.randn_like(x)
