"""The streams that are encoded into a container.

What the encoders put before the first sample (AAC: 1024 samples of priming) has
negative time stamps, which every container here either cuts on playback or makes
good by a common shift, so sound and pictures stay together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import FULL, NO_SPACE, written_whole
from pvsd_modules.io.containers import Container
from pvsd_modules.io.encoding import Encoding
from pvsd_modules.io.layouts import writing_order


@contextmanager
def new_container(
    output: Path, container: Container, replace: bool = True, **options: str
) -> Iterator[Any]:
    """Open a file to write under a temporary name, see `written_whole`; errors become
    sentences. The options are those of FFmpeg's muxer."""
    options["fflags"] = "+bitexact"  # the same again makes the same file
    if container.muxer in ("mp4", "mov", "3gp"):
        options["movflags"] = "+faststart" + options.get("movflags", "")
    if container.brand:
        options["brand"] = container.brand
    if container.muxer == "aiff":
        options["write_id3v2"] = "1"
    with written_whole(output, replace) as temporary:
        try:
            with av.open(
                f"file:{temporary}",
                "w",
                format=container.muxer,
                container_options=options,
            ) as target:
                yield target
        except av.error.FFmpegError as error:
            if error.errno in FULL:
                raise PvsdError(f"{output} cannot be written: {NO_SPACE}") from error
            raise PvsdError(
                f"{output} cannot be written ({error.strerror or error}): a "
                f"{output.suffix} file does not hold what was to go in; .mkv does."
            ) from error


class SoundEncoder:
    """A new sound stream of a container.

    Arguments
    ---------
    target : av.container.OutputContainer
    encoding : Encoding
    rate, channels : int
        Of what is added; it is resampled where the encoder needs another rate.
    """

    def __init__(self, target: Any, encoding: Encoding, rate: int, channels: int):
        self.target, self.rate, self.layout = target, rate, encoding.layout
        order = writing_order(
            encoding.codec, target.format.name, encoding.layout, channels
        )
        self._order = None if order is None else list(order)
        if av.AudioLayout(self.layout).nb_channels != channels:
            raise ValueError(f"{self.layout} has not {channels} channels")
        self.stream = target.add_stream(
            encoding.codec, rate=encoding.rate, layout=self.layout
        )
        formats = [one.name for one in self.stream.codec_context.codec.audio_formats]
        wide = [one for one in formats if one.startswith("s32")]
        if encoding.bit_rate:
            self.stream.bit_rate = encoding.bit_rate
        elif encoding.wide and wide:
            self.stream.format = wide[0]
        elif not encoding.codec.startswith("pcm_"):
            narrow = [one for one in formats if one.startswith("s16")]
            self.stream.format = (narrow or formats)[0]
        self.added = 0

    @property
    def time(self) -> float:
        """Seconds that were added."""
        return self.added / self.rate

    def add(self, samples: np.ndarray) -> None:
        """Append float ``[channels, n]`` within full scale."""
        if samples.shape[1] == 0:
            return
        if self._order is not None:
            samples = samples[self._order]
        # Packed: PyAV mishandles planar samples of exactly eight channels.
        packed = np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", self.layout)
        frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
        frame.pts = self.added
        self.added += samples.shape[1]
        self.target.mux(self.stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds."""
        if self.added:
            self.target.mux(self.stream.encode(None))


class PictureEncoder:
    """The new picture stream of a container.

    Arguments
    ---------
    target : av.container.OutputContainer
    names : tuple of str
        Encoders, of which the first that exists is used.
    size : tuple of int
        Height and width of a picture.
    fps : int
    enlarge : int
        Factor by which the pictures are enlarged.
    """

    def __init__(
        self, target: Any, names: tuple[str, ...], size: Any, fps: int, enlarge: int
    ):
        name = next(one for one in names if _exists(one))
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
        """Append one picture, ``[height, width, 3]``, uint8 or float 0..1."""
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
