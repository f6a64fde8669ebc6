"""One look at a file: what any sound or video container holds, and the way into it.

`probe` opens a file once; its `MediaInfo` goes to every reader and writer, none of
which looks again. Everything here is PyAV (FFmpeg inside the wheel): no programs are
started. The content decides the kind of a file, never its name. The few sound formats
that only libsndfile knows are read through soundfile.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.damage import is_cut
from pvsd_modules.io.info import AudioTrack, MediaInfo, VideoTrack
from pvsd_modules.io.layouts import settle_layouts
from pvsd_modules.io.opening import (
    check_input,
    demuxed,
    frame_time,
    frames_of,
    kind_of,
    open_media,
)

_LEAST_RATE = 1000  # hertz; below, nothing of speech is left
_HIGHEST_RATE = 10_000_000  # above, a header is damaged
_LOOKED_AT = 20_000  # packets in which the first frame of every track is looked for
CUT = "The file is cut short: what is left of it is read."
LIBSNDFILE = "libsndfile"  # begins the format of what is read through soundfile
# Sample formats of libsndfile in FFmpeg's words; all others are lossy.
SUBTYPES = {
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16le",
    "PCM_24": "pcm_s24le",
    "PCM_32": "pcm_s32le",
    "FLOAT": "pcm_f32le",
    "DOUBLE": "pcm_f64le",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
}


def probe(source: "str | Path | MediaInfo") -> MediaInfo:
    """Look at a file, once: its tracks, rates, sizes and start times.

    The first frame of each stream is decoded, so the tracks are what can truly be
    read.

    Arguments
    ---------
    source : str, Path or MediaInfo
        Any video or audio file; what was looked at already is returned as it is.

    Raises
    ------
    PvsdError
        When the file cannot be opened as media, or its sample rate is below 1 kHz.
    """
    if isinstance(source, MediaInfo):
        return source
    path = Path(source)
    check_input(path)
    try:
        with open_media(path) as container:
            info = look_into(container, path)
    except PvsdError:
        found = _sndfile_info(path)
        if found is None:
            raise
        return found
    if is_cut(path):
        info.notes.append(CUT)
    odd = info.format == "sds" or any(
        info.format == "wav" and one.codec in ("g726", "amrnb") for one in info.tracks
    )
    better = odd or _is_one_page_of_vorbis(info)
    if better or not (info.tracks or info.video):
        found = _sndfile_info(path)
        if found is not None:
            info = replace(info, format=found.format, tracks=found.tracks)
    return info


def probe_audio(source: "str | Path | MediaInfo") -> MediaInfo:
    """As `probe`, but a file without a single sample is a sentence.

    Raises
    ------
    PvsdError
        As `probe`, and when no sound can be decoded.
    """
    info = probe(source)
    check_rate(info)
    return info


def check_rate(info: MediaInfo) -> None:
    """Raises a sentence for a rate that leaves nothing of speech, or that none has."""
    if not _LEAST_RATE <= info.audio.sample_rate <= _HIGHEST_RATE:
        raise PvsdError(
            f"{info.path} has a sample rate of {info.sample_rate} Hz: give a recording "
            f"of {_LEAST_RATE} to {_HIGHEST_RATE} Hz."
        )


def look_into(container: Any, path: Path) -> MediaInfo:
    """What an open container holds; its first packets are taken."""
    settle_layouts(container)
    streams = [one for one in container.streams if one.codec_context is not None]
    sounds = [one for one in streams if one.type == "audio" and one.codec_context.rate]
    pictures = [one for one in streams if kind_of(one) == "video"]
    best = {kind: container.streams.best(kind) for kind in ("video", "audio")}
    if best["video"] in pictures:
        pictures = [best["video"]]
    wanted = [*sounds, *pictures[:1]]
    first = _first_frames(container, wanted)
    sounds = [one for one in sounds if one.index in first]
    tracks = [_audio_track(container, one, first[one.index]) for one in sounds]
    if wanted and not first:
        raise PvsdError(f"{path} holds no samples: give a recording with sound.")
    shown = [
        _video_track(one, first[one.index]) for one in pictures if one.index in first
    ]
    tags = dict(container.metadata)
    if container.format.name == "ogg" and sounds:  # has none of the whole file
        tags |= sounds[0].metadata
    used = {one.stream for one in tracks} | {one.stream for one in shown}
    # Timecodes and the texts of chapters are data in QuickTime, and written anew.
    rest = [one for one in container.streams if one.index not in used]
    others = [kind_of(one) for one in rest if "timecode" not in one.metadata]
    if container.chapters() and "data" in others:
        others.remove("data")
    return MediaInfo(
        path,
        container.format.name,
        tuple(tracks),
        sounds.index(best["audio"]) if best["audio"] in sounds else 0,
        shown[0] if shown else None,
        (container.duration or 0) / av.time_base,
        tags,
        len(container.chapters()),
        tuple(others),
        [],
    )


def _first_frames(container: Any, wanted: list) -> dict[int, Any]:
    """The first frame of each stream that has one, by the stream's index."""
    first: dict[int, Any] = {}
    for number, packet in enumerate(demuxed(container, wanted, []) if wanted else ()):
        if packet.stream.index not in first:
            frames = frames_of(packet)
            if frames:
                first[packet.stream.index] = frames[0]
        if len(first) == len(wanted) or (first and number > _LOOKED_AT):
            break
    return first


