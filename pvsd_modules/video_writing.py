"""Writes video files: new sound under untouched pictures, and drawn frames with sound.

PyAV does it all. What the encoders put before the first sample (AAC: 1024 samples of
priming) has negative time stamps, which every container here either cuts on playback
or makes good by a common shift, so sound and pictures stay together.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.outputs import written_whole
from pvsd_modules.video import audio_stream, open_media, probe, video_stream


@dataclass(frozen=True)
class _Kind:
    """Encoders of a container: the first picture encoder that exists is used."""

    pictures: tuple[str, ...]
    sound: str


_MPEG4 = _Kind(("libx264", "mpeg4"), "aac")
# AVI stores no time stamps, so a codec with priming would come late there; program
# streams hold MPEG sound; WebM holds Opus.
_KINDS = {
    ".mp4": _MPEG4,
    ".m4v": _MPEG4,
    ".m4a": _MPEG4,
    ".mov": _MPEG4,
    ".mkv": _MPEG4,
    ".avi": _Kind(("mpeg4",), "pcm_s16le"),
    ".mpg": _Kind(("mpeg2video",), "mp2"),
    ".mpeg": _Kind(("mpeg2video",), "mp2"),
    ".webm": _Kind(("libvpx-vp9", "libvpx"), "libopus"),
}
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")


def _kind(output: Path) -> _Kind:
    try:
        return _KINDS[output.suffix.lower()]
    except KeyError:
        known = ", ".join(_KINDS)
        raise PvsdError(
            f"{output.name}: a video file ends in one of {known}."
        ) from None


@contextmanager
def _new_container(output: Path) -> Iterator[av.container.OutputContainer]:
    """Open a file to write under a temporary name; errors become sentences."""
    with written_whole(output) as temporary:
        options = {"movflags": "+faststart"} if output.suffix != ".mkv" else {}
        try:
            with av.open(f"file:{temporary}", "w", container_options=options) as target:
                yield target
        except (av.error.FFmpegError, ValueError) as error:
            raise PvsdError(
                f"{output} cannot be written ({error}): is the disk full, or does a "
                f"{output.suffix} file not hold what was to go in? .mkv holds most."
            ) from error


class _SoundTrack:
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
        clipped = np.ascontiguousarray(np.clip(samples, -1, 1), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(clipped, "fltp", self.layout)
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


def _blocks(audio) -> Iterator[np.ndarray]:
    """One array, or an iterable of arrays or tensors, as [channels, n] arrays."""
    if hasattr(audio, "shape"):
        samples = np.atleast_2d(np.asarray(audio))
        audio = (samples[:, i : i + 65536] for i in range(0, samples.shape[1], 65536))
    return (np.atleast_2d(np.asarray(block)) for block in audio)


def write_video_with_audio(
    source: str | Path,
    audio: np.ndarray | Iterable[np.ndarray],
    rate: int,
    output: str | Path,
) -> None:
    """Write a video's pictures, copied untouched, with new sound in sync.

    Kept: the picture stream that is shown by default, packet for packet, with its
    rotation; subtitles where the new container can hold them; title and other tags.
    Left out: all old sound, further picture streams, chapters and attachments. A
    source without pictures gives a file with sound alone (.m4a).

    Arguments
    ---------
    source : str or Path
        Video file.
    audio : np.ndarray or iterable of np.ndarray
        float [channels, time], whole or in blocks (tensors will do); sample 0 is
        time 0 of the source, as `pvsd_modules.video.read_audio_blocks` gives.
    rate : int
        Its sample rate; one that the encoder does not take is resampled.
    output : str or Path
        File to write; the suffix decides the container and the sound's encoder: AAC,
        but PCM in .avi, MP2 in .mpg, Opus in .webm.

    Raises
    ------
    PvsdError
        When the source cannot be read, or the pictures or the channels do not fit
        into the output's container. Nothing is left behind then.
    """
    source, output = Path(source), Path(output)
    kind, start, blocks = _kind(output), probe(source).start, _blocks(audio)
    first = next(blocks, np.zeros((1, 0), np.float32))
    with open_media(source, made_stamps=True) as origin:
        with _new_container(output) as target:
            target.metadata.update(origin.metadata)
            copies = _copied_streams(origin, target, source, output)
            layout = _kept_layout(origin, len(first))
            track = _SoundTrack(target, kind.sound, rate, len(first), layout)
            packets = _shifted_packets(origin, copies, start)
            waiting = next(packets, None)
            for block in _chained(first, blocks):
                track.add(block)
                while waiting is not None and waiting[0] <= track.added / rate:
                    target.mux(waiting[1])
                    waiting = next(packets, None)
            while waiting is not None:
                target.mux(waiting[1])
                waiting = next(packets, None)
            track.close()


def _chained(first, others):
    yield first
    yield from others


def _kept_layout(origin, channels: int) -> str:
    """The old sound's channel layout, as long as the new one has those channels."""
    sound = audio_stream(origin)
    if sound is None or sound.codec_context.layout.nb_channels != channels:
        return ""
    name = sound.codec_context.layout.name
    try:
        return av.AudioLayout(name).name
    except ValueError:  # "2 channels": a container that names no speakers
        return ""


