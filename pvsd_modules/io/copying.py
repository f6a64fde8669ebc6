"""Takes over what a file holds besides its enhanced sound, packet by packet.

Pictures, cover art, subtitles, attachments, sound tracks that are not enhanced, tags,
chapters: what the new container cannot hold is named in a note.
"""

import base64
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.clock import placed_packets
from pvsd_modules.io.containers import Container, container_of
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.opening import kind_of, open_media
from pvsd_modules.io.wav import WavLayout

# What containers and programs write about themselves.
_PICTURES = {"png": "png", "mjpeg": "jpeg"}
_NAMES = {"cover": "cover art", "video": "picture", "audio": "undecodable audio"}
_NAMES |= {kind: kind for kind in ("subtitle", "attachment", "data")}
# What needs no second look: these survive in these.
_SAFE_TAGS = {"title", "artist", "album", "comment", "genre", "copyright"}
_SAFE_TAGS |= {"date", "creation_time"}
_SAFE_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".mka"}
_TAG_CHUNKS = {b"LIST", b"id3 ", b"ID3 "}
OWN_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
OWN_TAGS |= {"software"}


def copied_stream(
    origin: Any, target: Any, stream: Any, info: MediaInfo, container: Container
) -> Any:
    """Open a copy of a stream of ``origin``, whose description is ``info``, in
    ``target``.

    None where the container cannot hold it; if these are the pictures a `PvsdError`,
    since there is no video without them.
    """
    kind, context = kind_of(stream), stream.codec_context
    if kind == "audio" and not (context and context.rate):
        return None  # FFmpeg met it too late to know what it is
    if kind == "video" and not (context and context.width):
        return None
    shown = info.video is not None and stream.index == info.video.stream
    if shown and container.pictures:
        if not _holds_pictures(container, origin, stream):
            raise PvsdError(
                f"The pictures of {info.path} are {stream.codec_context.name}, which "
                f"a .{container.muxer} file cannot take over untouched: choose an "
                "output that ends like the source, or in .mkv."
            )
    elif kind == "audio":
        if not _same_codec(stream, container):
            return None
    elif kind not in container.copies:
        return None
    elif kind == "video" and not _holds_pictures(container, origin, stream):
        return None
    if kind == "subtitle" and (
        context is None or context.name not in target.supported_codecs
    ):
        return None
    try:
        copy = target.add_stream_from_template(stream)
    except ValueError:
        return None
    describe(copy, stream)
    return copy


def keep_cover(stream: Any, info: MediaInfo, target: Any, sound: Any) -> bool:
    """Keep cover art where it is not a stream: in Matroska, and in the tags of Ogg's
    sound.

    Whether the new file keeps it so.
    """
    kind = _PICTURES.get(stream.codec_context.name if stream.codec_context else "")
    if kind is None or target.format.name not in ("matroska", "ogg"):
        return False
    with open_media(info.path) as container:
        packets = container.demux(container.streams[stream.index])
        data = next((bytes(packet) for packet in packets if packet.size), b"")
    if target.format.name == "matroska":
        target.add_attachment(f"cover.{kind}", f"image/{kind}", data)
    elif sound is not None:  # the picture block of FLAC, in base64
        mime = f"image/{kind}".encode()
        block = struct.pack(">II", 3, len(mime)) + mime + bytes(20)
        block += struct.pack(">I", len(data)) + data
        sound.metadata["METADATA_BLOCK_PICTURE"] = base64.b64encode(block).decode()
    return True


def describe(copy: Any, stream: Any) -> None:
    """Give a new stream the tags (language, title, timecode) of an old one."""
    copy.metadata.update(
        {key: value for key, value in stream.metadata.items() if key not in OWN_TAGS}
    )
    copy.disposition = stream.disposition


def _same_codec(stream: Any, container: Container) -> bool:
    name = stream.codec_context.name
    if name in ("opus", "mp3", "mp3float"):
        return {"opus": "libopus"}.get(name, "libmp3lame") in container.codecs
    return name in container.codecs


