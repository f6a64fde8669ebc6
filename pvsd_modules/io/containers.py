"""What each kind of file holds, and what of its source a new file takes over.

Sample format, codec, channel layout and rate stay as they are wherever the new
container and FFmpeg's encoders allow it; each thing that cannot stay is a sentence.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import av

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.layouts import stored_layout
from pvsd_modules.io.media import AudioTrack

_PCM_LE = ("pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
_PCM_BE = ("pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be")
_LAW = ("pcm_mulaw", "pcm_alaw")
_ISO: tuple[str, ...] = ("aac", "alac", "libopus", "flac", "libmp3lame", "ac3", "eac3")
_OLD = ("libmp3lame", "ac3", "eac3", "mp2", "wavpack", "tta")
_MKV: tuple[str, ...] = ("aac", *_PCM_LE, "flac", "alac", "libopus", *_OLD)


@dataclass(frozen=True)
class Container:
    """One kind of file.

    Arguments
    ---------
    muxer : str
        FFmpeg's name.
    codecs : tuple of str
        FFmpeg's names of the sound encoders that it may hold, the usual one first.
    pictures : tuple of str
        Encoders for drawn pictures, of which the first that exists is used; none for
        files of sound alone.
    tracks : int
        Sound tracks at most.
    copies : tuple of str
        Kinds of further streams that it may take over.
    brand : str
        What an MP4 file calls itself; FFmpeg's own muxer of M4A takes no cover art.
    """

    muxer: str
    codecs: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    tracks: int = 1
    copies: tuple[str, ...] = ()
    brand: str = ""


_COVER = ("cover",)
_MP4 = Container("mp4", _ISO, ("libx264", "mpeg4"), 99, ("video", *_COVER, "subtitle"))
_MOV_CODECS: tuple[str, ...] = (
    "aac",
    "alac",
    *_PCM_LE,
    *_PCM_BE,
    *_LAW,
    "ac3",
    "eac3",
    "libmp3lame",
)
_M4A = Container("mp4", ("aac", "alac"), tracks=99, copies=_COVER, brand="M4A ")
_AIFF = Container("aiff", (*_PCM_BE, *_LAW), copies=_COVER)
_TS_CODECS = ("aac", "mp2", "ac3", "eac3", "libmp3lame")
_TS = Container("mpegts", _TS_CODECS, ("libx264",), 99, ("subtitle",))
_MPG = Container("mpeg", ("mp2", "ac3"), ("mpeg2video",), 99)
_ALL = ("video", *_COVER, "subtitle", "attachment")
# AVI stores no time stamps, so a codec with priming would come late there: PCM.
CONTAINERS = {
    ".wav": Container("wav", (*_PCM_LE, *_LAW)),
    ".flac": Container("flac", ("flac",), copies=_COVER),
    ".mp3": Container("mp3", ("libmp3lame",), copies=_COVER),
    ".ogg": Container("ogg", ("vorbis", "libopus", "flac"), copies=_COVER),
    ".oga": Container("ogg", ("vorbis", "libopus", "flac"), copies=_COVER),
    ".opus": Container("ogg", ("libopus",), copies=_COVER),
    ".m4a": _M4A,
    ".m4b": replace(_M4A, brand="M4B "),
    ".aiff": _AIFF,
    ".aif": _AIFF,
    ".aifc": _AIFF,
    ".caf": Container("caf", (*_PCM_BE, *_LAW, "alac")),
    ".au": Container("au", (*_PCM_BE, *_LAW)),
    ".w64": Container("w64", (*_PCM_LE, *_LAW)),
    ".rf64": Container("wav", (*_PCM_LE, *_LAW)),
    ".aac": Container("adts", ("aac",)),
    ".ac3": Container("ac3", ("ac3",)),
    ".mp2": Container("mp2", ("mp2",)),
    ".wma": Container("asf", ("wmav2",)),
    ".wv": Container("wv", ("wavpack",)),
    ".tta": Container("tta", ("tta",)),
    ".mka": Container("matroska", ("libopus", *_MKV), tracks=99, copies=_ALL),
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", _MOV_CODECS, ("libx264", "mpeg4"), 99, _MP4.copies),
    ".mkv": Container("matroska", _MKV, ("libx264", "mpeg4"), 99, _ALL),
    ".webm": Container(
        "webm", ("libopus",), ("libvpx-vp9", "libvpx"), 99, ("subtitle",)
    ),
    ".avi": Container("avi", _PCM_LE[:1], ("mpeg4",), 99),
    ".mpg": _MPG,
    ".mpeg": _MPG,
    ".ts": _TS,
    ".m2ts": _TS,
    ".mts": _TS,
    ".flv": Container("flv", ("aac", "libmp3lame"), ("libx264",)),
    ".3gp": Container("3gp", ("aac",), ("libx264", "mpeg4")),
    ".wmv": Container("asf", ("wmav2",), ("wmv2",), 99),
}
VIDEO_OUTPUTS = tuple(name for name, one in CONTAINERS.items() if one.pictures)
SOUND_OUTPUTS = tuple(name for name, one in CONTAINERS.items() if not one.pictures)
# What has no encoder here, and what comes nearest.
_NEAREST = {".vob": ".mpg", ".mxf": ".mov", ".ogv": ".mkv"}
_NEAREST_SOUND, _NEAREST_VIDEO = ".m4a", ".mkv"
_LOSSLESS_SUFFIXES = frozenset(
    ".ape .sd2 .mat .mat5 .voc .pcm .raw .nist .sph .ircam .svx .8svx .paf .htk .sds "
    ".avr .snd".split()
)
# FFmpeg's decoders and the encoders of the same codec.
_ENCODERS = {"mp3": "libmp3lame", "mp3float": "libmp3lame", "opus": "libopus"}
_LOSSLESS = ("flac", "alac", "wavpack", "tta")
_MOST_CHANNELS = {"libmp3lame": 2, "mp2": 2, "wmav2": 2, "ac3": 6, "eac3": 6}
_MOST_CHANNELS |= {"aac": 8, "libopus": 8, "flac": 8, "alac": 8, "vorbis": 8, "tta": 16}


def container_of(output: str | Path) -> Container:
    """The container of a file name's suffix; a `PvsdError` with the list of suffixes
    when it is none of them."""
    output = Path(output)
    found = CONTAINERS.get(output.suffix.lower())
    if found is None:
        known = ", ".join(CONTAINERS)
        raise PvsdError(f"{output} has no suffix that can be written: {known}.")
    return found


def nearest_output(output: str | Path, has_video: bool = False) -> tuple[Path, str]:
    """The name of a file that can be written, and the sentence about it, "" where it
    stays.

    The name is the wanted one where its format can be written (with pictures, if it
    ``has_video``), else one with the suffix of the nearest format.

    Example
    -------
    >>> nearest_output("a/call.amr")
    (PosixPath('a/call.m4a'), '.amr cannot be written: call.m4a is written instead.')
    >>> nearest_output("talk.wav")
    (PosixPath('talk.wav'), '')
    """
    output = Path(output)
    suffix = output.suffix.lower()
    if suffix in CONTAINERS:
        return output, ""
    nearest = _NEAREST_VIDEO if has_video else _NEAREST_SOUND
    if not has_video and suffix in _LOSSLESS_SUFFIXES:
        nearest = ".wav"
    path = output.with_suffix(_NEAREST.get(suffix, nearest) if has_video else nearest)
    return path, f"{suffix} cannot be written: {path.name} is written instead."


def sample_format(track: AudioTrack) -> str:
    """What a sample is stored as: "u8", "s16", ..., "f64", "mulaw", "alaw"; "" lossy.

    Example
    -------
    >>> sample_format(AudioTrack(0, 48000, 1, 0, codec="pcm_s24be", bits=32))
    's24'
    """
    if track.codec.startswith(_LOSSLESS):
        return "s24" if track.bits > 16 else "s16"
    if not track.codec.startswith("pcm_"):
        return ""
    stored = track.codec.removeprefix("pcm_").removesuffix("_planar")
    stored = stored.removesuffix("le").removesuffix("be")
    known = {"u8", "s16", "s24", "s32", "f32", "f64", "mulaw", "alaw"}
    return stored if stored in known else "u8" if stored == "s8" else "s16"


@dataclass(frozen=True)
class Encoding:
    """How one sound track is written.

    Arguments
    ---------
    codec : str
        FFmpeg's encoder.
    rate : int
        Sample rate that is stored.
    layout : str
        FFmpeg's name.
    wide : bool
        Whether a lossless codec stores 24 bits.
    bit_rate : int
        Of a lossy codec, 0 for others.
    notes : tuple of str
        What cannot stay as it is in the source.
    """

    codec: str
    rate: int
    layout: str
    wide: bool = False
    bit_rate: int = 0
    notes: tuple[str, ...] = ()


def encoding_of(
    track: AudioTrack, output: str | Path, source: str | Path = ""
) -> Encoding:
    """How a track is stored in an output, as like its source as possible.

    Arguments
    ---------
    track : AudioTrack
        The source.
    output : str or Path
        File to write.
    source : str or Path
        The file that holds the track: another codec in a file of the same kind is
        noted.

    Raises
    ------
    PvsdError
        When the format cannot hold so many channels.
    """
    suffix, codecs = Path(output).suffix.lower(), container_of(output).codecs
    stored, notes = sample_format(track), []
    codec = _codec(track, codecs, stored)
    if track.channels > _MOST_CHANNELS.get(codec, 64):
        fitting = [
            one for one in codecs if track.channels <= _MOST_CHANNELS.get(one, 64)
        ]
        if not fitting:
            raise PvsdError(
                f"{track.channels} channels of sound cannot go into a {suffix} file: "
                "choose a .wav output."
            )
        codec = fitting[0]
    kept = codec.startswith(("pcm_", *_LOSSLESS))
    if kept and stored[:1] in ("s", "f") and sample_format_of(codec, stored) != stored:
        notes.append(f"Samples are stored as {sample_format_of(codec, stored)} in "
                     f"{suffix}, not as {stored}.")  # fmt: skip
    elif kept and 0 < track.bits < 16 and track.codec.startswith(_LOSSLESS):
        notes.append(f"Samples are stored with 16 bits, not {track.bits}.")
    same_kind = Path(source).suffix.lower() == suffix
    changed = _ENCODERS.get(track.codec, track.codec) != codec
    if (container_of(output).pictures or same_kind) and changed and not stored:
        plain = codec.removeprefix("lib")
        notes.append(f"The sound is stored as {plain}, not as {track.codec}.")
    rate = _rate(codec, track.sample_rate)
    if rate != track.sample_rate:
        notes.append(
            f"The sample rate is {rate} Hz, not {track.sample_rate} Hz: "
            f"{suffix} files hold no such rate."
        )
    layout = stored_layout(codec, track.layout, track.channels)
    if track.layout not in ("", layout) and track.channels > 2:
        notes.append(
            f"The channels are labelled {layout}, not {track.layout}: {suffix} files "
            "know no other."
        )
    wide = stored in ("s24", "s32", "f32", "f64")
    bit_rate = 0 if kept else _bit_rate(codec, rate, track)
    return Encoding(codec, rate, layout, wide, bit_rate, tuple(notes))


def _codec(track: AudioTrack, codecs: tuple[str, ...], stored: str) -> str:
    same = _ENCODERS.get(track.codec, track.codec)
    if same == "vorbis" and same not in codecs:
        same = "libopus"  # its heir
    if same in codecs:
        return same
    for codec in codecs:  # the same samples, in another order of bytes
        if (
            stored
            and codec.startswith("pcm_")
            and sample_format_of(codec, "") == stored
        ):
            return codec
    if stored:  # the widest that loses nothing
        wide = {"s24": ("s24", "s32"), "s32": ("s32", "s24"), "f32": ("f32", "s24")}
        for wanted in (*wide.get(stored, ()), "s24" if stored == "f64" else "s16"):
            for codec in codecs:
                if codec.startswith("pcm_") and sample_format_of(codec, "") == wanted:
                    return codec
    return codecs[0]


def sample_format_of(codec: str, stored: str) -> str:
    """What an encoder makes of a sample format; "" for lossy ones."""
    if codec in _LOSSLESS:
        return "s24" if stored in ("s24", "s32", "f32", "f64") else "s16"
    if codec.startswith("pcm_"):
        return codec.removeprefix("pcm_").removesuffix("le").removesuffix("be")
    return ""


def _rate(codec: str, rate: int) -> int:
    """The nearest rate of an encoder that loses nothing, else its highest."""
    if codec == "vorbis":
        return min(rate, 192_000)
    possible = av.codec.Codec(codec, "w").audio_rates or [rate]
    higher = [one for one in possible if one >= rate]
    return min(higher) if higher else max(possible)


def _bit_rate(codec: str, rate: int, track: AudioTrack) -> int:
    """Bits a second: those of the source, or enough for its rate."""
    if codec == "mp2":  # its rates are a table: these are in it
        return 128_000 if track.channels == 1 else 160_000 if rate < 32_000 else 256_000
    usual = track.channels * min(96_000, 6 * rate)
    same = _ENCODERS.get(track.codec, track.codec) == codec
    most = {"ac3": 640_000, "libmp3lame": 320_000}.get(codec, 256_000 * track.channels)
    return min(max(usual, track.bit_rate if same else 0), most)
