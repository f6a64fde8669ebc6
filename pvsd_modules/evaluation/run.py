"""Scores a list, several recordings at a time, and goes on where it stopped."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path

import torch
from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.fingerprint import made_from
from pvsd_modules.evaluation.markdown import markdown
from pvsd_modules.evaluation.noisy_scores import NoisyScores
from pvsd_modules.evaluation.scoring import Scorer, Settings
from pvsd_modules.evaluation.summary import summarise
from pvsd_modules.evaluation.systems import check_choices
from pvsd_modules.evaluation.table import ScoreTable, columns_of, save_json, save_text


def evaluate(
    items: dict,
    settings: Settings,
    output: str | Path,
    faces: dict | None = None,
    workers: int = 1,
    progress: bool = True,
    overwrite: bool = False,
) -> dict:
    """Score a system on a list of mixtures or pairs.

    Arguments
    ---------
    items : dict
        Manifest, its roots filled in, or of `pvsd_modules.evaluation.match_folders`.
    settings : Settings
        The system.
    output : str or Path
        The table of scores, a CSV file with a row a recording. Beside it a summary is
        written, with the same name and .json and .md for .csv, and the scores of the
        noisy inputs, which other systems' runs into the same folder take over.
    faces : dict or None
        Manifest of talking faces, for ``lips: real``.
    workers : int
        Processes, of one thread each; 1 for none beside this one.
    progress : bool
        Whether to show a bar.
    overwrite : bool
        Whether to start anew where there are scores already.

    Returns
    -------
    dict
        See `pvsd_modules.evaluation.summary.summarise`.

    Raises
    ------
    PvsdError
        If something is missing; rows that are written stay and are not made again.
    """
    if workers < 1:
        raise PvsdError(f"workers: {workers} must be 1 or more.")
    if not items:
        raise PvsdError("The list holds no item that was asked for: see --snrs.")
    check_choices(settings.lips, settings.engine)
    by_wav = _faces_of(items, faces, settings.lips)
    made = made_from(items, settings)
    if settings.lips == "shuffled":
        items = with_others(items)
    columns = columns_of(settings.all_measures, settings.noisy)
    table = ScoreTable(output, made, columns, overwrite)
    noisy = None
    if settings.noisy:
        noisy = NoisyScores(table.path.parent, items, settings)
    tasks = [
        (name, item, by_wav.get(item.get("clean")), noisy and noisy.get(name))
        for name, item in items.items()
        if name not in table.rows
    ]
    rows = _here(settings, tasks) if workers == 1 else _pool(settings, tasks, workers)
    for row in tqdm(rows, "Scoring", len(tasks), disable=None if progress else True):
        if noisy is not None:
            noisy.keep(row)
        table.append(row)
    summary = {"system": settings.describe(), "made_from": made}
    summary |= summarise(table.finish(items))
    save_json(table.mark, summary)
    save_text(table.path.with_suffix(".md"), markdown(summary))
    return summary


def with_others(items: dict) -> dict:
    """Items that each name an ``other``, the next of another clean recording.

    It is the one whose lips are shown where lips are shuffled.

    Raises
    ------
    PvsdError
        If all items are of one recording.
    """
    usable = [item for item in items.values() if "failure" not in item]
    if len({item["clean"] for item in usable}) < 2:
        raise PvsdError("lips: shuffled needs a list of two recordings or more.")
    found = {}
    for place, item in enumerate(usable):
        others = (usable[(place + step) % len(usable)] for step in range(len(usable)))
        other = next(x for x in others if x["clean"] != item["clean"])
        found[id(item)] = {**item, "other": other}
    return {name: found.get(id(item), item) for name, item in items.items()}


def _faces_of(items: dict, faces: dict | None, lips: str | None) -> dict:
    if lips != "real":
        return {}
    by_wav = {face["wav"]: face for face in (faces or {}).values()}
    for name, item in items.items():
        if "failure" not in item and item["clean"] not in by_wav:
            raise PvsdError(
                f"lips: real needs the frames of {item['clean']} ({name}), which no "
                "talking face of the manifest has: preprocess its video, and prepare "
                "the mixtures of the preprocessed folder."
            )
    return by_wav


def _here(settings: Settings, tasks: list) -> Iterator[dict]:
    scorer = Scorer(settings) if tasks else None
    for task in tasks:
        yield scorer(*task)


def _pool(settings: Settings, tasks: list, workers: int) -> Iterator[dict]:
    if not tasks:
        return
    Scorer(settings)  # tells of a bad model once, and before the processes start
    # Spawned, because a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), context, _one_thread)
    try:
        futures = [pool.submit(_score, settings, *task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise PvsdError(
            "A process that scored was ended from outside, perhaps for want of memory: "
            "run the same command again with fewer --workers, it goes on."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    torch.set_num_threads(1)


@lru_cache(1)
def _scorer(settings: Settings) -> Scorer:
    """The scorer of a process of the pool, which is loaded once."""
    return Scorer(settings)


def _score(settings: Settings, *task) -> dict:
    return _scorer(settings)(*task)
