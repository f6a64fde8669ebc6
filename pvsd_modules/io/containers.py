"""The kinds of files that can be written, and what each of them holds."""

from dataclasses import dataclass, replace
from pathlib import Path

from pvsd_modules.errors import PvsdError

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
# What has no encoder here, and what comes nearest.
_NEAREST = {".vob": ".mpg", ".mxf": ".mov", ".ogv": ".mkv"}
_NEAREST_SOUND, _NEAREST_VIDEO = ".m4a", ".mkv"
_LOSSLESS_SUFFIXES = frozenset(
    ".ape .sd2 .mat .mat5 .voc .pcm .raw .nist .sph .ircam .svx .8svx .paf .htk .sds "
    ".avr .snd".split()
)


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
