"""Decides which file is written for which input, before any work is done."""

import os
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES


def plan_outputs(inputs: list[Path], output: str | None) -> list[tuple[Path, Path]]:
    """Pair every input file with the file to write.

    Arguments
    ---------
    inputs : list of Path
        Files, and folders that are searched with all their sub-folders.
    output : str or None
        A file for one input file, else a folder, which is told by its being one, by
        a slash at its end or by a name without suffix. None: ``<name>_enhanced``
        beside the input.

    Returns
    -------
    list of (Path, Path)

    Raises
    ------
    PvsdError
        When nothing is found, or two inputs would be written to one file.

    Example
    -------
    >>> plan_outputs([Path("a/talk.wav")], None)[0][1].as_posix()
    'a/talk_enhanced.wav'
    >>> plan_outputs([Path("a/x.wav"), Path("y.wav")], "out")[1][1].as_posix()
    'out/y.wav'
    """
    folders = [path for path in inputs if path.is_dir()]
    if folders and output is None:
        raise PvsdError(f"{folders[0]} is a folder: name a folder to write to with -o.")
    target = None if output is None else Path(output)
    several = len(inputs) > 1 or bool(folders)
    into_folder = target is not None and (
        several
        or target.is_dir()
        or output.endswith(("/", os.sep))
        or not target.suffix
    )
    if into_folder and target.is_file():
        raise PvsdError(f"{target} is a file: for several inputs -o names a folder.")
    if several and target is not None and target.suffix.lower() in MEDIA_SUFFIXES:
        if not target.is_dir():
            raise PvsdError(
                f"{target} looks like one file: for several inputs -o names a folder."
            )
    jobs = []
    for path, relative in _found(inputs, target if into_folder else None):
        if into_folder:
            jobs.append((path, target / relative))
        elif target is not None:
            jobs.append((path, target))
        else:
            jobs.append((path, path.with_name(f"{path.stem}_enhanced{path.suffix}")))
    _refuse_collisions(jobs)
    return jobs


def _found(inputs: list[Path], target: Path | None) -> list[tuple[Path, Path]]:
    """Every input file once, and its name relative to what the user named."""
    found, seen = [], set()
    for named in inputs:
        if named.is_dir():
            paths = [(path, path.relative_to(named)) for path in _media(named, target)]
            if not paths:
                raise PvsdError(f"{named} holds no sound or video files.")
        else:
            paths = [(named, Path(named.name))]
        for path, relative in paths:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                found.append((path, relative))
    return found


def _media(folder: Path, target: Path | None) -> list[Path]:
    """Sound and video files of a folder, without hidden ones and earlier outputs."""
    own = target.resolve() if target is not None else None
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in MEDIA_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (
            own is None or own == folder.resolve() or own not in path.resolve().parents
        )
        and path.is_file()
    ]


def _refuse_collisions(jobs: list[tuple[Path, Path]]) -> None:
    inputs = {path.resolve(): path for path, _ in jobs}
    writers: dict[Path, Path] = {}
    for path, output in jobs:
        place = output.resolve()
        if place in inputs:
            raise PvsdError(
                f"{output} is an input: writing there would lose it, choose another -o."
            )
        if place in writers:
            raise PvsdError(
                f"{writers[place]} and {path} would both be written to {output}: "
                "enhance them into different folders."
            )
        writers[place] = path
