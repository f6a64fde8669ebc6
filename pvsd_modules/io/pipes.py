"""Pipes: which names stand for one, what comes without a header, temporary copies."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av

from pvsd_modules.errors import PvsdError

STANDARD = "-"  # standard input or output on the command line


@dataclass(frozen=True)
class RawFormat:
    """How samples without a header are stored.

    Arguments
    ---------
    sample : str
        FFmpeg's name: s16le, s16be, s24le, s32le, f32le, f64le, u8, mulaw, alaw, ...
    sample_rate : int
        Samples a second.
    channels : int

    Raises
    ------
    PvsdError
        When there is no such format.

    Example
    -------
    >>> RawFormat("s16le", 48000, 2).codec
    'pcm_s16le'
    """

    sample: str = "s16le"
    sample_rate: int = 16000
    channels: int = 1

    def __post_init__(self) -> None:
        try:
            av.codec.Codec(self.codec, "w")
        except av.codec.codec.UnknownCodecError as error:
            raise PvsdError(
                f"{self.sample} is no format of raw samples: use s16le, s24le, s32le, "
                "f32le, f64le, u8, mulaw or alaw."
            ) from error
        if not 1 <= self.channels <= 64:
            raise PvsdError(f"Raw samples have 1 to 64 channels, not {self.channels}.")

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec."""
        return f"pcm_{self.sample}"


def is_pipe(path: str | Path) -> bool:
    """Whether a name stands for a pipe: "-", a FIFO, ``/dev/stdin``, ``<(...)``.

    Example
    -------
    >>> is_pipe("-"), is_pipe("talk.wav")
    (True, False)
    """
    if str(path) == STANDARD:
        return True
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


@contextmanager
def opened_pipe(path: str | Path, mode: str = "rb") -> Iterator[BinaryIO]:
    """Open what `is_pipe` says is one."""
    if str(path) == STANDARD:
        yield sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
        return
    try:
        with open(path, mode) as file:
            yield file  # type: ignore[misc]
    except OSError as error:
        raise PvsdError(f"{path} cannot be opened: {error.strerror}.") from error


@contextmanager
def spooled(file: BinaryIO, taken: bytes = b"", suffix: str = "") -> Iterator[Path]:
    """Copy a pipe, after the bytes ``taken`` from it before, into a temporary file of
    this suffix, for formats that cannot be streamed."""
    with tempfile.TemporaryDirectory(prefix="pvsd-") as folder:
        path = Path(folder) / f"input{suffix}"
        try:
            with path.open("wb") as target:
                target.write(taken)
                shutil.copyfileobj(file, target)
        except OSError as error:
            raise PvsdError(f"{path} cannot be written: {error.strerror}.") from error
        yield path
