"""Reads the sound of any file block by block, and writes sound files.

What libsndfile knows (wav, flac, mp3, ogg, ...) is read through soundfile, all other
files through `pvsd_modules.video`; the content decides, never the name. A block is a
float32 tensor ``[channels, n]`` at the file's own rate, full scale is 1.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from pvsd_modules.errors import PvsdError

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
# Sample formats that are taken over from the source. All others (lossy ones, and
# ADPCM, which cannot hold every number of samples) are written with 16 bits.
_KEPT = {"PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"}
_KEPT |= {"ULAW", "ALAW"}
_FLOATING = {"FLOAT", "DOUBLE"}
_WIDTHS = {"PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "DOUBLE": 8}
_WAV_LIMIT = 2**32 - 2**26  # bytes; a longer wav file needs 64-bit sizes (RF64)


@dataclass(frozen=True)
class SoundInfo:
    """The sound of one file.

    Arguments
    ---------
    path : Path
    rate : int
        Samples a second.
    channels : int
    samples : int
        Samples in each channel; for what soundfile cannot read an estimate.
    subtype : str
        libsndfile's name of the sample format, "" for what soundfile cannot read.
    has_video : bool
        Whether there is a moving picture as well.
    """

    path: Path
    rate: int
    channels: int
    samples: int
    subtype: str = ""
    has_video: bool = False

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples / self.rate


def _open_sound(path: Path) -> soundfile.SoundFile | None:
    """Open what libsndfile knows; None for everything else."""
    try:
        with path.open("rb"):
            pass  # a missing right to read is told apart from an unknown format
        return soundfile.SoundFile(_name(path))
    except OSError as error:
        raise PvsdError(f"{path} cannot be read: {error.strerror}.") from error
    except (soundfile.LibsndfileError, TypeError, ValueError):
        return None  # TypeError: headerless sound, which soundfile knows by its name


def sound_info(path: str | Path) -> SoundInfo:
    """Look at the sound of a file.

    Arguments
    ---------
    path : str or Path
        Sound or video file.

    Returns
    -------
    SoundInfo

    Raises
    ------
    PvsdError
        When there is no such file, or no sound in it.
    """
    path = Path(path)
    if path.is_dir():
        raise PvsdError(f"{path} is a folder: name a sound or video file.")
    if not path.is_file():
        raise PvsdError(f"{path} does not exist: check the name of the file.")
    if path.stat().st_size == 0:
        raise PvsdError(f"{path} is empty (0 bytes): give a recording with sound.")
    opened = _open_sound(path)
    if opened is None:
        return _container_info(path)
    with opened as file:
        if file.frames == 0:
            raise PvsdError(f"{path} holds no samples: give a recording with sound.")
        return SoundInfo(
            path, file.samplerate, file.channels, file.frames, file.subtype
        )


def _container_info(path: Path) -> SoundInfo:
    from pvsd_modules import video

    info = video.probe(path)
    if not info.has_audio:
        kind = "a video without an audio track" if info.has_video else "no audio file"
        raise PvsdError(f"{path} is {kind}: give a file with sound.")
    samples = round(info.duration * info.sample_rate)
    return SoundInfo(
        path, info.sample_rate, info.channels, samples, has_video=info.has_video
    )


def sound_blocks(info: SoundInfo, block: int = 65536) -> Iterator[torch.Tensor]:
    """Read a file's sound in blocks; at most one is held in memory.

    Arguments
    ---------
    info : SoundInfo
        From `sound_info`.
    block : int
        Samples of a block; the last one is shorter.

    Yields
    ------
    torch.Tensor
        float32 ``[channels, n]``. Sound of a video begins with its time 0.

    Raises
    ------
    PvsdError
        When the file is damaged.
    """
    if not info.subtype:
        from pvsd_modules import video

        for samples in video.read_audio_blocks(info.path, block):
            yield torch.from_numpy(np.ascontiguousarray(samples))
        return
    try:
        with soundfile.SoundFile(_name(info.path)) as file:
            while len(samples := file.read(block, dtype="float32", always_2d=True)):
                yield torch.from_numpy(np.ascontiguousarray(samples.T))
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{info.path} is damaged or cut short: {error.error_string}"
        ) from error


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
def sound_writer(path: str | Path, like: SoundInfo) -> Iterator[SoundWriter]:
    """Open a sound file for writing, block by block.

    Arguments
    ---------
    path : str or Path
        File to write, at once under this name (see `outputs.written_whole`). Its
        suffix decides the format.
    like : SoundInfo
        Source whose rate, channels and, where the format allows, sample format the
        file takes over.

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
            _name(path), "w", like.rate, like.channels, subtype, format=kind
        ) as file:
            yield SoundWriter(file)
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{path.suffix} with {like.rate} Hz and {like.channels} channel(s) cannot "
            f"be written: {error.error_string} Try another format, such as .wav."
        ) from error


def _bytes(like: SoundInfo, subtype: str) -> int:
    return like.samples * like.channels * _WIDTHS.get(subtype, 4)


def _name(path: Path) -> str | bytes:
    """What soundfile opens even where the name is no valid text."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _format_of(path: Path, like: SoundInfo) -> tuple[str, str]:
    """libsndfile's format and sample format for a new file."""
    kind = SOUND_FORMATS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SOUND_FORMATS)
        raise PvsdError(f"{path.name}: a sound file ends in one of {known}.")
    if kind == "MP3":
        return kind, "MPEG_LAYER_III"
    if kind == "OGG":
        is_opus = path.suffix.lower() == ".opus" or like.subtype == "OPUS"
        return kind, "OPUS" if is_opus else "VORBIS"
    subtype = like.subtype if like.subtype in _KEPT else "PCM_16"
    if not soundfile.check_format(kind, subtype):
        # FLAC has no floating point and no 32 bits: the widest it has.
        wide = subtype in _FLOATING | {"PCM_32"}
        subtype = "PCM_24" if wide else "PCM_16"
    if kind == "WAV" and _bytes(like, subtype) > _WAV_LIMIT:
        kind = "RF64"
    return kind, subtype
