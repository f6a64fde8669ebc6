"""A table of scores, with the statistics that are asked of it."""

from functools import cached_property, lru_cache
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import paired, read_scores
from pvsd_modules.evaluation.measures import TITLES, title
from pvsd_modules.evaluation.same_recordings import other_recordings
from pvsd_modules.evaluation.statistics import levels_of, statistics_of, undefined_of


class Table:
    """The scores of one system.

    Arguments
    ---------
    rows : list of dict
        Of `pvsd_modules.evaluation.read_scores`.
    """

    def __init__(self, rows: list[dict]):
        self.rows = rows
        self.scored = [row for row in rows if not row.get("failure")]
        #: Measures of which there is a score, and the SNRs in ascending order.
        self.names = [n for n in TITLES if any(row.get(n) is not None for row in rows)]
        self.levels = levels_of(rows)
        self.failures = {r["file"]: r["failure"] for r in rows if r.get("failure")}
        # Intervals take long: each is computed once, and only where it is shown.
        self.at = lru_cache(None)(self._at)

    @classmethod
    def read(cls, path: str | Path) -> "Table":
        """Read a table from a file."""
        return cls(read_scores(path))

    def files(self, snr: float | str) -> list[dict]:
        """The rows of an SNR or of "all", without those that failed."""
        return [r for r in self.scored if snr == "all" or r.get("snr") == snr]

    def _at(self, snr: float | str, name: str) -> dict | None:
        """The statistics of a measure at an SNR or of "all"; None without a score."""
        return statistics_of(self.files(snr), name)

    @cached_property
    def names_of_files(self) -> set[str]:
        """Of all recordings, those that failed too."""
        return {row["file"] for row in self.rows}

    def has_same_list(self, other: "Table") -> bool:
        """Whether another table scores the same mixtures.

        Another recording of the same name, say at another SNR, would say nothing about
        the systems. See `pvsd_modules.evaluation.same_recordings`.
        """
        shared = self.names_of_files & other.names_of_files
        return bool(shared) and not other_recordings(self.rows, other.rows)

    def minus(self, other: "Table", name: str, highest: float | None = None):
        """`paired` difference to another table up to an SNR; None without a score."""
        rows = self.rows
        if highest is not None:
            rows = [r for r in rows if r.get("snr") is not None and r["snr"] <= highest]
        try:
            return paired(other.rows, rows, name)
        except PvsdError:
            return None

    def lost(self, names: list[str] | None = None) -> list[tuple[list[str], list[str]]]:
        """Recordings without a score: ``(measures, files)``, equal files together."""
        by_files: dict[tuple, list[str]] = {}
        for name in self.names if names is None else names:
            files = tuple(undefined_of(self.scored, name)) if name in self.names else ()
            if files:
                by_files.setdefault(files, []).append(title(name))
        return [(titles, list(files)) for files, titles in by_files.items()]
