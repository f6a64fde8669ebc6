"""Scores a list, several recordings at a time, and goes on where it stopped."""

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch
from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.scoring import Scorer, Settings
from pvsd_modules.evaluation.summary import markdown, summarise
from pvsd_modules.evaluation.table import ScoreTable, digest
from pvsd_modules.outputs import written_whole
from pvsd_modules.shipped import find_model


def evaluate(
    items: dict,
    settings: Settings,
    output_folder: str | Path,
    faces: dict | None = None,
    workers: int = 1,
    progress: bool = True,
) -> dict:
    """Score a system on a list of mixtures or pairs.

    Arguments
    ---------
    items : dict
        Manifest, its roots filled in; its audio is in the settings' store.
    settings : Settings
        The system.
    output_folder : str or Path
        Takes scores.csv (a row a recording), summary.json and summary.md.
    faces : dict or None
        Manifest of talking faces, for ``lips: real``.
    workers : int
        Processes, of one thread each; 1 for none beside this one.
    progress : bool
        Whether to show a bar.

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
    by_wav = _faces_of(items, faces, settings.lips)
    table = ScoreTable(output_folder, _made_from(items, settings))
    tasks = [
        (name, item, by_wav.get(item["clean"]))
        for name, item in items.items()
        if name not in table.rows
    ]
    rows = _here(settings, tasks) if workers == 1 else _pool(settings, tasks, workers)
    bar = tqdm(rows, "Scoring", len(tasks), disable=not progress)
    for row in bar:
        table.append(row)
    summary = summarise(table.finish(list(items)))
    summary["system"] = asdict(settings)
    _write(Path(output_folder, "summary.json"), json.dumps(summary, indent=1) + "\n")
    _write(Path(output_folder, "summary.md"), markdown(summary))
    return summary


def _faces_of(items: dict, faces: dict | None, lips: str) -> dict:
    if lips != "real":
        return {}
    by_wav = {face["wav"]: face for face in (faces or {}).values()}
    for name, item in items.items():
        if item["clean"] not in by_wav:
            raise PvsdError(
                f"lips: real needs the frames of {item['clean']} ({name}), which no "
                "talking face of the manifest has: preprocess its video, and prepare "
                "the mixtures of the preprocessed folder."
            )
    return by_wav


def _made_from(items: dict, settings: Settings) -> dict:
    """What the scores depend on: the model's files, the lips and the list."""
    found = find_model(settings.model)
    files = {}
    if isinstance(found, Path):
        names = sorted([*found.glob("*.ckpt"), *found.glob("*.yaml")])
        files = {path.name: digest(path) for path in names}
    listed = {
        name: {key: _without_root(key, value) for key, value in item.items()}
        for name, item in items.items()
    }
    text = json.dumps(listed, sort_keys=True)
    return {
        "model": files or str(found),
        "lips": settings.lips,
        "engine": settings.engine,
        "items": hashlib.sha256(text.encode()).hexdigest(),
    }


def _without_root(key: str, value):
    """A path's name only: the folders of the data may have moved since."""
    return Path(value).name if key in ("clean", "noise", "noisy") else value


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


def _write(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
