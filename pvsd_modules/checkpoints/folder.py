"""Writes a pretrained folder that appears whole or not at all."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvsd_modules.errors import PvsdError

_OURS = {"hyperparams.yaml", "README.md"}
_OURS |= {"student.ckpt", "denoiser.ckpt", "teacher.ckpt"}


def check_writable(folder: Path, overwrite: bool = False) -> None:
    """Raises a sentence if a pretrained folder may not be written there.

    Arguments
    ---------
    folder : Path
        Folder to make.
    overwrite : bool
        Whether it may replace an earlier pretrained folder. One that holds anything
        else is never replaced.

    Raises
    ------
    PvsdError
    """
    if folder.exists() and not folder.is_dir():
        raise PvsdError(f"{folder} is a file: name a folder to make.")
    held = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    if held and not overwrite:
        raise PvsdError(
            f"{folder} is not empty: choose another folder, or ask to overwrite it."
        )
    foreign = [name for name in held if name not in _OURS]
    if foreign:
        raise PvsdError(
            f"{folder} holds {foreign[0]}, which no conversion wrote: choose another "
            "folder."
        )


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """Gives another folder beside ``folder``, renamed to it when all went well.

    When the block raises, nothing of it stays, and what ``folder`` held is kept.

    Arguments
    ---------
    folder : Path
        Folder to make or, if it is one, to replace: ask `check_writable` first.

    Yields
    ------
    Path
        An empty folder to write into.

    Raises
    ------
    PvsdError
        If the folder cannot be written.

    Example
    -------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "model"
    >>> with folder_written_whole(target) as temporary:
    ...     _ = (temporary / "README.md").write_text("hello")
    >>> [item.name for item in target.iterdir()]
    ['README.md']
    """
    target = folder.resolve()
    temporary = target.with_name(f".pvsd-{uuid.uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _put_in_place(temporary, target)
    except (OSError, RuntimeError) as error:  # torch.save raises the latter
        raise PvsdError(
            f"{folder} cannot be written ({error}): choose another folder."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Renames, and brings the earlier folder back should that fail."""
    if not folder.exists():
        temporary.rename(folder)
        return
    earlier = folder.with_name(f".pvsd-{uuid.uuid4().hex}")
    folder.rename(earlier)
    try:
        temporary.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise
    shutil.rmtree(earlier)
