"""Where enhanced files come from and go to: paths and open files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.containers import container_of
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.pipes import spooled
from pvsd_modules.io.sound_reading import sound_blocks

#: What a caller may name as a file: a path, what `probe` returned, or an open file.
Source = str | os.PathLike | MediaInfo | BinaryIO


@dataclass(frozen=True)
class Report:
    """What happened to an enhanced file.

    Arguments
    ---------
    seconds : float
        Length of the sound.
    invalid : int
        Samples that were NaN or infinite and were replaced by silence.
    clipped : int
        Samples beyond full scale that the output's format cannot hold.
    remarks : tuple of str
        What could not be read, or not be kept.
    """

    seconds: float
    invalid: int
    clipped: int
    remarks: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Sentences for the user, none if all is well."""
        notes = list(self.remarks)
        if self.invalid:
            notes.append(
                f"{self.invalid} samples were not numbers and were replaced by silence."
            )
        if self.clipped:
            notes.append(
                f"{self.clipped} samples were beyond full scale and were clipped: a "
                "floating-point WAV file as source keeps them."
            )
        return notes


def check_output(path: str | os.PathLike, output: str | os.PathLike) -> None:
    """Refuse to write over the input, or into a format that is not known.

    Arguments
    ---------
    path, output : str or Path
        File to read and file to write.

    Raises
    ------
    PvsdError
    """
    path, output = Path(path), Path(output)
    if output.resolve() == path.resolve() or (
        output.exists() and path.exists() and output.samefile(path)
    ):
        raise PvsdError(f"{output} is the input itself: choose another output name.")
    container_of(output)


def loudest_channel(info: MediaInfo) -> int:
    """Index of the channel with the most energy."""
    if info.channels == 1:
        return 0
    energy = torch.zeros(info.channels, dtype=torch.float64)
    for block in sound_blocks(info):
        energy += torch.nan_to_num(block, 0.0, 0.0, 0.0).double().square().sum(1)
    return int(energy.argmax())


@contextmanager
def on_disk(source: Source) -> Iterator[str | Path | MediaInfo]:
    """A file that can be read at any place: an open one is copied to a temporary one,
    from its position on."""
    if isinstance(source, MediaInfo):
        yield source
    elif isinstance(source, str | os.PathLike):
        yield Path(source)
    else:
        with spooled(source) as path:
            yield path


@contextmanager
def to_disk(output: str | os.PathLike | BinaryIO, suffix: str) -> Iterator[Path]:
    """A path to write to: what is written there is copied to an open file, whose format
    the suffix decides."""
    if isinstance(output, str | os.PathLike):
        yield Path(output)
        return
    with tempfile.TemporaryDirectory(prefix="pvsd-") as folder:
        path = Path(folder, f"output{suffix}")
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, output)
