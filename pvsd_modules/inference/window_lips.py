"""Generates the lips of overlapping windows, each frame once where that is possible."""

import torch

from pvsd_modules.alignment import (
    SAMPLES_PER_FRAME,
    WINDOW_AFTER,
    WINDOW_BEFORE,
    WINDOW_SAMPLES,
)
from pvsd_modules.errors import PvsdError
from pvsd_modules.models.lip_source import LipSource
from pvsd_modules.models.protocols import LipModel, WindowedLipModel

# Sources of lips that need no camera and no clean signal, window by window.
_SOURCES = ("student", "zeros", "none")


class WindowLips:
    """Gives the lips of windows that overlap.

    A student with a method ``draw_windows`` generates a frame from the 0.2 s around it
    and from nothing else. It generates each frame of the stream once, with all its
    context, and overlapping windows share frames. Another student sees each window
    by itself, silence before and after.

    Arguments
    ---------
    source : str
        "student" (generated), "zeros" (black frames) or "none" (no lips at all).
    student : LipModel or None
        Needed by "student".
    window, hop : int
        Samples of a window and between windows, multiples of 640.
    """

    def __init__(self, source: str, student: LipModel | None, window: int, hop: int):
        if source not in _SOURCES:
            raise PvsdError(
                f"lips: {source} cannot be generated from audio alone: choose "
                f"{', '.join(_SOURCES)}."
            )
        self._source = LipSource(source, student)
        self._window, self._hop = window, hop
        # A student that generates every frame once, or None.
        self._once: WindowedLipModel | None = None
        # Samples that frames need before and after the windows they belong to.
        self.before = self.after = 0
        if source == "student" and isinstance(student, WindowedLipModel):
            self._once, self.before, self.after = student, WINDOW_BEFORE, WINDOW_AFTER
        self.reset()

    def reset(self) -> None:
        """Forget the recording."""
        # Frames of the next window that are generated already.
        self._drawn: torch.Tensor | None = None

    def __call__(self, sound: torch.Tensor, count: int) -> torch.Tensor | None:
        """Lips of the next windows of the stream.

        Arguments
        ---------
        sound : torch.Tensor
            ``[batch, before + window + (count - 1) * hop + after]``.
        count : int
            Number of windows.

        Returns
        -------
        torch.Tensor or None
            ``[batch, count, window / 640, 48, 96, 3]``; None if there are no lips.
        """
        if self._once is not None:
            return self._share(self._once, sound, count)
        windows = sound.unfold(1, self._window, self._hop)
        lips = self._source(windows.flatten(0, 1))
        return None if lips is None else lips.unflatten(0, (sound.shape[0], count))

    def _share(
        self, student: WindowedLipModel, sound: torch.Tensor, count: int
    ) -> torch.Tensor:
        drawn = self._drawn
        known = 0 if drawn is None else drawn.shape[1]
        fresh = sound[:, known * SAMPLES_PER_FRAME :]
        frames = student.draw_windows(
            fresh.unfold(1, WINDOW_SAMPLES, SAMPLES_PER_FRAME)
        )
        if drawn is not None:
            frames = torch.cat([drawn, frames], dim=1)
        step = self._hop // SAMPLES_PER_FRAME
        self._drawn = frames[:, count * step :].clone()
        windows = frames.unfold(1, self._window // SAMPLES_PER_FRAME, step)
        return windows.movedim(-1, 2)  # [batch, count, frames, 48, 96, 3]
