"""Lips of real video: the frames that preprocess.py wrote."""

import contextlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import FACE_SIZE, SAMPLES_PER_FRAME, frame_count
from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import import_cv2
from pvsd_modules.io.atomic import written_whole

MEDIAN = "median.png"


def read_lips(folder: str | Path, count: int, first: int = 0) -> Tensor:
    """The lower halves of the face crops ``0.jpg``, ``1.jpg``, ... of a folder from the
    ``first`` on: ``[count, 48, 96, 3]``, 0..1, RGB. A missing or broken frame is a
    `PvsdError`."""
    cv2 = import_cv2()
    half = FACE_SIZE // 2
    frames = np.empty((count, half, FACE_SIZE, 3), np.float32)
    for k in range(count):
        path = Path(folder, f"{first + k}.jpg")
        image = cv2.imread(str(path))
        if image is None:
            raise PvsdError(f"{path} is missing or broken: preprocess the clip again.")
        frames[k] = image[half:, :, ::-1]
    return torch.from_numpy(frames).div_(255.0)


def read_face(path: str | Path | None) -> Tensor | None:
    """A picture of a face, ``[96, 96, 3]``, 0..1, RGB; None for None.

    Raises
    ------
    PvsdError
        If the file is no picture.
    """
    if path is None:
        return None
    cv2 = import_cv2()
    image = cv2.imread(str(path))
    if image is None:
        raise PvsdError(f"{path} is missing or no picture: name a picture of a face.")
    if image.shape[:2] != (FACE_SIZE, FACE_SIZE):
        size = (FACE_SIZE, FACE_SIZE)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(image[:, :, ::-1].astype(np.float32) / 255)


def median_frame(frames: Tensor) -> Tensor:
    """The median over time of ``[frames, 48, 96, 3]``, to 1/255: ``[48, 96, 3]``.

    Partitioning bytes takes a third of the time that sorting floats does.
    """
    levels = (frames.numpy() * 255).round().astype(np.uint8)
    middle = (len(levels) - 1) // 2
    return torch.from_numpy(np.partition(levels, middle, 0)[middle] / np.float32(255))


def clip_median(folder: str | Path, count: int) -> Tensor:
    """The `median_frame` of a whole clip that preprocess.py made, taken once and then
    kept beside its frames if the folder can be written to."""
    cv2 = import_cv2()
    path = Path(folder, MEDIAN)
    kept = cv2.imread(str(path)) if path.is_file() else None
    if kept is not None:
        return torch.from_numpy(kept[:, :, ::-1].astype(np.float32)).div_(255.0)
    median = median_frame(read_lips(folder, count))
    levels = (median.numpy()[:, :, ::-1] * 255).round().astype(np.uint8)
    with contextlib.suppress(PvsdError), written_whole(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", levels)[1].tobytes())
    return median


def read_segment(folder: str | Path, count: int, start: int, samples: int) -> Tensor:
    """The lips of a stretch of samples of a clip of ``count`` frames, as `cut_frames`
    gives them, without reading any other frame."""
    first = min(start // SAMPLES_PER_FRAME, count - 1)
    read = min(frame_count(samples), count - first)
    return cut_frames(read_lips(folder, read, first), 0, samples)


def cut_frames(frames: Tensor, start: int, samples: int) -> Tensor:
    """The frames of a stretch of samples: ``[all, 48, 96, 3]`` to ``[ceil(samples /
    640), 48, 96, 3]``. ``start`` is a multiple of 640; past the end the last frame is
    held."""
    first = start // SAMPLES_PER_FRAME
    wanted = torch.arange(first, first + frame_count(samples))
    return frames[wanted.clamp(max=len(frames) - 1)]
