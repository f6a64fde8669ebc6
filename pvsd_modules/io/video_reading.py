"""Reads the pictures of any video container, on the clock that its sound has too.

Pictures are resampled to a constant rate by their time stamps, and
`pvsd_modules.io.sound_reading` places sound by its time stamps, so that sample ``n``
and frame ``k`` with ``n = k * rate / fps`` belong to the same instant, whatever
offsets the container holds.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.clock import check_gap
from pvsd_modules.io.media import MediaInfo, probe
from pvsd_modules.io.opening import frame_time, frames_of
from pvsd_modules.io.shared import SharedFile, opened_stream

# A frame whose stamp is rounded up by the container still counts as begun.
_VIDEO_TOLERANCE = 1e-3


def _timed_pictures(
    container: Any, stream: Any, packets: Iterator[Any]
) -> Iterator[tuple[float, Any]]:
    """Frames with their time; a frame without a stamp follows one period later.

    MPEG program streams stamp packs, not pictures: where several small pictures share
    a pack, stamps are out by one picture. Their rate is constant, so it counts there.
    """
    period = 1.0 / float(stream.average_rate or FPS)
    slack = 1.5 * period if container.format.name == "mpeg" else 0.0
    due = None
    for frame in (frame for packet in packets for frame in frames_of(packet)):
        time = frame_time(frame)
        if time is None:
            time = due if due is not None else 0.0
        elif due is not None and abs(time - due) < slack:
            time = due
        due = time + period
        yield time, frame


def _upright(frame: Any) -> np.ndarray:
    picture = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


def read_frames(
    source: str | Path | MediaInfo,
    fps: float = FPS,
    start: float | None = None,
    shared: SharedFile | None = None,
) -> Iterator[np.ndarray]:
    """Iterate over a video's pictures at a constant rate, upright, in RGB.

    Frame ``k`` is the picture that the source shows at the middle of its interval,
    ``start + (k + 0.5) / fps``: a source of the same rate passes one to one, others
    repeat or leave out pictures. Only one picture is held in memory.

    Arguments
    ---------
    source : str, Path or MediaInfo
        Video file.
    fps : float
        Frames a second to give out.
    start : float
        Time stamp in seconds of the first frame's beginning; None for that of the
        file's first picture. Before the first picture, that picture is repeated.
    shared : SharedFile
        The file, where others read it too.

    Yields
    ------
    frame : np.ndarray
        uint8 [height, width, 3].

    Raises
    ------
    PvsdError
        When the file cannot be read, holds no picture, or shows one for over an hour.
    """
    info = probe(source)
    if info.video is None:
        raise PvsdError(f"{info.path} holds no video: give a file with pictures.")
    with opened_stream(info, info.video.stream, shared) as (container, stream, packets):
        period = 1.0 / float(stream.average_rate or fps)
        count, held, end = 0, None, 0.0
        for time, frame in _timed_pictures(container, stream, packets):
            start = time if start is None else start
            check_gap(info, time - start - count / fps)
            while held is not None and _middle(count, fps, start) < time:
                yield held
                count += 1
            held, end = _upright(frame), time + period
        if held is None or start is None:
            raise PvsdError(f"{info.path} holds no picture that can be decoded.")
        check_gap(info, end - start - count / fps)
        while _middle(count, fps, start) < end:
            yield held
            count += 1


def _middle(count: int, fps: float, start: float) -> float:
    return start + (count + 0.5) / fps + _VIDEO_TOLERANCE
