"""What scores depend on, so that a run goes on with the same and nothing else."""

import hashlib
import json
from pathlib import Path

from pvsd_modules.checkpoints.find import find_model
from pvsd_modules.evaluation.scoring import Settings
from pvsd_modules.evaluation.table import digest

PATHS = ("clean", "noise", "noisy", "enhanced")


def made_from(items: dict, settings: Settings) -> dict:
    """The model's files or the enhanced ones, the lips, the list and the measures.

    Arguments
    ---------
    items : dict
        Of a list or of folders.
    settings : Settings

    Returns
    -------
    dict
        Folders do not count in it: the data may have moved since.
    """
    made = {"system": _system(items, settings)}
    if settings.model is not None:
        made["lips"] = settings.lips
        made["engine"] = settings.engine
    made["items"] = of_items(items)
    made["measures"] = [*settings.all_measures]
    return made


def of_items(items: dict) -> str:
    """A digest of a list: its numbers, and its files by name and size."""
    listed = {
        name: {
            key: _file(value) if key in PATHS else value
            for key, value in item.items()
            if key not in ("enhanced", "failure")
        }
        for name, item in items.items()
    }
    return _digest(listed)


def _system(items: dict, settings: Settings) -> str | dict:
    if settings.model is None:
        files = {
            name: digest(item["enhanced"])
            for name, item in items.items()
            if "enhanced" in item
        }
        return {"enhanced files": _digest(files)}
    found = find_model(settings.model)
    if not isinstance(found, Path):
        return str(found)
    names = sorted([*found.glob("*.ckpt"), *found.glob("*.yaml")])
    return {path.name: digest(path) for path in names}


def _file(path: str) -> list:
    path = Path(path)
    return [path.name, path.stat().st_size if path.is_file() else None]


def _digest(content) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