def _audio_track(container: Any, stream: Any, frame: Any) -> AudioTrack:
    context, rate = stream.codec_context, frame.sample_rate
    samples = declared_samples(container, stream, rate)
    name = frame.layout.name
    lossless = context.name.startswith(("pcm_", "flac", "alac", "wavpack", "tta"))
    return AudioTrack(
        stream.index,
        rate,
        frame.layout.nb_channels,
        samples,
        "" if name.endswith("channels") else name,  # that names no speakers
        context.name,
        8 * frame.format.bytes if lossless else 0,
        context.bit_rate or 0,
        frame_time(frame) or 0.0,
        stream.metadata.get("language", ""),
        stream.metadata.get("title", ""),
    )


def declared_samples(container: Any, stream: Any, rate: int) -> int:
    """Samples of a sound stream by the container's own word, 0 where it has none."""
    samples = (container.duration or 0) * rate // av.time_base
    if stream.duration:
        samples = round(stream.duration * stream.time_base * rate)
    context = stream.codec_context
    if context.name in ("opus", "libopus") and container.format.name == "ogg":
        samples -= int.from_bytes((context.extradata or b"")[10:12], "little")
    return max(samples, 0)


def _video_track(stream: Any, frame: Any) -> VideoTrack:
    return VideoTrack(
        stream.index,
        float(stream.average_rate or 0),
        frame.width,
        frame.height,
        int(frame.rotation) % 360,
        frame_time(frame) or 0.0,
    )


def soundfile_name(path: Path) -> str | bytes:
    """What soundfile opens even where the name is no valid text."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _sndfile_info(path: Path) -> MediaInfo | None:
    """What only libsndfile knows (mat5, htk, sds, ...); None for everything else."""
    try:
        # Without a name, so that no decoder is guessed from it.
        with path.open("rb") as data, soundfile.SoundFile(data) as file:
            if file.frames == 0:
                raise PvsdError(
                    f"{path} holds no samples: give a recording with sound."
                )
            codec = SUBTYPES.get(file.subtype, "")
            track = AudioTrack(
                0, file.samplerate, file.channels, file.frames, codec=codec
            )
            return MediaInfo(path, f"{LIBSNDFILE} {file.format}", (track,))
    except (OSError, soundfile.LibsndfileError, TypeError, ValueError):
        return None  # TypeError: headerless sound, which soundfile knows by its name


def _is_one_page_of_vorbis(info: MediaInfo) -> bool:
    """Whether it is a Vorbis file so short that FFmpeg cuts its end."""
    if not info.tracks or info.format != "ogg" or info.audio.codec != "vorbis":
        return False
    if info.audio.start == 0 or info.channels > 2 or len(info.tracks) > 1:
        return False
    data = info.path.read_bytes() if info.path.stat().st_size < 2**17 else b""
    return data.count(b"\x01vorbis") == 1  # else it is chained, or longer


def has_variable_rate(source: str | Path | MediaInfo, tolerance: float = 0.25) -> bool:
    """Whether a video's pictures come at uneven times (nothing is decoded).

    They do when more than one interval in a hundred is further from the median one than
    by this part of it; not in a file without time stamps or with fewer than three
    pictures.
    """
    info = probe(source)
    if info.video is None:
        return False
    with open_media(info.path) as container:
        packets = container.demux(container.streams[info.video.stream])
        times = sorted(float(p.pts * p.time_base) for p in packets if p.pts is not None)
    if len(times) < 3:
        return False
    intervals = np.diff(times)
    usual = np.median(intervals)
    return bool((np.abs(intervals - usual) > tolerance * usual).mean() > 0.01)
