"""Writes files and folders whole or not at all: nothing of the user's is lost."""

import errno
import os
import shutil
import socket
import stat
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from pvsd_modules.errors import PvsdError

NO_SPACE = "no space is left on the disk."
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_PREFIX = ".pvsd"
# What torch.save says when it cannot write.
_TORCH_SAVE = ("PytorchStreamWriter", "inline_container", "iostream error")


@contextmanager
def written_whole(path: str | Path, replace: bool = True) -> Iterator[Path]:
    """Give a temporary name beside ``path``; it becomes ``path`` when all went well.

    Missing folders are created. When the block raises, the temporary file is removed
    and whatever ``path`` held before stays as it was. A symbolic link is never
    written through, nor replaced.

    Arguments
    ---------
    path : str or Path
        File to write.
    replace : bool
        Whether a file that exists is replaced; else it is an error.

    Yields
    ------
    Path
        A name of the same folder and suffix that no file bears.

    Raises
    ------
    PvsdError
        When the folder cannot be created or written, also for want of space.

    Example
    -------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "new" / "a.txt"
    >>> with written_whole(target) as temporary:
    ...     _ = temporary.write_text("hello")
    >>> target.read_text()
    'hello'
    """
    path = Path(path)
    with _sentences(path):
        _check_target(path, replace)
        if path.is_dir():
            raise PvsdError(f"{path} is a folder: name a file to write.")
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
    temporary = temporary_name(path)
    try:
        with _sentences(path):
            temporary.touch()
            yield temporary
            _check_target(path, replace)
            if path.exists():
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder: str | Path, replace: bool = True) -> Iterator[Path]:
    """Give another folder beside ``folder``, renamed to it when all went well.

    When the block raises, nothing of it stays, and what ``folder`` held is kept.

    Arguments
    ---------
    folder : str or Path
        Folder to make.
    replace : bool
        Whether a folder that exists is replaced, with all that it holds; else it is
        an error unless it is empty.

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
    folder = Path(folder)
    with _sentences(folder):
        empty = folder.is_dir() and not any(folder.iterdir())
        _check_target(folder, replace or empty)
        if folder.exists() and not folder.is_dir():
            raise PvsdError(f"{folder} is a file: name a folder to make.")
        _sweep(folder.parent)
    temporary = temporary_name(folder)
    try:
        with _sentences(folder):
            temporary.mkdir(parents=True)
            yield temporary
            _put_in_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all, UTF-8.

    Arguments
    ---------
    path : str or Path
        File to write or replace.
    text : str
        Its content.
    """
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


@lru_cache(maxsize=64)
def _sweep(folder: Path) -> None:
    """Remove leftovers of earlier runs before the first file is written there."""
    remove_leftovers(folder)


def remove_leftovers(folder: str | Path) -> int:
    """Remove what runs of this machine that were killed left behind in a folder.

    Returns
    -------
    int
        Number of files and folders removed.
    """
    if os.name == "nt" or not os.path.isdir(folder):
        return 0  # Windows cannot be asked for a process without further packages
    removed = 0
    for path in Path(folder).glob(f"{_PREFIX}-{_machine()}-*"):
        owner = path.name.split("-")[2]
        if owner.isdigit() and not _runs(int(owner)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
    return removed


def temporary_name(path: Path) -> Path:
    """A name beside a file that `remove_leftovers` knows, should this run be killed."""
    suffix = path.suffix.lower() if len(path.suffix) < 16 else ""
    name = f"{_PREFIX}-{_machine()}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"
    return path.with_name(name)


def _machine() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    try:  # one that has ended stays until its parent asks, in some containers for ever
        state = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return not Path("/proc/self").exists()  # no Linux, or it has just gone
    return state.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """What the disk refuses, in one sentence that names the file."""
    try:
        yield
    except OSError as error:
        named = os.fsdecode(error.filename or path)
        if not named.startswith(str(path.parent)):
            raise  # not of this file
        if error.errno in FULL:
            raise PvsdError(f"{path} cannot be written: {NO_SPACE}") from error
        raise PvsdError(
            f"{path} cannot be written ({error.strerror or error}): choose another "
            "folder or name."
        ) from error
    except RuntimeError as error:
        if not any(word in str(error) for word in _TORCH_SAVE):
            raise
        raise PvsdError(f"{path} cannot be written: {NO_SPACE}") from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise PvsdError(f"{str(path)!r} is no file name: {error}.") from error


def _check_target(path: Path, replace: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise PvsdError(
            f"{path} is a symbolic link to {os.readlink(path)}: remove the link, or "
            "name the file itself."
        )
    if not replace:
        raise PvsdError(f"{path} exists: choose another name, or ask to replace it.")
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise PvsdError(f"{path} is a device or a pipe: name a file to write.")


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Rename, and bring the earlier folder back should that fail."""
    if not folder.exists():
        temporary.rename(folder)
        return
    earlier = temporary_name(folder)
    folder.rename(earlier)
    try:
        temporary.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
