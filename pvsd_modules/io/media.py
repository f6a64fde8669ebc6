"""Opens and looks at any video or audio container.

Everything here is PyAV (FFmpeg inside the wheel): no programs are started. Of several
picture or sound streams the one that FFmpeg calls best is read; cover pictures in
music files are no video.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pvsd_modules.errors import PvsdError


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


def decoded(container, stream) -> Iterator:
    """Decode one stream; damaged packets are skipped, their time stays a gap."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def frame_time(frame) -> float | None:
    """A frame's time stamp in seconds, None without one."""
    return None if frame.pts is None else float(frame.pts * frame.time_base)


def _first_frame(path: Path, choose):
    with open_media(path) as container:
        stream = choose(container)
        return None if stream is None else next(decoded(container, stream), None)


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
        found |= dict(video_start=frame_time(image) or 0.0)
    if sound is not None:
        found |= dict(has_audio=True, sample_rate=sound.sample_rate)
        found |= dict(channels=sound.layout.nb_channels)
        found |= dict(audio_start=frame_time(sound) or 0.0)
    return MediaInfo(**found)


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
