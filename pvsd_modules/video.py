"""Reads pictures and sound of any video or audio container, on one clock.

Everything here is PyAV (FFmpeg inside the wheel): no programs are started. Pictures
are resampled to a constant rate by their time stamps, and sound is placed by its
time stamps, so that sample ``n`` and frame ``k`` with ``n = k * rate / fps`` belong
to the same instant, whatever offsets the container holds. Of several picture or
sound streams the one that FFmpeg calls best is read; attached cover pictures are no
video.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import av
import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError

# Time stamps wander by their container's clock (1 ms in Matroska, one 90 kHz tick in
# MPEG). Sound further than this from where it should be is a gap or an overlap.
_AUDIO_TOLERANCE = 0.04
# A frame whose stamp is rounded up by the container still counts as begun.
_VIDEO_TOLERANCE = 1e-3


@dataclass(frozen=True)
class MediaInfo:
    """What one file holds.

    Arguments
    ---------
    has_video, has_audio : bool
        Whether a decodable picture or sound stream exists.
    fps : float
        Average frame rate of the picture, 0 without one.
    duration : float
        Seconds, by the container's own word (0 where it says nothing).
    width, height : int
        Size of the decoded picture in pixels, before any rotation.
    rotation : int
        Degrees counter-clockwise, a multiple of 90, that the picture has to be
        turned by to stand upright (phones write 90 or 270).
    sample_rate, channels : int
        Of the sound, 0 without one.
    video_start, audio_start : float
        Time stamp in seconds of the first picture and the first sound sample.
    """

    has_video: bool = False
    has_audio: bool = False
    fps: float = 0.0
    duration: float = 0.0
    width: int = 0
    height: int = 0
    rotation: int = 0
    sample_rate: int = 0
    channels: int = 0
    video_start: float = 0.0
    audio_start: float = 0.0

    @property
    def start(self) -> float:
        """Time stamp in seconds of whatever begins first: time 0 of the file."""
        starts = [self.video_start] * self.has_video
        starts += [self.audio_start] * self.has_audio
        return min(starts, default=0.0)


@contextmanager
def open_media(
    path: str | Path, made_stamps: bool = False
) -> Iterator[av.container.InputContainer]:
    """Open a media file for reading; what FFmpeg cannot read becomes a sentence.

    Arguments
    ---------
    path : str or Path
        File to read.
    made_stamps : bool
        Work out the presentation times that a container does not store (AVI); for
        copying packets, decoders do without.

    Yields
    ------
    container : av.container.InputContainer

    Raises
    ------
    PvsdError
        When the file is missing, a folder, empty, or not a media file, also when
        that only shows while it is being decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise PvsdError(f"{path} is not a file: give an existing video or audio file.")
    try:
        # "file:" keeps names such as "a:b.mp4" from being read as a protocol.
        options = {"fflags": "genpts"} if made_stamps else {}
        with av.open(
            f"file:{path}", options=options, metadata_errors="ignore"
        ) as container:
            yield container
    except (av.error.FFmpegError, UnicodeError) as error:
        raise PvsdError(
            f"{path} cannot be read as video or audio ({error.__class__.__name__}): "
            "it is damaged, cut short, or of another kind."
        ) from error


def video_stream(container: av.container.InputContainer):
    """The picture stream that is read, or None (cover pictures do not count)."""
    best = container.streams.best("video")
    candidates = [best] if best is not None else []
    candidates += list(container.streams.video)
    for stream in candidates:
        cover = av.stream.Disposition.attached_pic in stream.disposition
        if not cover and stream.codec_context is not None:
            return stream
    return None


def audio_stream(container: av.container.InputContainer):
    """The sound stream that is read, or None."""
    stream = container.streams.best("audio")
    if stream is None or stream.codec_context is None:
        return None
    return stream


def _decoded(container, stream) -> Iterator:
    """Decode one stream; damaged packets are skipped, their time stays a gap."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _frame_time(frame) -> float | None:
    return None if frame.pts is None else float(frame.pts * frame.time_base)


def _first_frame(path: Path, choose):
    with open_media(path) as container:
        stream = choose(container)
        return None if stream is None else next(_decoded(container, stream), None)


def probe(path: str | Path) -> MediaInfo:
    """Look at a file: its streams, rates, sizes and start times.

    The first frame of each stream is decoded, so ``has_video`` and ``has_audio``
    say what can truly be read.

    Arguments
    ---------
    path : str or Path
        Any video or audio file that FFmpeg knows.

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    PvsdError
        When the file cannot be opened as media.
    """
    path = Path(path)
    with open_media(path) as container:
        duration = (container.duration or 0) / av.time_base
        picture = video_stream(container)
        fps = float(picture.average_rate or 0) if picture is not None else 0.0
    image, sound = _first_frame(path, video_stream), _first_frame(path, audio_stream)
    found = {"duration": duration}
    if image is not None:
        found |= dict(has_video=True, fps=fps, width=image.width, height=image.height)
        found |= dict(rotation=int(image.rotation) % 360)
        found |= dict(video_start=_frame_time(image) or 0.0)
    if sound is not None:
        found |= dict(has_audio=True, sample_rate=sound.sample_rate)
        found |= dict(channels=sound.layout.nb_channels)
        found |= dict(audio_start=_frame_time(sound) or 0.0)
    return MediaInfo(**found)


def _timed_pictures(container, stream) -> Iterator[tuple[float, object]]:
    """Frames with their time; a frame without a stamp follows one period later."""
    period = 1.0 / float(stream.average_rate or FPS)
    due = None
    for frame in _decoded(container, stream):
        time = _frame_time(frame)
        if time is None:
            time = due if due is not None else 0.0
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
        to_float = av.AudioResampler(format="fltp")
        position, heard = 0, False
        for raw in _decoded(container, stream):
            time = _frame_time(raw)
            for frame in to_float.resample(raw):
                samples, rate = frame.to_ndarray(), frame.sample_rate
                heard = True
                if time is not None:
                    jump = round((time - start) * rate) - position
                    if abs(jump) > _AUDIO_TOLERANCE * rate or position == 0:
                        yield from _silence(len(samples), jump)
                        position += max(jump, 0)
                        samples = samples[:, max(-jump, 0) :]
                position += samples.shape[1]
                if samples.shape[1]:
                    yield samples
        if not heard:
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


def has_variable_rate(path: str | Path, tolerance: float = 0.25) -> bool:
    """Whether a video's pictures come at uneven times (nothing is decoded).

    Arguments
    ---------
    path : str or Path
        Video file.
    tolerance : float
        How far an interval may be from the median one, as a part of it.

    Returns
    -------
    variable : bool
        True when more than one interval in a hundred is off; a file without time
        stamps or with fewer than three pictures has none.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            return False
        packets = container.demux(stream)
        times = sorted(float(p.pts * p.time_base) for p in packets if p.pts is not None)
    if len(times) < 3:
        return False
    intervals = np.diff(times)
    usual = np.median(intervals)
    return bool((np.abs(intervals - usual) > tolerance * usual).mean() > 0.01)
