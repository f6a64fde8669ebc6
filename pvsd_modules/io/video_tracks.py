"""Containers to write and the streams that are encoded into them.

What the encoders put before the first sample (AAC: 1024 samples of priming) has
negative time stamps, which every container here either cuts on playback or makes
good by a common shift, so sound and pictures stay together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole


@dataclass(frozen=True)
class Kind:
    """Encoders of a container: the first picture encoder that exists is used."""

    pictures: tuple[str, ...]
    sound: str


_MPEG4 = Kind(("libx264", "mpeg4"), "aac")
# AVI stores no time stamps, so a codec with priming would come late there; program
# streams hold MPEG sound; WebM holds Opus.
CONTAINERS = {
    ".mp4": _MPEG4,
    ".m4v": _MPEG4,
    ".m4a": _MPEG4,
    ".mov": _MPEG4,
    ".mkv": _MPEG4,
    ".avi": Kind(("mpeg4",), "pcm_s16le"),
    ".mpg": Kind(("mpeg2video",), "mp2"),
    ".mpeg": Kind(("mpeg2video",), "mp2"),
    ".webm": Kind(("libvpx-vp9", "libvpx"), "libopus"),
}
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")


def container_kind(output: Path) -> Kind:
    """The encoders for a file name's suffix, or a sentence that lists the suffixes."""
    kind = CONTAINERS.get(output.suffix.lower())
    if kind is None:
        known = ", ".join(CONTAINERS)
        raise PvsdError(f"{output.name}: a video file ends in one of {known}.")
    return kind


@contextmanager
def new_container(output: Path) -> Iterator[av.container.OutputContainer]:
    """Open a file to write under a temporary name; errors become sentences."""
    with written_whole(output) as temporary:
        options = {"fflags": "+bitexact"}  # the same again makes the same file
        if output.suffix.lower() in (".mp4", ".m4v", ".m4a", ".mov"):
            options["movflags"] = "+faststart"
        try:
            with av.open(f"file:{temporary}", "w", container_options=options) as target:
                yield target
        except av.error.FFmpegError as error:
            raise PvsdError(
                f"{output} cannot be written ({error}): is the disk full, or does a "
                f"{output.suffix} file not hold what was to go in? .mkv holds most."
            ) from error


class SoundTrack:
    """The new sound stream of a container.

    Arguments
    ---------
    target : av.container.OutputContainer
    codec : str
        Name of the encoder.
    rate : int
        Samples a second of what is added; resampled where the encoder needs it.
    channels : int
    layout : str
        Channel layout; the usual one for that many channels when empty.
    """

    def __init__(self, target, codec: str, rate: int, channels: int, layout: str = ""):
        if not 1 <= channels <= len(_LAYOUTS) or (codec == "mp2" and channels > 2):
            raise PvsdError(
                f"{channels} channels of sound cannot go into such a video file: "
                "choose a .wav output."
            )
        self.target, self.rate, self.layout = target, rate, layout
        if not layout:
            self.layout = _LAYOUTS[channels - 1]
        possible = av.codec.Codec(codec, "w").audio_rates or [rate]
        higher = [one for one in possible if one >= rate]
        coded = min(higher) if higher else max(possible)
        self.stream = target.add_stream(codec, rate=coded, layout=self.layout)
        self.stream.bit_rate = _bit_rate(codec, coded, channels)
        self.added = 0

    def add(self, samples: np.ndarray) -> None:
        """Append float [channels, n]; beyond full scale it is clipped."""
        if samples.shape[1] == 0:
            return
        clipped = np.clip(samples, -1, 1).astype(np.float32)
        # Packed: PyAV mishandles planar samples of exactly eight channels.
        packed = np.ascontiguousarray(clipped.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", self.layout)
        frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
        frame.pts = self.added
        self.added += samples.shape[1]
        self.target.mux(self.stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds."""
        if self.added:
            self.target.mux(self.stream.encode(None))


def _bit_rate(codec: str, rate: int, channels: int) -> int:
    if codec == "mp2":  # its rates are a table: these are in it
        return 128_000 if channels == 1 else 160_000 if rate < 32_000 else 256_000
    return channels * min(96_000, 6 * rate)


class PictureTrack:
    """The new picture stream of a container; arguments as of `write_lips`."""

    def __init__(self, target, kind: Kind, size, fps: int, enlarge: int):
        name = next(one for one in kind.pictures if _exists(one))
        self.target, self.added, self.fps = target, 0, fps
        self.stream = target.add_stream(name, rate=fps)
        height, width = (enlarge * side + enlarge * side % 2 for side in size)
        self.stream.height, self.stream.width = height, width  # even: 4:2:0 colours
        self.stream.pix_fmt = "yuv420p"
        self.stream.bit_rate = 4_000_000
        if name == "libx264":
            self.stream.bit_rate = 0
            self.stream.options = {"crf": "18", "preset": "veryfast", "bf": "0"}

    def add(self, frame: np.ndarray) -> None:
        """Append one picture, [height, width, 3], uint8 or float 0..1."""
        if frame.dtype != np.uint8:
            frame = np.clip(np.rint(frame * 255.0), 0, 255).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
        picture = picture.reformat(
            self.stream.width, self.stream.height, "yuv420p", interpolation="BICUBIC"
        )
        picture.pts, picture.time_base = self.added, Fraction(1, self.fps)
        self.added += 1
        self.target.mux(self.stream.encode(picture))

    def close(self) -> None:
        """Write what the encoder still holds."""
        self.target.mux(self.stream.encode(None))


def _exists(encoder: str) -> bool:
    try:
        av.codec.Codec(encoder, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True
