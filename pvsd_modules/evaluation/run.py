"""Scores a list, several recordings at a time, and goes on where it stopped."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.checkpoints.find import find_model
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.markdown import markdown
from pvsd_modules.evaluation.scoring import Scorer, Settings, wav_path
from pvsd_modules.evaluation.statistics import summarise
from pvsd_modules.evaluation.systems import check_choices
from pvsd_modules.evaluation.table import (
    ScoreTable,
    columns_of,
    read_scores,
    save_json,
    save_text,
)
from pvsd_modules.io.processes import worker_pool

SIGNALS = ("clean", "noise", "noisy", "enhanced")


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
        written, with the same name and .json and .md for .csv. Scores of the noisy
        inputs are taken over from other tables of the same list in the same folder.
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
        See `pvsd_modules.evaluation.summarise`.

    Raises
    ------
    PvsdError
        If something is missing, or another run writes this table; rows that are
        written stay and are not made again.
    """
    if workers < 1:
        raise PvsdError(f"workers: {workers} must be 1 or more.")
    if not items:
        raise PvsdError("The list holds no item that was asked for: see --snrs.")
    check_choices(settings.lips, settings.engine)
    by_wav = _faces_of(items, faces, settings.lips)
    made = made_from(items, settings)
    table = ScoreTable(output, made, overwrite)
    _check_outputs(items, settings, table, overwrite)
    noisy = _noisy_scores(table.path.parent, made) if settings.noisy else {}
    if settings.lips == "shuffled":
        items = with_others(items)
    tasks = [
        (name, item, by_wav.get(item.get("clean")), noisy.get(name))
        for name, item in items.items()
        if name not in table.rows
    ]
    with table.locked():
        rows = (
            _here(settings, tasks) if workers == 1 else _pool(settings, tasks, workers)
        )
        for row in tqdm(
            rows, "Scoring", len(tasks), disable=None if progress else True
        ):
            table.append(row)
        rows = table.finish(items, columns_of(settings.all_measures, settings.noisy))
        summary = {"system": settings.describe(), "made_from": made, **summarise(rows)}
        save_json(table.mark, summary)
        save_text(table.text, markdown(summary))
        table.part.unlink(missing_ok=True)
    return summary


def made_from(items: dict, settings: Settings) -> dict:
    """What scores depend on: a run goes on with the same and nothing else.

    Digests of the model's files or of the enhanced ones, and of the list, where folders
    do not count: the data may have moved since; lips, engine, measures.
    """
    if settings.model is None:
        files = [item["enhanced"] for item in items.values() if "enhanced" in item]
    else:
        found = find_model(settings.model)
        names = ("*.ckpt", "*.yaml") if isinstance(found, Path) else ()
        files = [path for name in names for path in found.glob(name)]
    listed = {
        name: {
            key: _name_and_size(value) if key in SIGNALS else value
            for key, value in item.items()
            if key not in ("enhanced", "failure")
        }
        for name, item in items.items()
    }
    text = json.dumps(listed, sort_keys=True)
    return {
        "system": _digest(files) if files else str(settings.model),
        "lips": settings.lips,
        "engine": settings.engine,
        "items": hashlib.sha256(text.encode()).hexdigest(),
        "measures": settings.all_measures,
    }


def _name_and_size(path: str) -> list:
    return [Path(path).name, os.stat(path).st_size if os.path.isfile(path) else None]


def _digest(paths: Iterable[str | Path]) -> str:
    whole = hashlib.sha256()
    for path in sorted(map(Path, paths)):
        if path.is_file():  # to open a pipe would wait for ever
            with suppress(OSError), path.open("rb") as file:  # scoring names it
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _noisy_scores(folder: Path, made: dict) -> dict[str, dict]:
    """The scores of the noisy inputs that another table of the folder holds."""
    for mark in sorted(filter(Path.is_file, folder.glob("*.json"))):
        try:
            other = json.loads(mark.read_text(encoding="utf-8"))["made_from"]
            if any(other[key] != made[key] for key in ("items", "measures")):
                continue
            return {
                row["file"]: {name: row[f"noisy_{name}"] for name in made["measures"]}
                for row in read_scores(mark.with_suffix(".csv"))
                if not row["failure"]
            }
        except (OSError, ValueError, KeyError, TypeError, PvsdError):
            continue  # another file of the user's
    return {}


def _check_outputs(items, settings: Settings, table: ScoreTable, overwrite: bool):
    """Refuses to write over what is read, or over files of somebody else."""
    read = {
        os.path.realpath(item[k])
        for item in items.values()
        for k in SIGNALS
        if k in item
    }
    kept = []
    if settings.save_folder:
        kept = [wav_path(settings.save_folder, name) for name in items]
    for path in [*table.outputs, *kept]:
        if os.path.realpath(path) in read:
            raise PvsdError(f"{path} is one of the files that are read: name another.")
    is_new = not table.rows and not overwrite
    found = next((path for path in kept if is_new and path.exists()), None)
    if found is not None:
        raise PvsdError(
            f"{found} exists: keep the enhanced files in another folder, or add "
            "--overwrite to replace them."
        )


def with_others(items: dict) -> dict:
    """Items that each name an ``other``, the next of another clean recording.

    It is the one whose lips are used where lips are shuffled.

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
    Scorer(settings)  # raises for a bad model once, before the processes start
    pool = worker_pool(min(workers, len(tasks)))
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


@lru_cache(1)
def _scorer(settings: Settings) -> Scorer:
    """The scorer of a process of the pool, which is loaded once."""
    return Scorer(settings)


def _score(settings: Settings, *task) -> dict:
    return _scorer(settings)(*task)
