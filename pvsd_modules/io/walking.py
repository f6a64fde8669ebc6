"""Finds the files of a folder; what cannot be looked at is reported, never skipped."""

import os
from collections.abc import Callable
from pathlib import Path

from pvsd_modules.errors import PvsdError


def printable(text: str) -> str:
    """Text that can be printed and stored: bytes that are not UTF-8 become `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def walk(
    root: str | Path,
    suffixes: frozenset[str],
    report: Callable[[str, str], None] = lambda key, reason: None,
) -> list[str]:
    """List the files below a folder, sorted, links followed, hidden names skipped.

    Arguments
    ---------
    root : str or Path
        Folder to look into.
    suffixes : frozenset of str
        File endings wanted, lower case with the dot.
    report : callable
        Is given the path and the reason for each subfolder that cannot be read, and
        for each file whose name is not UTF-8 or that is a device or a pipe; these
        are not listed.

    Returns
    -------
    list of str
        Paths relative to `root`, with `/`.

    Raises
    ------
    PvsdError
        When the folder itself cannot be read.
    """
    found, seen = [], set()

    def unreadable(error: OSError) -> None:
        key = Path(os.fsdecode(error.filename)).relative_to(root).as_posix()
        if key == ".":
            raise PvsdError(f"{root} cannot be read: {error.strerror}.")
        report(key, f"the folder cannot be read: {error.strerror}")

    tree = os.walk(root, onerror=unreadable, followlinks=True)
    for folder, subfolders, names in tree:
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if name[0] != ".")
        for name in names:
            if name[0] == "." or os.path.splitext(name)[1].lower() not in suffixes:
                continue
            key = Path(folder, name).relative_to(root).as_posix()
            path = Path(folder, name)
            if printable(key) != key:
                report(key, "its name is not UTF-8: rename it")
            elif path.exists() and not path.is_file():
                report(key, "it is a device or a pipe, not a file")
            else:
                found.append(key)
    return sorted(found)