def _copied_streams(origin, target, source: Path, output: Path) -> dict:
    """Open a copy of the pictures and the subtitles; from old index to new stream."""
    copies, picture = {}, video_stream(origin)
    if picture is not None and output.suffix.lower() != ".m4a":
        name = picture.codec_context.name
        try:
            copies[picture.index] = target.add_stream_from_template(picture)
        except (av.error.FFmpegError, ValueError) as error:
            raise PvsdError(
                f"The pictures of {source} are {name}, which a {output.suffix} file "
                "cannot hold: choose an output that ends in .mkv."
            ) from error
    for stream in origin.streams.subtitles:
        if stream.codec_context is None:
            continue
        if stream.codec_context.name in target.supported_codecs:
            copies[stream.index] = target.add_stream_from_template(stream)
    return copies


def _shifted_packets(origin, copies: dict, start: float) -> Iterator[tuple]:
    """Packets of the copied streams with (time, packet), the file's start at 0."""
    if not copies:
        return
    streams = [origin.streams[index] for index in copies]
    for packet in _with_dts(origin.demux(streams)):
        shift = round(start / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        time = float(packet.dts * packet.time_base)
        packet.stream = copies[packet.stream.index]
        yield time, packet


def _with_dts(packets: Iterable) -> Iterator:
    """Give leading packets without a decoding time one, counted backwards.

    Matroska stores presentation times only; of a stream with reordered pictures the
    first packets, the key frame among them, come without a decoding time.
    """
    held: dict[int, list] = {}
    last: dict[int, int] = {}
    for packet in packets:
        if packet.size == 0:  # the mark of the stream's end
            continue
        index = packet.stream.index
        if packet.dts is None and index in last:
            packet.dts = last[index] + (packet.duration or 1)
        if packet.dts is None:
            held.setdefault(index, []).append(packet)
            continue
        yield from _backwards(held.pop(index, []), packet.dts)
        last[index] = packet.dts
        yield packet
    for index, rest in held.items():
        times = [packet.pts for packet in rest if packet.pts is not None]
        yield from _backwards(rest, max(times, default=0) + 1)


def _backwards(packets: list, dts: int) -> list:
    """Fill decoding times so that they end one duration before ``dts``."""
    for packet in reversed(packets):
        step = packet.duration or _period(packet)
        dts = dts - max(step, 1)
        if packet.pts is not None:
            dts = min(dts, packet.pts)
        packet.dts = dts
    return packets


def _period(packet) -> int:
    rate = getattr(packet.stream, "average_rate", None) or FPS
    return round(1 / (rate * packet.time_base))


def write_lips(
    chunks: Iterable[tuple[np.ndarray, np.ndarray]],
    rate: int,
    output: str | Path,
    fps: int = FPS,
    enlarge: int = 4,
) -> None:
    """Write drawn frames and their sound as a video.

    Arguments
    ---------
    chunks : iterable of (frames, samples)
        Arrays or tensors: frames [frames, height, width, 3], uint8 or float 0..1, and
        samples, float [time] or [channels, time]. Either may be empty in any chunk
        but the first frames decide the size; both begin at time 0.
    rate : int
        Samples a second.
    output : str or Path
        File to write; the suffix decides the container: H.264 and AAC in .mp4.
    fps : int
        Frames a second.
    enlarge : int
        Factor by which the pictures are enlarged, for viewing.

    Raises
    ------
    PvsdError
        When there are no frames or the file cannot be written.
    """
    output = Path(output)
    kind = _kind(output)
    with _new_container(output) as target:
        pictures = sound = None
        early = []  # sound must wait until both streams are known
        for frames, samples in chunks:
            frames, samples = np.asarray(frames), np.atleast_2d(np.asarray(samples))
            if pictures is None:
                early.append(samples)
                if len(frames) == 0:
                    continue
                pictures = _PictureTrack(target, kind, frames.shape[1:3], fps, enlarge)
                sound = _SoundTrack(target, kind.sound, rate, len(samples))
                samples = np.concatenate(early, axis=1)
            for frame in frames:
                pictures.add(frame)
            sound.add(samples)
        if pictures is None:
            raise PvsdError(f"{output} is not written: there are no frames to show.")
        pictures.close()
        sound.close()


class _PictureTrack:
    """The new picture stream of a container; arguments as of `write_lips`."""

    def __init__(self, target, kind: _Kind, size, fps: int, enlarge: int):
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
