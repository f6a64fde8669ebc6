"""Shows the lips that a denoiser was given in a corner of the video."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import import_cv2
from pvsd_modules.inference.base import file_blocks
from pvsd_modules.inference.files import Report
from pvsd_modules.inference.full_band import FullBandStream, through
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.models.protocols import Chunk

SHARE = 0.28  # of the picture's width
MARGIN = 0.02
NOTE = (
    "With the overlay the pictures are encoded anew, at 25 a second, with one audio "
    "track; further tracks, subtitles and tags are left out."
)


def write_overlaid(
    info: MediaInfo,
    stream: FullBandStream,
    output: Path,
    on_block: Callable[[Tensor], object] | None = None,
) -> Report:
    """Write a video with its sound, and in a corner its lips, as a stream gives them.

    A file without pictures is a `PvsdError`. ``on_block`` is called with every enhanced
    block ``[channels, n]``.
    """
    if not info.has_video:
        raise PvsdError(f"{info.path} holds no video to show lips in.")
    samples = 0

    def watched() -> Iterator[Chunk]:
        nonlocal samples
        for chunk in through(stream, file_blocks(info)):
            samples += chunk.audio.shape[1]
            if on_block is not None:
                on_block(chunk.audio)
            yield chunk

    pictures = read_frames(info, start=info.start)
    write_lips(overlaid(pictures, watched()), info.sample_rate, output, enlarge=1)
    seconds = samples / info.sample_rate
    return Report(seconds, stream.invalid, 0, (*info.notes, NOTE))


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
