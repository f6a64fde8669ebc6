"""Several systems on one list: their scores side by side, and paired differences."""

import re
from dataclasses import replace
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.folders import add_enhanced
from pvsd_modules.evaluation.markdown import side_by_side
from pvsd_modules.evaluation.run import evaluate
from pvsd_modules.evaluation.scoring import Settings
from pvsd_modules.evaluation.statistics import compare
from pvsd_modules.evaluation.table import read_scores, save_json, save_text

KEYS = {"model", "lips", "engine", "enhanced"}


def evaluate_systems(
    items: dict,
    systems: dict[str, dict],
    common: Settings,
    output_folder: str | Path,
    faces: dict | None = None,
    workers: int = 1,
    overwrite: bool = False,
    cluster: str | None = None,
) -> dict:
    """Score systems on the same items, each of them as `evaluate` does.

    Arguments
    ---------
    items : dict
        Of a list or of folders.
    systems : dict
        By the name of the system, what differs: ``model``, ``lips`` and ``engine``, or
        ``enhanced``, a folder of another program's files.
    common : Settings
        Whatever is the same.
    output_folder : str or Path
        Takes ``<system>.csv``, .json and .md of each, and results.json and results.md
        with all of them.
    faces, workers, overwrite
        See `evaluate`.
    cluster : str or None
        Of the differences, see `pvsd_modules.evaluation.paired`.

    Returns
    -------
    dict
        ``systems``: summaries by name, ``comparisons``: by the name of each further
        system its paired differences to the first.

    Raises
    ------
    PvsdError
        If a system is not described as above, or what `evaluate` raises.
    """
    _check(systems)
    results_path = Path(output_folder, "results.json")
    if results_path.exists() and not overwrite:
        if '"systems"' not in results_path.read_text(
            encoding="utf-8", errors="replace"
        ):
            raise PvsdError(f"{results_path} is of another program: move it away.")
    summaries, tables = {}, {}
    for name, system in systems.items():
        print(f"{name}:")
        output = Path(output_folder, f"{file_name(name)}.csv")
        theirs, settings = items, replace(common, **_settings(system))
        if "enhanced" in system:
            theirs = add_enhanced(items, system["enhanced"])
        summaries[name] = evaluate(
            theirs, settings, output, faces, workers, overwrite=overwrite
        )
        tables[name] = read_scores(output)
    first, *others = systems
    comparisons = {
        name: compare(tables[first], tables[name], common.all_measures, cluster=cluster)
        for name in others
    }
    results = {"systems": summaries, "comparisons": comparisons}
    save_json(results_path, results)
    text = side_by_side(summaries, comparisons)
    save_text(Path(output_folder, "results.md"), text)
    return results


def file_name(name: str) -> str:
    """A system's name as that of a file.

    Example
    -------
    >>> file_name("audio only, 2")
    'audio_only_2'
    """
    return re.sub(r"\W+", "_", name).strip("_")


def _check(systems: dict[str, dict]) -> None:
    if not systems:
        raise PvsdError("systems: name at least one.")
    names = [file_name(name) for name in systems]
    if len(set(names)) < len(names) or "results" in names or "" in names:
        raise PvsdError(
            f"systems: {', '.join(systems)} need names that differ in their letters, "
            "other than results."
        )
    for name, system in systems.items():
        if not isinstance(system, dict) or set(system) - KEYS:
            raise PvsdError(f"systems: {name} takes {', '.join(sorted(KEYS))}.")
        if ("enhanced" in system) == ("model" in system):
            raise PvsdError(f"systems: {name} needs a model or an enhanced folder.")


def _settings(system: dict) -> dict:
    if "enhanced" in system:
        return {"model": None, "lips": None}
    chosen = {key: system[key] for key in ("lips", "engine") if key in system}
    return {"model": str(system["model"]), **chosen}
