"""Follows the mouths in a video and reads them, while its pictures pass once."""

from collections import deque

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import LIP_HEIGHT
from pvsd_modules.faces.tracking import (
    MEAN_REACH,
    MEDIAN_REACH,
    crop_face,
    matched,
    smooth_track,
)
from pvsd_modules.models.open.mouth_reader import MouthReader
from pvsd_modules.models.protocols import Detector

# In frames, of which there are 25 a second.
EVERY = 5  # from one look for faces to the next
LONGEST_GAP = 2 * EVERY  # without the face, which is interpolated
SHORTEST = 25  # of a face that is worth reading
BLOCK = 1000  # that are read at once


class Mouth:
    """One face: where it is, and what the reader has read off its mouth so far.

    Arguments
    ---------
    first : int
        Frame in which the face is found first.
    box : np.ndarray
        Of the face in it, ``[4]``.
    reader : MouthReader
    """

    def __init__(self, first: int, box: np.ndarray, reader: MouthReader):
        self.first, self.last = first, first
        self.track = {first: box}  # as far back as `smooth_track` needs it
        self.reader = reader
        self.kept: deque = deque()  # frames that are not cropped yet
        self.crops: list[np.ndarray] = []
        self.known = 0  # frames at the beginning of `crops` that were read before
        self.parts: list[Tensor] = []

    def found(self, index: int, box: np.ndarray) -> None:
        """Takes the face's box in a frame."""
        self.track[index], self.last = box, index

    def look(self, index: int, picture: np.ndarray) -> None:
        """Keeps the surroundings of the face until its smoothed box is known."""
        box = self.track[self.last]
        side = (box[2:] - box[:2]).max()
        height, width = picture.shape[:2]
        left, top = np.clip(box[:2] - side, 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.ceil(np.maximum(box[2:] + side, (left + 1, top + 1)))
        part = picture[top : int(bottom), left : int(right)].copy()
        self.kept.append((index, np.array([left, top] * 2), part))

    def crop(self, ended: bool = False) -> None:
        """Crops the frames whose smoothed boxes are known, of a face that ``ended`` all
        of them."""
        looks = sorted(self.track)
        if not ended and len(looks) <= MEDIAN_REACH:
            return
        end = self.last + 1
        if not ended:
            end = looks[-1 - MEDIAN_REACH] - MEAN_REACH + 1
        boxes = smooth_track(
            {index - looks[0]: box for index, box in self.track.items()},
            self.last - looks[0] + 1,
        )
        while self.kept and self.kept[0][0] < end:
            index, corner, part = self.kept.popleft()
            face = crop_face(part, boxes[index - looks[0]] - corner)
            self.crops.append(face[LIP_HEIGHT:])
        for index, later in zip(looks, looks[MEDIAN_REACH + 1 :], strict=False):
            if later <= end - MEAN_REACH:
                del self.track[index]
        if len(self.crops) >= BLOCK + 2 * self.reader.context:
            self._read(len(self.crops) - self.reader.context)
        if ended and self.last - self.first >= SHORTEST:
            self._read(len(self.crops))
            self.kept.clear()

    def _read(self, end: int) -> None:
        """Reads the frames up to ``end``; their neighbours are kept."""
        device = next(self.reader.parameters()).device
        lips = torch.from_numpy(np.stack(self.crops)).to(device).float() / 255
        weights = self.reader(lips[None])[0]
        self.parts.append(weights[self.known : end].float().cpu())
        kept = max(0, end - self.reader.context)
        del self.crops[:kept]
        self.known = end - kept

    @property
    def weights(self) -> Tensor:
        """``[frames, motions]``."""
        return torch.cat(self.parts)


class Mouths:
    """All mouths of a video; `look` takes its pictures in turn, `end` follows the last.

    Arguments
    ---------
    detector : Detector
    reader : MouthReader
    """

    def __init__(self, detector: Detector, reader: MouthReader):
        self.detector, self.reader = detector, reader
        self.shown: list[Mouth] = []
        self.gone: list[Mouth] = []
        self.count = 0  # of the pictures

    def look(self, picture: np.ndarray) -> None:
        """Takes the next picture, uint8 ``[height, width, 3]``."""
        if self.count % EVERY == 0:
            self._find(picture)
        for mouth in self.shown:
            mouth.look(self.count, picture)
        self.count += 1

    def _find(self, picture: np.ndarray) -> None:
        boxes = np.asarray(self.detector(picture), dtype=float).reshape(-1, 4)
        fits = matched([mouth.track[mouth.last] for mouth in self.shown], boxes)
        for place, number in fits.items():
            self.shown[number].found(self.count, boxes[place])
        self._leave(self.count - LONGEST_GAP)
        for mouth in self.shown:
            mouth.crop()
        self.shown += [
            Mouth(self.count, box, self.reader)
            for place, box in enumerate(boxes)
            if place not in fits
        ]

    def _leave(self, since: int) -> None:
        """Ends the faces that were not found after a frame."""
        gone = [mouth for mouth in self.shown if mouth.last <= since]
        for mouth in gone:
            mouth.crop(ended=True)
        self.shown = [mouth for mouth in self.shown if mouth.last > since]
        self.gone += [mouth for mouth in gone if mouth.parts]

    def end(self) -> list[Mouth]:
        """Ends all faces.

        Returns
        -------
        list of Mouth
            Those that were shown for more than a second, all read.
        """
        self._leave(self.count)
        return self.gone
