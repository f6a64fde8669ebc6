"""How sound is stored in a new file.

Sample format, codec, channel layout and rate stay as they are wherever the new
container and FFmpeg's encoders allow it; each thing that cannot stay is a sentence.
"""

from dataclasses import dataclass
from pathlib import Path

import av

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.containers import container_of
from pvsd_modules.io.layouts import stored_layout
from pvsd_modules.io.media import AudioTrack

# FFmpeg's decoders and the encoders of the same codec.
_ENCODERS = {"mp3": "libmp3lame", "mp3float": "libmp3lame", "opus": "libopus"}
_LOSSLESS = ("flac", "alac", "wavpack", "tta")
_MOST_CHANNELS = {"libmp3lame": 2, "mp2": 2, "wmav2": 2, "ac3": 6, "eac3": 6}
_MOST_CHANNELS |= {"aac": 8, "libopus": 8, "flac": 8, "alac": 8, "vorbis": 8, "tta": 16}


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
