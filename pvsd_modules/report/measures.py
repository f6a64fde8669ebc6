"""A table of scores with its means, and how measures are written."""

from dataclasses import dataclass
from pathlib import Path

from pvsd_modules.evaluation import read_scores, summarise
from pvsd_modules.evaluation.measures import DECIMALS, TITLES
from pvsd_modules.evaluation.summary import bootstrap_interval

#: What every table of this project shows.
MAIN = ("pesq_wb", "stoi", "estoi", "si_sdr")
_SCALES = {"pesq_wb": "MOS-LQO", "pesq_nb": "MOS-LQO", "pesq_nb_raw": "MOS"}


def title(name: str) -> str:
    """What a measure is called."""
    return TITLES.get(name, name).split(",")[0]


def unit(name: str) -> str:
    """Its unit or scale, "" where it has none."""
    _, _, written = TITLES.get(name, name).partition(", ")
    return written or _SCALES.get(name, "")


def label(name: str) -> str:
    """Title and unit, for an axis or the head of a column."""
    return f"{title(name)}, {unit(name)}" if unit(name) else title(name)


def decimals(name: str) -> int:
    """How many decimals of a mean are written."""
    return DECIMALS.get(name, 2)


@dataclass(frozen=True)
class Table:
    """The scores of one system.

    Arguments
    ---------
    rows : list of dict
        Of `pvsd_modules.evaluation.read_scores`.
    summary : dict
        Of `pvsd_modules.evaluation.summarise`, without the classes of noise.
    """

    rows: list[dict]
    summary: dict

    @classmethod
    def of(cls, rows: list[dict]) -> "Table":
        """Make the means of rows."""
        # Intervals of dozens of classes take long, and no table shows them.
        summary = summarise([{**row, "category": ""} for row in rows])
        return cls(rows, summary)

    @classmethod
    def read(cls, path: str | Path) -> "Table":
        """Read a table from a file."""
        return cls.of(read_scores(path))

    @property
    def names(self) -> list[str]:
        """The measures of which there is a score."""
        whole = self.summary["groups"][-1]
        return [name for name in TITLES if whole.get(name)]

    @property
    def levels(self) -> list[float]:
        """The SNRs, upwards."""
        return [group["snr"] for group in self.summary["groups"][:-1]]

    def at(self, snr: float | str, name: str) -> dict | None:
        """The statistics of a measure at an SNR or of "all"; None without a score."""
        groups = {group["snr"]: group for group in self.summary["groups"]}
        return groups.get(snr, {}).get(name)

    def noisy_interval(self, snr: float | str, name: str) -> list[float]:
        """The 95 % interval of the noisy input's mean."""
        rows = (row for row in self.rows if snr == "all" or row.get("snr") == snr)
        both = ((row.get(name), row.get(f"noisy_{name}")) for row in rows)
        scored = [noisy for own, noisy in both if None not in (own, noisy)]
        return bootstrap_interval(scored)

    def lost(self, names: list[str] | None = None) -> list[tuple[list[str], list[str]]]:
        """Recordings without a score: ``(measures, files)``, alike ones together."""
        by_files: dict[tuple, list[str]] = {}
        for name in self.names if names is None else names:
            files = tuple(self.summary["undefined"].get(name, ()))
            if files:
                by_files.setdefault(files, []).append(title(name))
        return [(titles, list(files)) for files, titles in by_files.items()]
