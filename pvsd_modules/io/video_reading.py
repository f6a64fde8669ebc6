"""Reads pictures and sound of any video or audio container, on one clock.

Pictures are resampled to a constant rate by their time stamps, and sound is placed by
its time stamps, so that sample ``n`` and frame ``k`` with ``n = k * rate / fps``
belong to the same instant, whatever offsets the container holds.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import (
    audio_stream,
    decoded,
    frame_time,
    open_media,
    probe,
    video_stream,
)

# Time stamps wander by their container's clock (1 ms in Matroska, one 90 kHz tick in
# MPEG). Sound further than this from where it should be is a gap or an overlap.
_TOLERANCE = 0.04
# A frame whose stamp is rounded up by the container still counts as begun.
_VIDEO_TOLERANCE = 1e-3


def _timed_pictures(container, stream) -> Iterator[tuple[float, object]]:
    """Frames with their time; a frame without a stamp follows one period later.

    MPEG program streams stamp packs, not pictures: where several small pictures share
    a pack, stamps are out by one picture. Their rate is constant, so it counts there.
    """
    period = 1.0 / float(stream.average_rate or FPS)
    slack = 1.5 * period if container.format.name == "mpeg" else 0.0
    due = None
    for frame in decoded(container, stream):
        time = frame_time(frame)
        if time is None:
            time = due if due is not None else 0.0
        elif due is not None and abs(time - due) < slack:
            time = due
        due = time + period
        yield time, frame


def _upright(frame) -> np.ndarray:
    picture = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90)))


def read_frames(
    path: str | Path, fps: float = FPS, start: float | None = None
) -> Iterator[np.ndarray]:
    """Iterate over a video's pictures at a constant rate, upright, in RGB.

    Frame ``k`` is the picture that the source shows at the middle of its interval,
    ``start + (k + 0.5) / fps``: a source of the same rate passes one to one, others
    repeat or leave out pictures. Only one picture is held in memory.

    Arguments
    ---------
    path : str or Path
        Video file.
    fps : float
        Frames a second to give out.
    start : float
        Time stamp in seconds of the first frame's beginning; None for that of the
        file's first picture. Before the first picture, that picture is repeated.

    Yields
    ------
    frame : np.ndarray
        uint8 [height, width, 3].

    Raises
    ------
    PvsdError
        When the file cannot be read or holds no picture.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise PvsdError(f"{path} holds no video: give a file with pictures.")
        period = 1.0 / float(stream.average_rate or fps)
        count, held, end = 0, None, 0.0
        for time, frame in _timed_pictures(container, stream):
            start = time if start is None else start
            while held is not None and _middle(count, fps, start) < time:
                yield held
                count += 1
            held, end = _upright(frame), time + period
        if held is None:
            raise PvsdError(f"{path} holds no picture that can be decoded.")
        while _middle(count, fps, start) < end:
            yield held
            count += 1


def _middle(count: int, fps: float, start: float) -> float:
    return start + (count + 0.5) / fps + _VIDEO_TOLERANCE


def read_audio_blocks(
    path: str | Path, block: int = 65536, start: float | None = None
) -> Iterator[np.ndarray]:
    """Iterate over a file's sound in blocks, placed by its time stamps.

    Sound that begins before ``start`` is cut, sound that begins later is preceded by
    zeros; gaps are filled with zeros and overlaps cut, so the last sample is where
    it is in the file. At most one block and one packet are held in memory.

    Arguments
    ---------
    path : str or Path
        Video or audio file.
    block : int
        Samples a block; the last one is shorter.
    start : float
        Time stamp in seconds of sample 0; None for time 0 of the file, which is
        where its first picture or its first sound begins, whichever is first.

    Yields
    ------
    samples : np.ndarray
        float32 [channels, block], at the file's own sample rate.

    Raises
    ------
    PvsdError
        When the file cannot be read or holds no sound.
    """
    if start is None:
        start = probe(path).start
    held, size = [], 0
    for piece in _placed_sound(path, start):
        held.append(piece)
        size += piece.shape[1]
        if size >= block:
            joined = np.concatenate(held, axis=1)
            whole = size - size % block
            for begin in range(0, whole, block):
                yield joined[:, begin : begin + block]
            held, size = [joined[:, whole:]], size - whole
    if size:
        yield np.concatenate(held, axis=1)


def _placed_sound(path: str | Path, start: float) -> Iterator[np.ndarray]:
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise PvsdError(f"{path} holds no sound: give a file with an audio track.")
        # Packed samples: PyAV mishandles planar ones of exactly eight channels.
        to_float = av.AudioResampler(format="flt")
        given, due = 0, None  # samples given out; where the next one belongs
        for raw in decoded(container, stream):
            time, channels = frame_time(raw), raw.layout.nb_channels
            for frame in to_float.resample(raw):
                samples = frame.to_ndarray().reshape(-1, channels).T
                stamp = due or 0
                if time is not None:
                    stamp = round((time - start) * frame.sample_rate)
                # Stamps are rounded, samples are not: they count unless far off.
                if due is None or abs(stamp - due) > _TOLERANCE * frame.sample_rate:
                    due = stamp
                yield from _silence(channels, due - given)
                given = max(given, due)
                due += samples.shape[1]
                samples = samples[:, samples.shape[1] - max(due - given, 0) :]
                if samples.shape[1]:
                    given += samples.shape[1]
                    yield samples
        if due is None:
            raise PvsdError(f"{path} holds no sound that can be decoded.")


def _silence(channels: int, samples: int, piece: int = 65536) -> Iterator[np.ndarray]:
    """Zeros in pieces: a gap of an hour must not be an hour in memory."""
    while samples > 0:
        yield np.zeros((channels, min(samples, piece)), dtype=np.float32)
        samples -= piece


def read_audio(path: str | Path, start: float | None = None) -> tuple[np.ndarray, int]:
    """Read a file's whole sound; see `read_audio_blocks` for how it is placed.

    Arguments
    ---------
    path : str or Path
        Video or audio file.
    start : float
        Time stamp in seconds of sample 0, or None for time 0 of the file.

    Returns
    -------
    samples : np.ndarray
        float32 [channels, time].
    sample_rate : int
        In hertz, the file's own.

    Raises
    ------
    PvsdError
        When the file cannot be read or holds no sound.
    """
    info = probe(path)
    start = info.start if start is None else start
    blocks = list(read_audio_blocks(path, start=start))
    empty = np.zeros((info.channels, 0), dtype=np.float32)
    return np.concatenate([empty, *blocks], axis=1), info.sample_rate
