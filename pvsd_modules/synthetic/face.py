"""A drawn face whose mouth opens and shuts.

Soft-edged ellipses on a square picture, with numpy alone: round enough and shaded
enough for a Haar cascade to take it for a face.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class _Look:
    """Colours (RGB, 0..255) and proportions of one face."""

    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    wall: np.ndarray
    width: float
    eyes: float
    mouth: float


def _look(speaker: int) -> _Look:
    rng = np.random.default_rng([404, abs(speaker)])
    skin = np.array([222, 178, 148]) * rng.uniform(0.82, 1.08) + rng.uniform(-6, 6, 3)
    return _Look(
        skin=np.clip(skin, 0, 250),
        hair=np.array([60, 42, 30]) * rng.uniform(0.4, 2.0),
        lips=np.array([176, 74, 76]) * rng.uniform(0.85, 1.1),
        iris=rng.uniform(25, 90, 3),
        wall=rng.uniform(60, 190, 3),
        width=rng.uniform(0.235, 0.26),
        eyes=rng.uniform(0.098, 0.110),
        mouth=rng.uniform(0.075, 0.09),
    )


class _Canvas:
    """Paints ellipses; positions and radii are parts of the picture's side."""

    def __init__(self, picture: np.ndarray):
        self.picture = picture
        size = picture.shape[0]
        line = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y, self.size = line[None, :], line[:, None], size

    def ellipse(self, x, y, across, down, colour, soft=0.0, strength=1.0):
        """Blend an ellipse in; ``soft`` is the width of its edge."""
        edge = max(soft, 1.5 / self.size)
        rows = self._span(y, down + edge)
        columns = self._span(x, across + edge)
        away = np.hypot(
            (self.x[:, columns] - x) / across, (self.y[rows] - y) / max(down, 1e-3)
        )
        inside = (1 - away) * min(across, max(down, 1e-3)) / edge + 0.5
        mask = (strength * np.clip(inside, 0, 1))[..., None]
        part = self.picture[rows, columns]
        part += mask * (np.asarray(colour, dtype=np.float32) - part)

    def _span(self, middle, reach):
        first = int(np.floor((middle - reach) * self.size))
        last = int(np.ceil((middle + reach) * self.size)) + 1
        return slice(max(first, 0), max(min(last, self.size), 0))


_MOUTH_Y = 0.735  # of the picture's side


def _still(look: _Look, size: int) -> np.ndarray:
    """Everything but the mouth, float32 [size, size, 3]."""
    picture = np.empty((size, size, 3), dtype=np.float32)
    picture[:] = look.wall
    paint = _Canvas(picture).ellipse
    skin, dark = look.skin, look.skin * 0.55
    paint(0.5, 1.16, 0.42, 0.24, look.wall * 0.4)  # shoulders
    paint(0.5, 0.90, 0.12, 0.20, skin * 0.72)  # neck
    paint(0.5, 0.42, look.width + 0.045, 0.34, look.hair)
    for side in (-1, 1):
        paint(0.5 + side * look.width, 0.54, 0.025, 0.06, skin * 0.8)  # ears
    paint(0.5, 0.535, look.width, 0.335, skin, soft=0.02)
    paint(0.5, 0.36, look.width * 0.8, 0.11, skin * 1.06, soft=0.08)  # forehead
    for side in (-1, 1):
        x = 0.5 + side * look.eyes
        paint(x, 0.475, 0.075, 0.045, dark, soft=0.05, strength=0.75)  # socket
        paint(x, 0.43, 0.062, 0.013, look.hair * 0.8, soft=0.012)  # brow
        paint(x, 0.485, 0.042, 0.019, [225, 222, 218], soft=0.008)
        paint(x, 0.485, 0.019, 0.019, look.iris * 0.6, soft=0.006)
        paint(x, 0.470, 0.045, 0.007, dark * 0.6, soft=0.008)  # lid
        paint(0.5 + side * 0.13, 0.61, 0.06, 0.05, skin * 1.07, soft=0.06)  # cheek
    paint(0.5, 0.53, 0.022, 0.11, skin * 1.10, soft=0.03)  # ridge of the nose
    paint(0.5, 0.632, 0.042, 0.016, dark, soft=0.03, strength=0.6)
    for side in (-1, 1):
        paint(0.5 + side * 0.022, 0.636, 0.010, 0.006, dark * 0.5, soft=0.008)
    return picture


def _speak(picture: np.ndarray, look: _Look, opening: float) -> None:
    """Paint the mouth: lips, and between them, when open, teeth and dark."""
    paint = _Canvas(picture).ellipse
    gap = 0.055 * opening  # half the height between the lips
    across = look.mouth * (1 - 0.12 * opening)
    middle = _MOUTH_Y + 0.5 * gap  # the jaw drops, the upper lip hardly moves
    shade = look.skin * 0.62
    paint(0.5, middle + gap + 0.05, 0.05, 0.012, shade, soft=0.03, strength=0.6)
    paint(0.5, middle, across, gap + 0.022, look.lips, soft=0.008)
    if opening > 0.04:
        paint(0.5, middle, across * 0.80, gap, [45, 18, 20], soft=0.006)
        teeth = min(opening / 0.3, 1.0)
        top = middle - 0.62 * gap
        paint(0.5, top, across * 0.55, 0.3 * gap, [225, 220, 210], 0.006, teeth)
    else:
        paint(0.5, middle, across * 0.9, 0.004, look.lips * 0.45, soft=0.006)


def face_frames(
    opening: Iterable[float], speaker: int = 0, size: int = 160
) -> Iterator[np.ndarray]:
    """Draw a face, uint8 ``[size, size, 3]``, RGB, for each opening of the mouth, 0
    (shut) to 1 (wide open).

    The speaker decides colours and proportions. The face's box, forehead to chin, is
    about 0.26..0.74 across and 0.30..0.87 down.

    Example
    -------
    >>> [picture.shape for picture in face_frames([0.0, 1.0], size=64)]
    [(64, 64, 3), (64, 64, 3)]
    """
    look = _look(speaker)
    still = _still(look, size)
    for value in opening:
        picture = still.copy()
        _speak(picture, look, float(value))
        yield np.clip(picture, 0, 255).round().astype(np.uint8)
