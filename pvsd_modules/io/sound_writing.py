"""Writes sound files block by block, as like their source as the format allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import SUBTYPES, MediaInfo, soundfile_name

# Suffix of a sound file that soundfile writes, and libsndfile's name of its format.
SOUND_FORMATS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".mp3": "MP3",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".aiff": "AIFF",
    ".aif": "AIFF",
    ".caf": "CAF",
    ".au": "AU",
    ".w64": "W64",
}
_FLOATING = {"FLOAT", "DOUBLE"}
_WIDTHS = {"PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}
_WAV_LIMIT = 2**32 - 2**26  # bytes; a longer wav file needs 64-bit sizes (RF64)
_TAGLESS = {"AU", "W64"}


def clipped(block: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A block brought within full scale, and how many samples were beyond."""
    return block.clamp(-1, 1), int((block.abs() > 1).sum())


class SoundWriter:
    """Writes blocks into an open sound file and counts what had to be clipped.

    Arguments
    ---------
    file : soundfile.SoundFile
        Open for writing.
    """

    def __init__(self, file: soundfile.SoundFile):
        self._file = file
        self._clips = file.subtype not in _FLOATING
        self.clipped = 0

    def write(self, block: torch.Tensor) -> None:
        """Append a block.

        Arguments
        ---------
        block : torch.Tensor
            float ``[channels, n]``; where the file is not a floating-point one,
            samples beyond full scale are set to full scale and counted.
        """
        if self._clips:
            block, count = clipped(block)
            self.clipped += count
        self._file.write(block.T.contiguous().numpy())


@contextmanager
def sound_writer(path: str | Path, like: MediaInfo) -> Iterator[SoundWriter]:
    """Open a sound file for writing, block by block.

    Arguments
    ---------
    path : str or Path
        File to write, at once under this name (see `outputs.written_whole`). Its
        suffix decides the format.
    like : MediaInfo
        Source whose rate, channels and, where the format allows, sample format the
        file takes over, and its title and other tags.

    Yields
    ------
    SoundWriter

    Raises
    ------
    PvsdError
        When the format cannot hold this rate or number of channels, or the disk is
        full.
    """
    path = Path(path)
    kind, subtype = _format_of(path, like)
    try:
        with soundfile.SoundFile(
            soundfile_name(path),
            "w",
            like.sample_rate,
            like.channels,
            subtype,
            format=kind,
        ) as file:
            _copy_tags(like, file)
            yield SoundWriter(file)
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{path.suffix} with {like.sample_rate} Hz and {like.channels} channel(s) "
            f"cannot be written: {error.error_string} Try another format, such as .wav."
        ) from error


def _bytes(like: MediaInfo, subtype: str) -> int:
    return like.samples * like.channels * _WIDTHS.get(subtype, 4)


def _format_of(path: Path, like: MediaInfo) -> tuple[str, str]:
    """libsndfile's format and sample format for a new file."""
    kind = SOUND_FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SOUND_FORMATS)
        raise PvsdError(f"{path.name}: a sound file ends in one of {known}.")
    if kind == "MP3":
        return kind, "MPEG_LAYER_III"
    if kind == "OGG":
        is_opus = path.suffix.lower() == ".opus" or like.audio.codec in (
            "opus",
            "libopus",
        )
        return kind, "OPUS" if is_opus else "VORBIS"
    subtype = _subtype_of(like)
    if not soundfile.check_format(kind, subtype):
        # FLAC has no floating point and no 32 bits: the widest it has.
        wide = subtype in _FLOATING | {"PCM_32"}
        subtype = "PCM_24" if wide else "PCM_16"
    if kind == "WAV" and _bytes(like, subtype) > _WAV_LIMIT:
        kind = "RF64"
    return kind, subtype


def _subtype_of(like: MediaInfo) -> str:
    """libsndfile's name of the source's sample format; 16 bits for lossy ones."""
    if like.audio.codec in ("flac", "alac"):
        return "PCM_24" if like.audio.bits > 16 else "PCM_16"
    for subtype, codec in SUBTYPES.items():
        if codec.removesuffix("le") == like.audio.codec.removesuffix("le").removesuffix(
            "be"
        ):
            return subtype
    return "PCM_16"


def _copy_tags(like: MediaInfo, file: soundfile.SoundFile) -> None:
    """Title, artist and the like, as far as the source's are known."""
    if file.format in _TAGLESS:
        return
    try:
        with soundfile.SoundFile(soundfile_name(like.path)) as source:
            tags = source.copy_metadata()
    except (soundfile.LibsndfileError, TypeError, ValueError):
        return
    for name, text in tags.items():
        # libsndfile garbles other letters in an mp3.
        if name != "software" and text and (text.isascii() or file.format != "MP3"):
            setattr(file, name, text)
