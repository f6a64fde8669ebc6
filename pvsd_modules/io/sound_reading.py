"""Reads the sound of any file block by block.

What libsndfile knows (wav, flac, mp3, ogg, ...) is read through soundfile, all other
files through `pvsd_modules.io.video_reading`; the content decides, never the name. A
block is a float32 tensor ``[channels, n]`` at the file's own rate, full scale is 1.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from pvsd_modules.errors import PvsdError


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


def soundfile_name(path: Path) -> str | bytes:
    """What soundfile opens even where the name is no valid text."""
    return str(path) if os.name == "nt" else os.fsencode(path)


def _open_sound(path: Path) -> soundfile.SoundFile | None:
    """Open what libsndfile knows; None for everything else."""
    try:
        with path.open("rb"):
            pass  # a missing right to read is told apart from an unknown format
        return soundfile.SoundFile(soundfile_name(path))
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
    from pvsd_modules.io.media import probe  # PyAV is only loaded where it is needed

    info = probe(path)
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
        from pvsd_modules.io.video_reading import read_audio_blocks

        for samples in read_audio_blocks(info.path, block):
            yield torch.from_numpy(np.ascontiguousarray(samples))
        return
    try:
        with soundfile.SoundFile(soundfile_name(info.path)) as file:
            while len(samples := file.read(block, dtype="float32", always_2d=True)):
                yield torch.from_numpy(np.ascontiguousarray(samples.T))
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{info.path} is damaged or cut short: {error.error_string}"
        ) from error
