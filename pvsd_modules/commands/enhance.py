"""enhance speech in audio and video files

Without -o the result of talk.mp4 is talk_enhanced.mp4 beside it. A video keeps its
picture unchanged. Existing files are kept unless --overwrite is given.
"""

import argparse
import os
import time
from pathlib import Path

from pvsd_modules.commands.batch import check, enhance_all
from pvsd_modules.commands.common import (
    add_model_arguments,
    add_raw_arguments,
    complain,
    few,
    positive,
    strength,
)
from pvsd_modules.commands.finished import Finished
from pvsd_modules.commands.naming import plan_outputs
from pvsd_modules.commands.piped import enhance_pipe
from pvsd_modules.commands.results import (
    Result,
    check_report,
    summarise,
    write_report,
)

EPILOG = (
    "Without -o, talk.mp4 is written to talk_enhanced.mp4 beside it. The tree of a "
    "folder is kept; files that an earlier run has finished are skipped. Exit code: 0 "
    "success, 1 some of several files failed, 2 usage error or unreadable file, 130 "
    "interrupted."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd enhance``."""
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="INPUT",
        help="file, folder of files, pattern such as '*.wav', or - for standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="output file (one input), folder for files of the same names, or -",
    )
    parser.add_argument(
        "--strength",
        type=strength,
        default=1.0,
        metavar="0..1",
        help="1: full enhancement (default); below, the input is mixed back in",
    )
    parser.add_argument(
        "--format",
        type=_suffix,
        metavar="SUFFIX",
        help="format of all outputs, such as flac (default: that of the input)",
    )
    parser.add_argument(
        "--track",
        type=positive,
        metavar="N",
        help="enhance only audio track N and copy the others (default: all)",
    )
    parser.add_argument(
        "--jobs",
        type=few,
        default=1,
        metavar="N",
        help="number of files to enhance at the same time (default: 1)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.json",
        help="write what happened to each file as JSON",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing outputs"
    )
    add_raw_arguments(parser)
    add_model_arguments(parser)


def _suffix(text: str) -> str:
    from pvsd_modules.io.containers import CONTAINERS

    suffix = f".{text.lower().lstrip('.')}"
    if suffix not in CONTAINERS:
        known = " ".join(name[1:] for name in CONTAINERS)
        raise argparse.ArgumentTypeError(f"{text} cannot be written: use {known}")
    return suffix


def run(args: argparse.Namespace) -> int:
    """Enhance every input; a failing one of several does not stop the others."""
    from pvsd_modules.io.atomic import remove_leftovers
    from pvsd_modules.io.pipes import is_pipe

    piped = [path for path in args.inputs if is_pipe(path)]
    if piped or args.raw or (args.output is not None and is_pipe(args.output)):
        return enhance_pipe(args)
    results: list[Result] = []

    def unusable(path: Path, reason: str) -> None:
        complain(f"{path}: {reason}")
        results.append(Result(str(path), "", error=reason))

    jobs = plan_outputs(args.inputs, args.output, args.format or "", unusable)
    jobs, notes = _writable(jobs)
    several = len(jobs) + len(results) > 1 or os.path.isdir(args.inputs[0])
    if not several:
        check(jobs[0], args.overwrite)
    if args.report is not None:
        check_report(args.report, jobs, args.overwrite)
    for folder in {output.parent for _, output in jobs}:
        remove_leftovers(folder)
    settings = {"model": args.model, "strength": args.strength, "track": args.track}
    root = Path(args.output) if args.output is not None else Path()
    finished = Finished(root, settings) if several and args.output else None
    to_do = []
    for path, output in jobs:
        skipped = _is_done(path, output, finished, args.overwrite)
        if skipped:
            results.append(Result(str(path), str(output), "skipped"))
        else:
            to_do.append((path, output))
    begun = time.perf_counter()
    try:
        for result, job, read in enhance_all(args, to_do, finished, notes, several):
            results.append(result)
            if result.status == "enhanced" and finished is not None:
                finished.add(*job, read)
    finally:
        if args.report is not None:
            write_report(args.report, settings, results)
    return summarise(results, time.perf_counter() - begun) if several else 0


def _writable(jobs: list) -> tuple[list, dict]:
    """Jobs whose formats can be written, the nearest where not, and notes about it."""
    from pvsd_modules.io.containers import nearest_output
    from pvsd_modules.io.suffixes import VIDEO_SUFFIXES

    named, notes = [], {}
    taken = {output for _, output in jobs}
    for path, output in jobs:
        # What a user names is written as it is named, or is an error.
        if output.suffix == path.suffix:
            has_video = output.suffix.lower() in VIDEO_SUFFIXES
            nearest, note = nearest_output(output, has_video)
            if note:
                if nearest in taken:  # talk.gsm beside talk.m4a: talk.gsm.m4a
                    whole = output.name + nearest.suffix
                    note = note.replace(nearest.name, whole)
                    nearest = nearest.with_name(whole)
                taken.add(nearest)
                notes[path] = note
            output = nearest
        named.append((path, output))
    return named, notes


def _is_done(path: Path, output: Path, finished: Finished | None, overwrite: bool):
    if finished is None or overwrite or not os.path.lexists(output):
        return False
    return finished.state(path, output) == "done"
