"""Decides which file is written for which input, before any work is done."""

import os
from collections.abc import Callable, Iterator
from glob import glob, has_magic
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES

Jobs = list[tuple[Path, Path]]
_LONGEST = 255  # bytes of a name, on all usual file systems


def _ignore(path: Path, reason: str) -> None:
    """What cannot be read is left out in silence: only for examples."""


def plan_outputs(
    inputs: list[Path],
    output: str | None,
    suffix: str = "",
    report: Callable[[Path, str], None] = _ignore,
) -> Jobs:
    """Pair every input file with the file to write.

    Arguments
    ---------
    inputs : list of Path
        Files, folders that are searched with all their sub-folders, and patterns such
        as ``*.wav`` that the shell has not expanded.
    output : str or None
        A file for one input file, else a folder: one that exists, a name with a slash
        at its end or without suffix. None: ``<name>_enhanced`` beside the input.
    suffix : str
        Of all outputs, such as ".flac"; "" for those of the inputs.
    report : callable
        Is given the path of and the reason for whatever cannot be enhanced: folders
        that cannot be read and names that are too long.

    Raises
    ------
    PvsdError
        When nothing is found, two inputs would be written to one file, or the only
        name is too long.

    Example
    -------
    >>> plan_outputs([Path("a/talk.wav")], None)[0][1].as_posix()
    'a/talk_enhanced.wav'
    >>> plan_outputs([Path("a/x.wav"), Path("y.wav")], "out", ".flac")[1][1].as_posix()
    'out/y.flac'
    """
    inputs = [path for named in inputs for path in _expanded(named)]
    folders = [path for path in inputs if os.path.isdir(path)]
    if folders and output is None:
        raise PvsdError(f"{folders[0]} is a folder: name a folder to write to with -o.")
    target = None if output is None else Path(output)
    several = len(inputs) > 1 or bool(folders)
    into_folder = target is not None and (
        several
        or os.path.isdir(target)
        or str(output).endswith(("/", os.sep))
        or not target.suffix
    )
    if target is not None and into_folder and os.path.isfile(target):
        raise PvsdError(f"{target} is a file: for several inputs -o names a folder.")
    if several and target is not None and target.suffix.lower() in MEDIA_SUFFIXES:
        if not os.path.isdir(target):
            raise PvsdError(
                f"{target} looks like one file: for several inputs -o names a folder."
            )
    if suffix and target is not None and not into_folder and target.suffix != suffix:
        raise PvsdError(f"{target} does not end in {suffix}: leave --format out.")
    jobs = []
    for path, relative in _found(inputs, target if into_folder else None, report):
        if target is None:
            name = f"{path.stem}_enhanced{suffix or path.suffix}"
            made = path.with_name(name)
        elif into_folder:
            made = target / (relative.with_suffix(suffix) if suffix else relative)
        else:
            made = target
        length, longest = max((len(os.fsencode(x.name)), x) for x in (path, made))
        if length > _LONGEST:
            reason = f"a name of {length} bytes is longer than {_LONGEST} bytes."
            if not several:
                raise PvsdError(f"{longest}: {reason}")
            report(path, reason)
        else:
            jobs.append((path, made))
    _refuse_collisions(jobs)
    return jobs


def _expanded(named: Path) -> list[Path]:
    """What a pattern stands for, sorted; anything else as it is."""
    if not has_magic(str(named)) or os.path.lexists(named):
        return [named]
    found = [Path(path) for path in sorted(glob(str(named), recursive=True))]
    if not found:
        raise PvsdError(f"{named} matches no file: check the pattern.")
    return found


def _found(
    inputs: list[Path], target: Path | None, report: Callable[[Path, str], None]
) -> Jobs:
    """Every input file once, and its name relative to what the user named."""
    found, seen = [], set()
    for named in inputs:
        paths = [(named, Path(named.name))]
        if os.path.isdir(named):
            problems: list[Path] = []

            def noted(path: Path, reason: str, problems: list = problems) -> None:
                problems.append(path)
                report(path, reason)

            media = _media(named, target, noted)
            paths = [(path, path.relative_to(named)) for path in media]
            if not paths and not problems:
                raise PvsdError(f"{named} holds no sound or video files.")
        for path, relative in paths:
            place = os.path.realpath(path)
            if place not in seen:
                seen.add(place)
                found.append((path, relative))
    return found


def _media(
    folder: Path, target: Path | None, report: Callable[[Path, str], None]
) -> Iterator[Path]:
    """Sound and video files of a folder, without hidden ones and earlier outputs."""
    own = os.path.realpath(target) if target is not None else None
    top, seen = os.path.realpath(folder), set()

    def unreadable(error: OSError) -> None:
        report(Path(error.filename), f"the folder cannot be read: {error.strerror}.")

    for place, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(place)
        if real in seen or (real == own and real != top):
            folders.clear()  # a link that leads back up, or the outputs
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name[0] != "." and Path(name).suffix.lower() in MEDIA_SUFFIXES:
                yield Path(place, name)


def _refuse_collisions(jobs: Jobs) -> None:
    inputs = {os.path.realpath(path) for path, _ in jobs}
    writers: dict[str, Path] = {}
    for path, output in jobs:
        place = os.path.realpath(output)
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
