"""What the columns of a table of scores are called, and how they are averaged."""

from typing import NamedTuple

import numpy as np

from pvsd_modules.evaluation.summary import bootstrap_interval


class Measure(NamedTuple):
    """How a measure is written.

    Arguments
    ---------
    title, unit : str
        Unit "" where it has none.
    decimals : int
    less_is_better : bool
    """

    title: str
    unit: str = ""
    decimals: int = 3
    less_is_better: bool = False

    @property
    def label(self) -> str:
        """Title and unit, for an axis or the head of a column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


MEASURES = {
    "pesq_wb": Measure("PESQ-WB", "MOS-LQO", 2),
    "pesq_nb": Measure("PESQ-NB", "MOS-LQO", 2),
    "pesq_nb_raw": Measure("PESQ-NB raw", "MOS", 2),
    "stoi": Measure("STOI"),
    "estoi": Measure("ESTOI"),
    "si_sdr": Measure("SI-SDR", "dB", 2),
    "segsnr": Measure("segmental SNR", "dB", 2),
    "csig": Measure("CSIG", "MOS", 2),
    "cbak": Measure("CBAK", "MOS", 2),
    "covl": Measure("COVL", "MOS", 2),
    "dnsmos_sig": Measure("DNSMOS SIG", "MOS", 2),
    "dnsmos_bak": Measure("DNSMOS BAK", "MOS", 2),
    "dnsmos_ovrl": Measure("DNSMOS OVRL", "MOS", 2),
    "wer": Measure("word error rate", "", 3, less_is_better=True),
}
#: What every table of this project shows.
MAIN = ("pesq_wb", "stoi", "estoi", "si_sdr")
_NO_SCORES = ("file", "snr", "category", "speaker", "seconds", "failure")


def measure(name: str) -> Measure:
    """What is known of a column; an unknown one is called by its name."""
    return MEASURES.get(name, Measure(name))


def measures_of(rows: list[dict]) -> list[str]:
    """The columns of scores in which some row has one, the known ones first."""
    found = dict.fromkeys(
        key
        for row in rows
        for key, value in row.items()
        if value is not None and key not in _NO_SCORES and not key.startswith("noisy_")
    )
    known = [name for name in MEASURES if name in found]
    others = [name for name in found if name not in MEASURES]
    return known + [name for name in others if _is_number(rows, name)]


def _is_number(rows: list[dict], name: str) -> bool:
    return all(isinstance(row.get(name), float | int | None) for row in rows)


def groups(rows: list[dict]) -> list[tuple[float | str, list[dict]]]:
    """Rows by SNR, upwards, and all of them last."""
    levels = sorted({row["snr"] for row in rows if row.get("snr") is not None})
    parts = [(snr, [row for row in rows if row.get("snr") == snr]) for snr in levels]
    return [*parts, ("all", rows)]


def statistics(rows: list[dict], name: str) -> dict | None:
    """Mean of a measure and, where the noisy input has one too, the gain over it.

    Arguments
    ---------
    rows : list of dict
        Of `pvsd_modules.evaluation.read_scores`.
    name : str
        Column.

    Returns
    -------
    dict or None
        ``files``, ``mean``, ``interval`` and perhaps ``noisy``, ``gain``,
        ``gain_interval``, over the rows in which none of these is missing, intervals
        at 95 %; None where no row has a score.
    """
    has_noisy = any(row.get(f"noisy_{name}") is not None for row in rows)
    wanted = [name, f"noisy_{name}"] if has_noisy else [name]
    scored = [row for row in rows if all(row.get(key) is not None for key in wanted)]
    if not scored:
        return None
    values = np.array([[row[key] for key in wanted] for row in scored])
    mean = values.mean(0)
    result = {
        "files": len(scored),
        "mean": float(mean[0]),
        "interval": bootstrap_interval(values[:, 0]),
    }
    if has_noisy:
        gain = values[:, 0] - values[:, 1]
        result["noisy"] = float(mean[1])
        result["noisy_interval"] = bootstrap_interval(values[:, 1])
        result["gain"] = float(gain.mean())
        result["gain_interval"] = bootstrap_interval(gain)
    return result


def failures(rows: list[dict], names: list[str]) -> dict[str, list[str]]:
    """Which recordings have no score, or none of their noisy input, by measure."""
    lost = {}
    for name in names:
        keys = [name]
        if any(row.get(f"noisy_{name}") is not None for row in rows):
            keys.append(f"noisy_{name}")
        files = [r["file"] for r in rows if any(r.get(key) is None for key in keys)]
        if files:
            lost[name] = files
    return lost