def _holds_pictures(container: Container, origin: Any, picture: Any) -> bool:
    """Whether a container keeps these pictures and their times as they are."""
    name = picture.codec_context.name
    if container.muxer == "mpeg":
        return name in ("mpeg1video", "mpeg2video")
    if container.muxer == "avi" and origin.format.name != "avi":
        # No time stamps in there: reordered pictures would come late. H.264 of other
        # containers is besides written in another form.
        reordered = picture.codec_context.has_b_frames
        return not reordered and name not in ("h264", "hevc")
    if container.muxer == "webm":
        return name in ("vp8", "vp9", "av1", "libdav1d")
    return True


def shifted_packets(
    origin: Any, copies: dict[int, Any], info: MediaInfo
) -> Iterator[tuple[float, Any]]:
    """Time in seconds and packet of the copied streams, the file's start at 0.

    ``copies`` has the copy of a stream by its index in ``origin``.
    """
    if not copies:
        return
    streams = [origin.streams[index] for index in copies]
    covers = {one.index for one in streams if kind_of(one) == "cover"}
    last: dict[int, int] = {}
    for packet in _with_dts(placed_packets(origin, streams, info), covers):
        index, base = packet.stream.index, packet.time_base
        if index in covers:
            packet.pts = packet.dts = 0
        else:
            shift = round(info.start / base)
            packet.dts = max(
                packet.dts - shift, last.get(index, packet.dts - shift - 1) + 1
            )
            last[index] = packet.dts
            if packet.pts is not None:
                packet.pts = max(packet.pts - shift, packet.dts)
        time = float(packet.dts * base)
        packet.stream = copies[index]
        yield time, packet


def _with_dts(packets: Iterable[Any], covers: set[int]) -> Iterator[Any]:
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
        if index in covers:
            yield packet
            continue
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


def _period(packet: Any) -> int:
    rate = getattr(packet.stream, "average_rate", None) or FPS
    return round(1 / (rate * packet.time_base))


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags of the user's, without what containers write about themselves."""
    return {key: value for key, value in tags.items() if key.lower() not in OWN_TAGS}


def lost(info: MediaInfo, output: Path) -> list[str]:
    """Sentences about what a new file lacks of its source, by looking into it.

    Arguments
    ---------
    info : MediaInfo
        The source.
    output : Path
        The new file.
    """
    tags = kept_tags(info.tags)
    if not (info.chapters or info.others or len(info.tracks) > 1):
        shown = info.video is None or container_of(output).pictures
        if (
            shown
            and set(tags) <= _SAFE_TAGS
            and output.suffix.lower() in _SAFE_SUFFIXES
        ):
            return []
    chunks = []
    if info.format == "wav":
        kept = [name for name, _ in WavLayout(output).chunks]
        names = {name for name, _ in WavLayout(info.path).chunks if name not in kept}
        chunks = sorted(name.decode("latin-1").strip() for name in names - _TAG_CHUNKS)
    with open_media(output) as container:
        held = {str(text).strip() for text in container.metadata.values()}
        for stream in container.streams:
            held |= {str(text).strip() for text in stream.metadata.values()}
        kinds = [kind_of(stream) for stream in container.streams]
        fewer = info.chapters - len(container.chapters())
    gone = [
        key for key, text in tags.items() if text.strip() and text.strip() not in held
    ]
    notes = []
    if gone:
        notes.append(f"Tags that {output.suffix} files do not keep: {', '.join(gone)}.")
    if chunks:
        notes.append(f"Chunks of the WAV file that are not kept: {', '.join(chunks)}.")
    if fewer > 0:
        notes.append(f"Chapters that {output.suffix} files do not keep: {fewer}.")
    several = container_of(output).tracks > 1
    source = [*info.others, *["audio"] * (len(info.tracks) if several else 1)]
    source += ["video"] if info.video else []
    for kind in dict.fromkeys(source):
        missing = source.count(kind) - kinds.count(kind)
        if missing > 0:
            streams = "stream" if missing == 1 else "streams"
            notes.append(f"{missing} {_NAMES[kind]} {streams} cannot go into "
                         f"{output.suffix}: left out.")  # fmt: skip
    return notes


def moved_chapters(chapters: Iterable[Any], start: float) -> list[Any]:
    """Chapters with the file's start at 0."""
    moved = []
    for chapter in chapters:
        shift = round(start / chapter["time_base"])
        times = {name: max(chapter[name] - shift, 0) for name in ("start", "end")}
        moved.append({**chapter, **times})
    return moved
