"""Shows the lips that a denoiser was given in a corner of the video."""

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from pvsd_modules.faces.detectors import import_cv2
from pvsd_modules.models.protocols import Chunk

SHARE = 0.28  # of the picture's width
MARGIN = 0.02
NOTE = (
    "With the overlay the pictures are encoded anew, at 25 a second, with one audio "
    "track; further tracks, subtitles and tags are left out."
)


def overlaid(
    pictures: Iterable[np.ndarray], chunks: Iterable[Chunk]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures with lips in their lower right corner, and the sound.

    Arguments
    ---------
    pictures : iterable of np.ndarray
        uint8 ``[height, width, 3]``, 25 a second from the beginning of the sound. Where
        there are fewer than lips, the last one stays.
    chunks : iterable of Chunk
        Enhanced sound ``[channels, n]`` and lips ``[channels, f, 48, 96, 3]``; those of
        the first channel are shown.

    Yields
    ------
    np.ndarray, np.ndarray
        A picture, ``[1, height, width, 3]``, or none, and samples, ``[channels, n]``.
    """
    waiting = iter(pictures)
    picture = lips = None
    for chunk in chunks:
        sound = chunk.audio.numpy()
        for frame in chunk.lips[0]:
            picture, lips = next(waiting, picture), frame
            if picture is not None:
                yield _with_lips(picture, lips)[None], sound
                sound = sound[:, :0]
        if sound.shape[1]:
            yield np.zeros((0, 0, 0, 3), np.uint8), sound
    nothing = np.zeros((0, 0), np.float32)
    for picture in waiting:
        if lips is None:
            break
        yield _with_lips(picture, lips)[None], nothing


def _with_lips(picture: np.ndarray, lips: Tensor) -> np.ndarray:
    cv2 = import_cv2()
    height, width = picture.shape[:2]
    across = max(2, round(SHARE * width))
    down = min(height, across // 2)
    frame = (255 * lips.clamp(0, 1)).round().byte().cpu().numpy()
    frame = cv2.resize(frame, (across, down), interpolation=cv2.INTER_CUBIC)
    edge = min(round(MARGIN * width), height - down, width - across)
    top, left = height - edge - down, width - edge - across
    shown = picture.copy()
    shown[top : top + down, left : left + across] = frame
    return shown
