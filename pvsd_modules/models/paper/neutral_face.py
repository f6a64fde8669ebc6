"""A plain face drawn by arithmetic, for teachers that want a face and get none."""

import torch

from pvsd_modules.alignment import FACE_SIZE

# From back to front: colour, centre x and y, half width and height, in pixels.
_ELLIPSES = (
    ((0.30, 0.22, 0.18), 48, 40, 41, 42),  # hair
    ((0.66, 0.50, 0.42), 48, 82, 17, 26),  # neck
    ((0.80, 0.62, 0.53), 48, 50, 34, 43),  # head
    ((0.76, 0.57, 0.48), 48, 58, 6, 4),  # nose
    ((0.95, 0.95, 0.94), 33, 40, 7, 4),  # eyes
    ((0.95, 0.95, 0.94), 63, 40, 7, 4),
    ((0.25, 0.18, 0.14), 33, 40, 3, 3),
    ((0.25, 0.18, 0.14), 63, 40, 3, 3),
    ((0.34, 0.25, 0.20), 33, 32, 9, 1.8),  # brows
    ((0.34, 0.25, 0.20), 63, 32, 9, 1.8),
    ((0.72, 0.40, 0.38), 48, 74, 12, 4.5),  # lips, closed
    ((0.45, 0.22, 0.22), 48, 74, 11, 0.9),
)


def neutral_face() -> torch.Tensor:
    """A face with closed lips, in colour, edges softened over a pixel.

    Returns
    -------
    torch.Tensor
        ``[96, 96, 3]`` RGB, values 0..1.

    Example
    -------
    >>> neutral_face().shape
    torch.Size([96, 96, 3])
    """
    y, x = torch.meshgrid(
        torch.arange(FACE_SIZE) + 0.5, torch.arange(FACE_SIZE) + 0.5, indexing="ij"
    )
    face = torch.full((FACE_SIZE, FACE_SIZE, 3), 0.55)  # a grey wall
    for colour, centre_x, centre_y, width, height in _ELLIPSES:
        radius = torch.hypot((x - centre_x) / width, (y - centre_y) / height)
        inside = ((1 - radius) * min(width, height) + 0.5).clamp(0, 1)[..., None]
        face = face + inside * (torch.tensor(colour) - face)  # [96, 96, 3]
    return face
