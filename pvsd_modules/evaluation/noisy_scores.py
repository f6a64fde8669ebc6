"""Scores of the noisy inputs of a list, computed once for all systems."""

import hashlib
import json
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.fingerprint import of_items
from pvsd_modules.evaluation.scoring import Settings
from pvsd_modules.evaluation.table import ScoreTable


class NoisyScores:
    """A table beside the scores of systems, ``noisy_scores_<list>.csv``.

    Its name tells the list and the measures, so that tables of several lists can lie
    in one folder.

    Arguments
    ---------
    folder : str or Path
        Where it lies.
    items : dict
        The list.
    settings : Settings
        Of a system; only what the noisy scores depend on counts.
    """

    def __init__(self, folder: str | Path, items: dict, settings: Settings):
        extras = [Path(path).name for path in (settings.dnsmos, settings.asr) if path]
        made_from = {
            "items": of_items(items),
            "measures": settings.all_measures,
            "extras": extras,
        }
        text = json.dumps(made_from)
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.columns = ["file", *settings.all_measures]
        path = Path(folder, f"noisy_scores_{mark}.csv")
        try:
            self.table = ScoreTable(path, made_from, self.columns)
        except PvsdError:  # one that is broken is not worth an error
            self.table = ScoreTable(path, made_from, self.columns, overwrite=True)

    def get(self, name: str) -> dict | None:
        """The scores of an item, None if they are not known."""
        return self.table.rows.get(name)

    def keep(self, row: dict) -> None:
        """Take the noisy scores of a row of a system."""
        keys = [key for key in self.columns if f"noisy_{key}" in row]
        if keys and row["file"] not in self.table.rows:
            scores = {key: row[f"noisy_{key}"] for key in keys}
            self.table.append({"file": row["file"], **scores})
