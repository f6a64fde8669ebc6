"""Preprocesses many videos over processes, and tells what became of each."""

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import limit_threads
from pvsd_modules.faces.preprocess_clip import Settings, preprocess_clip


@dataclass
class Outcome:
    """What became of one clip: ``status`` is done, skipped or failed."""

    clip: str
    status: str
    reason: str = ""
    notes: list[str] = field(default_factory=list)


def _is_done(folder: Path, settings: Settings) -> bool:
    try:
        record = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return record.get("settings") == settings.stored()


def try_clip(clip: str, path: Path, out: Path, settings: Settings) -> Outcome:
    """Preprocess one clip unless it is done; whatever goes wrong is reported.

    Arguments
    ---------
    clip : str
        "folder/clip", below ``out``.
    path : Path
        Video file.
    out : Path
        Root of the preprocessed tree.
    settings : Settings

    Returns
    -------
    outcome : Outcome
    """
    folder = out / clip
    if _is_done(folder, settings):
        return Outcome(clip, "skipped")
    try:
        record = preprocess_clip(path, folder, settings)
    except PvsdError as error:
        return Outcome(clip, "failed", str(error))
    except Exception as error:  # of OpenCV, torch, the disk: one clip, not the run
        return Outcome(clip, "failed", f"{type(error).__name__}: {error}")
    notes = []
    if record["variable_rate"]:
        notes.append("variable frame rate, resampled by time stamps")
    if record["missing"]:
        notes.append(f"face interpolated in {len(record['missing'])} frames looked at")
    return Outcome(clip, "done", notes=notes)


def _one_thread_each() -> None:
    """Processes share the cores already; OpenCV's own threads would only fight."""
    torch.set_num_threads(1)
    limit_threads()


def preprocess_clips(
    clips: dict[str, Path],
    out: str | Path,
    settings: Settings | None = None,
    workers: int = 1,
) -> list[Outcome]:
    """Preprocess many clips, with a progress bar, over processes.

    Arguments
    ---------
    clips : dict of str to Path
        As `find_clips` gives.
    out : str or Path
        Root of the preprocessed tree.
    settings : Settings
    workers : int
        Processes; 1 works in this one (where any callable can be the detector).

    Returns
    -------
    outcomes : list of Outcome
        In the order of ``clips``.
    """
    settings = settings or Settings()
    out = Path(out)
    jobs = [(clip, path, out, settings) for clip, path in clips.items()]
    outcomes = {}
    with tqdm(total=len(jobs), unit="clip", desc="preprocess", disable=None) as bar:

        def note(outcome):
            outcomes[outcome.clip] = outcome
            bar.update()
            bar.set_postfix(failed=_count(outcomes.values(), "failed"))

        if workers <= 1:
            for job in jobs:
                note(try_clip(*job))
            return list(outcomes.values())
        left = _in_processes(jobs, workers, note)
        for job in left:  # one of them took its worker down: each gets its own
            for lost in _in_processes([job], 1, note):
                note(Outcome(lost[0], "failed", "its worker process died"))
    return [outcomes[clip] for clip in clips]


def _in_processes(jobs: list, workers: int, note) -> list:
    """Run jobs, return those that a dying worker process left undone."""
    left = {job[0]: job for job in jobs}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _one_thread_each) as pool:
        futures = [pool.submit(try_clip, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                del left[outcome.clip]
                note(outcome)
        except BrokenProcessPool:
            pass
        finally:
            pool.shutdown(cancel_futures=True)
    return list(left.values())


def _count(outcomes, status: str) -> int:
    return sum(outcome.status == status for outcome in outcomes)


def summarise(outcomes: list[Outcome]) -> dict:
    """Count what became of the clips and list failures and notes by clip.

    Arguments
    ---------
    outcomes : list of Outcome

    Returns
    -------
    summary : dict
        Keys done, skipped, failed (counts), failures, notes (by clip).
    """
    counts = {word: _count(outcomes, word) for word in ("done", "skipped", "failed")}
    failures = {o.clip: o.reason for o in outcomes if o.status == "failed"}
    notes = {o.clip: o.notes for o in outcomes if o.notes}
    return counts | {"failures": failures, "notes": notes}
