"""Writes videos: new sound under untouched pictures, and drawn frames with sound."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.clock import placed_packets
from pvsd_modules.io.media import MediaInfo, open_media, probe
from pvsd_modules.io.video_tracks import (
    PictureTrack,
    SoundTrack,
    container_kind,
    new_container,
)

_SUBTITLED = (".mkv", ".mp4", ".m4v", ".mov", ".webm")  # the others are too picky


def _blocks(audio) -> Iterator[np.ndarray]:
    """One array, or an iterable of arrays or tensors, as [channels, n] arrays."""
    if hasattr(audio, "shape"):
        samples = np.atleast_2d(np.asarray(audio))
        audio = (samples[:, i : i + 65536] for i in range(0, samples.shape[1], 65536))
    return (np.atleast_2d(np.asarray(block)) for block in audio)


def write_video_with_audio(
    source: str | Path | MediaInfo,
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
    source : str, Path or MediaInfo
        Video file.
    audio : np.ndarray or iterable of np.ndarray
        float [channels, time], whole or in blocks (tensors will do); sample 0 is
        time 0 of the source, as
        `pvsd_modules.io.sound_reading.sound_blocks` gives.
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
    info, output = probe(source), Path(output)
    kind, blocks = container_kind(output), _blocks(audio)
    first = next(blocks, np.zeros((1, 0), np.float32))
    with open_media(info.path, made_stamps=True) as origin:
        with new_container(output) as target:
            target.metadata.update(origin.metadata)
            copies = _copied_streams(origin, target, info, output)
            layout = _kept_layout(info, len(first))
            track = SoundTrack(target, kind.sound, rate, len(first), layout)
            packets = _shifted_packets(origin, copies, info)
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


def _kept_layout(info: MediaInfo, channels: int) -> str:
    """The old sound's channel layout, as long as the new one has those channels."""
    return info.audio.layout if info.tracks and info.channels == channels else ""


def _copied_streams(origin, target, info: MediaInfo, output: Path) -> dict:
    """Open a copy of the pictures and the subtitles; from old index to new stream."""
    copies, suffix = {}, output.suffix.lower()
    if info.video is not None and suffix != ".m4a":
        picture = origin.streams[info.video.stream]
        try:
            if not _can_hold(suffix, origin, picture):
                raise ValueError
            copies[picture.index] = target.add_stream_from_template(picture)
        except ValueError as error:
            raise PvsdError(
                f"The pictures of {info.path} are {picture.codec_context.name}, which "
                f"a {output.suffix} file cannot take over untouched: choose an output "
                "that ends like the source, or in .mkv."
            ) from error
    for stream in origin.streams.subtitles if suffix in _SUBTITLED else ():
        if stream.codec_context is None:
            continue
        if stream.codec_context.name in target.supported_codecs:
            copies[stream.index] = target.add_stream_from_template(stream)
    return copies


def _can_hold(suffix: str, origin, picture) -> bool:
    """Whether a container keeps these pictures and their times as they are."""
    name = picture.codec_context.name
    if suffix in (".mpg", ".mpeg"):
        return name in ("mpeg1video", "mpeg2video")
    if suffix == ".avi" and origin.format.name != "avi":
        # No time stamps in there: reordered pictures would come late. H.264 of other
        # containers is besides written in another form.
        reordered = picture.codec_context.has_b_frames
        return not reordered and name not in ("h264", "hevc")
    return suffix != ".webm" or name in ("vp8", "vp9", "av1")


def _shifted_packets(origin, copies: dict, info: MediaInfo) -> Iterator[tuple]:
    """Packets of the copied streams with (time, packet), the file's start at 0."""
    if not copies:
        return
    streams = [origin.streams[index] for index in copies]
    for packet in _with_dts(placed_packets(origin, streams, info)):
        shift = round(info.start / packet.time_base)
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
    for rest in held.values():
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
    kind = container_kind(output)
    with new_container(output) as target:
        pictures: PictureTrack | None = None
        sound: SoundTrack | None = None
        early = []  # sound must wait until both streams are known
        for frames, samples in chunks:
            frames, samples = np.asarray(frames), np.atleast_2d(np.asarray(samples))
            if pictures is None or sound is None:
                early.append(samples)
                if len(frames) == 0:
                    continue
                pictures = PictureTrack(target, kind, frames.shape[1:3], fps, enlarge)
                sound = SoundTrack(target, kind.sound, rate, len(samples))
                samples = np.concatenate(early, axis=1)
            for frame in frames:
                pictures.add(frame)
            sound.add(samples)
        if pictures is None or sound is None:
            raise PvsdError(f"{output} is not written: there are no frames to show.")
        pictures.close()
        sound.close()
