"""Preprocesses many videos over processes, and reports on each."""

import json
import os
import zlib
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import limit_threads
from pvsd_modules.faces.preprocess_clip import InvalidClip, Settings, preprocess_clip
from pvsd_modules.io.atomic import remove_leftovers
from pvsd_modules.io.locking import locked
from pvsd_modules.io.processes import worker_pool

LOCKS = ".locks"


@dataclass
class Outcome:
    """What became of one clip.

    Arguments
    ---------
    clip : str
        "folder/clip".
    status : str
        "done", "skipped" (done before), "failed", or "busy" while another run makes
        a clip of the same lock.
    reason : str
        Why it failed.
    fault : bool
        Whether it failed for another reason than that it is of no use.
    notes : list of str
        What one may want to know of a clip that was done.
    """

    clip: str
    status: str
    reason: str = ""
    fault: bool = False
    notes: list[str] = field(default_factory=list)


def _is_done(folder: Path, settings: Settings) -> bool:
    """Whether a clip was made with these settings, and all its frames are there."""
    try:
        record = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        frames = sum(name.endswith(".jpg") for name in os.listdir(folder))
    except (OSError, ValueError):
        return False
    complete = frames == record.get("frame_count") and (folder / "audio.wav").is_file()
    return complete and record.get("settings") == settings.stored()


def try_clip(
    clip: str, path: Path, out: Path, settings: Settings, wait: bool = True
) -> Outcome:
    """Preprocess one clip, "folder/clip" below ``out``, unless it is done; whatever
    goes wrong is reported. With ``wait`` it waits for another run that makes a clip of
    the same lock."""
    folder = out / clip
    if _is_done(folder, settings):
        return Outcome(clip, "skipped")
    lock = out / LOCKS / f"{zlib.crc32(clip.encode()) % 256:02x}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock, wait) as mine:
            if not mine:
                return Outcome(clip, "busy")
            if _is_done(folder, settings):
                return Outcome(clip, "skipped")
            record = preprocess_clip(path, folder, settings)
    except InvalidClip as error:
        return Outcome(clip, "failed", str(error))
    except PvsdError as error:
        return Outcome(clip, "failed", str(error), fault=True)
    except Exception as error:  # of OpenCV, torch, the disk: one clip, not the run
        reason = f"{type(error).__name__}: {error}"
        return Outcome(clip, "failed", reason, fault=True)
    notes = []
    if record["variable_rate"]:
        notes.append("variable frame rate, resampled by time stamps")
    if record["missing"]:
        notes.append(f"face interpolated in {len(record['missing'])} frames looked at")
    return Outcome(clip, "done", notes=notes)


def preprocess_clips(
    clips: dict[str, Path],
    out: str | Path,
    settings: Settings | None = None,
    workers: int = 1,
) -> list[Outcome]:
    """Preprocess the clips of `find_clips`, with a progress bar, over processes.

    Outcomes are in the order of ``clips``. Several runs may work on one output folder
    at once: no clip is made twice. One worker is this process, where any callable can
    be the detector.
    """
    settings = settings or Settings()
    out = Path(out)
    outcomes, failed, busy = {}, 0, {}
    with tqdm(total=len(clips), unit="clip", desc="preprocess", disable=None) as bar:

        def note(outcome):
            """Keeps an outcome and moves the progress bar."""
            nonlocal failed
            if outcome.status == "busy":
                busy[outcome.clip] = clips[outcome.clip]
                return
            outcomes[outcome.clip] = outcome
            failed += outcome.status == "failed"
            bar.set_postfix(failed=failed, refresh=False)
            bar.update()

        _run(clips, out, settings, False, workers, note)
        # What another run was at work on: it is done by now, or that run was killed.
        while busy:
            again = dict(busy)
            busy.clear()
            _run(again, out, settings, True, workers, note)
    for folder in {(out / clip).parent for clip in clips}:
        remove_leftovers(folder)  # of runs that were killed
    return [outcomes[clip] for clip in clips]


def _run(clips, out, settings, wait, workers, note) -> None:
    jobs = [(clip, path, out, settings, wait) for clip, path in clips.items()]
    if workers <= 1:
        for job in jobs:
            note(try_clip(*job))
        return
    todo = []
    for job in jobs:  # asking a worker would take six times as long
        if _is_done(out / job[0], settings):
            note(Outcome(job[0], "skipped"))
        else:
            todo.append(job)
    left = _in_processes(todo, workers, note)
    for job in left:  # one of them took its worker down: each gets its own
        for lost in _in_processes([job], 1, note):
            note(Outcome(lost[0], "failed", "its worker process died", fault=True))


def _in_processes(jobs: list, workers: int, note) -> list:
    """Run jobs, return those that a dying worker process left undone."""
    left = {job[0]: job for job in jobs}
    waiting, running = iter(jobs), set()
    with worker_pool(workers, limit_threads) as pool:
        try:
            while True:
                # A few at a time: 150,000 of them would take 400 MB.
                for job in islice(waiting, 8 * workers - len(running)):
                    running.add(pool.submit(try_clip, *job))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
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

    Returns
    -------
    summary : dict
        Keys done, skipped, failed (counts), failures, notes (by clip).
    """
    counts = {word: _count(outcomes, word) for word in ("done", "skipped", "failed")}
    failures = {o.clip: o.reason for o in outcomes if o.status == "failed"}
    notes = {o.clip: o.notes for o in outcomes if o.notes}
    return counts | {"failures": failures, "notes": notes}
