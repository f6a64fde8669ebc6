"""Enhances files one after the other, or several at the same time."""

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from pathlib import Path

from pvsd_modules.commands.common import complain, load_model, say
from pvsd_modules.commands.finished import Finished, stamp
from pvsd_modules.commands.results import Result
from pvsd_modules.errors import PvsdError

Job = tuple[Path, Path]


def check(
    job: tuple[Path, Path], overwrite: bool, finished: Finished | None = None
) -> None:
    """Whatever can be known to fail fails before the work, and before torch loads."""
    from pvsd_modules.io.opening import check_input

    path, output = job
    check_input(path)
    if os.path.lexists(output) and not overwrite:
        if finished is None or finished.state(path, output) != "outdated":
            raise PvsdError(f"{output} exists: add --overwrite to replace it.")


def enhance_all(
    args: argparse.Namespace,
    jobs: list,
    finished: Finished | None,
    notes: dict,
    several: bool,
) -> Iterator[tuple[Result, tuple[Path, Path], list[int] | None]]:
    """Results of all jobs, each with its job and the stamp of its input."""
    reads = {job: stamp(job[0]) for job in jobs}
    total = len(jobs)
    ready = []
    for job in jobs:
        try:
            check(job, args.overwrite, finished)
            ready.append(job)
            if finished is not None:
                finished.begin(*job)
        except (PvsdError, OSError, ValueError) as error:
            if not several:
                raise
            complain(str(error))
            yield Result(*map(str, job), error=str(error)), job, None
    if not ready:
        return
    workers = min(args.jobs, len(ready))
    model = load_model("PseudoVisualEnhancement", args) if workers == 1 else None
    outcomes = (
        _in_turn(model, args, ready, several, total)
        if workers == 1
        else _in_parallel(args, ready, workers)
    )
    for number, (job, result) in enumerate(outcomes, start=total - len(ready) + 1):
        label = f"[{number}/{total}] " if several else ""
        if job[0] in notes and result.status == "enhanced":
            result.notes.insert(0, notes[job[0]])
        if result.status == "enhanced":
            say(
                f"{label}{job[0]} -> {job[1]} ({result.seconds:.2f} s of sound in "
                f"{result.took:.1f} s)"
            )
        elif not several:
            raise PvsdError(result.error)
        else:
            complain(result.error)
        for note in result.notes:
            complain(f"{job[0]}: {note}")
        yield result, job, reads[job]


def _in_turn(model, args, jobs: list, several: bool, total: int) -> Iterator[tuple]:
    for number, job in enumerate(jobs, start=total - len(jobs) + 1):
        label = f"[{number}/{total}] " if several else ""
        yield job, _one(model, *job, _file_options(args), label)


def _in_parallel(args, jobs: list, workers: int) -> Iterator[tuple]:
    """The same in several processes. One that crashes costs the file it had only."""
    from pvsd_modules.io.processes import worker_pool

    options = tuple(sorted(_model_options(args).items()))
    left = list(jobs)
    alone = False  # after a crash, to find out which file it was
    while left:
        broken = False
        with worker_pool(1 if alone else workers, partial(_prepare, options)) as pool:
            batch = left[:1] if alone else left
            futures = {
                pool.submit(_in_worker, options, *job, _file_options(args)): job
                for job in batch
            }
            try:
                for future in as_completed(futures):
                    job = futures[future]
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        broken = True
                        if not alone:
                            continue
                        reason = f"{job[0]} ended the process that enhanced it."
                        result = Result(*map(str, job), error=reason)
                    left.remove(job)
                    yield job, result
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
        alone = broken if not alone else True


def _model_options(args: argparse.Namespace) -> dict:
    names = ("model", "trust", "device", "precision", "threads")
    return {name: getattr(args, name) for name in names}


def _file_options(args: argparse.Namespace) -> dict:
    names = ("strength", "track", "lips", "overlay")
    return {name: getattr(args, name) for name in names}


@lru_cache(maxsize=1)
def _worker_model(options: tuple):
    return load_model("PseudoVisualEnhancement", argparse.Namespace(**dict(options)))


def _prepare(options: tuple) -> None:
    """In a worker: Ctrl-C is for the parent, which ends its workers by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _worker_model(options)


def _in_worker(options: tuple, path: Path, output: Path, how: dict) -> Result:
    return _one(_worker_model(options), path, output, how, None)


def _one(model, path: Path, output: Path, how: dict, label) -> Result:
    """Enhance one file; what is wrong with it is in the result."""
    result, begun = Result(str(path), str(output)), time.perf_counter()
    try:
        report = _with_progress(model, path, output, how, label)
        result.status, result.seconds = "enhanced", report.seconds
        result.notes = report.notes()
    except PvsdError as error:
        result.error = str(error)
    except (OSError, ValueError) as error:
        result.error = f"{path} cannot be enhanced: {error}"
    result.took = time.perf_counter() - begun
    return result


def _with_progress(model, path: Path, output: Path, how: dict, label):
    from tqdm import tqdm

    from pvsd_modules.inference.files import check_output
    from pvsd_modules.io.media import probe_audio

    check_output(path, output)
    info = probe_audio(path)
    with tqdm(
        total=round(info.duration, 2),
        desc=f"{label}{path.name}",
        unit="s",
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of sound "
        "[{elapsed}<{remaining}]",
        leave=False,
        disable=True if label is None else None,  # no bar where nobody looks at it
    ) as bar:
        return model.enhance_to_file(
            info,
            output,
            on_block=lambda block: bar.update(block.shape[1] / info.sample_rate),
            **how,
        )
