"""Means, gains and intervals of a table of scores."""

import numpy as np

from pvsd_modules.metrics import MEASURES

DECIMALS = {"pesq_wb": 2, "stoi": 3, "estoi": 3, "si_sdr": 2}
TITLES = {"pesq_wb": "PESQ", "stoi": "STOI", "estoi": "ESTOI", "si_sdr": "SI-SDR, dB"}
RESAMPLES = 2000


def bootstrap_interval(values, seed: int = 0, level: float = 0.95) -> list[float]:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993).

    Arguments
    ---------
    values : sequence of float
        One value a recording.
    seed : int
        Same seed, same interval.
    level : float
        Coverage.

    Returns
    -------
    list of float
        Lower and upper end.

    Example
    -------
    >>> bootstrap_interval([2.0, 2.0, 2.0])
    [2.0, 2.0]
    """
    values = np.asarray(values, np.float64)
    generator = np.random.default_rng(seed)
    # One resample after the other: a matrix of all would not fit for long lists.
    means = [
        values[generator.integers(0, len(values), len(values))].mean()
        for _ in range(RESAMPLES)
    ]
    edge = 50 * (1 - level)
    return [float(x) for x in np.percentile(means, [edge, 100 - edge])]


def summarise(rows: list[dict], seed: int = 0) -> dict:
    """Mean scores by SNR and of all recordings.

    Arguments
    ---------
    rows : list of dict
        As `pvsd_modules.evaluation.Scorer` gives them.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``groups``: a list of ``{"snr": dB or "all", "files": n, measure: {...}}``, each
        measure with ``files``, ``mean``, ``noisy``, ``gain``, ``mean_interval`` and
        ``gain_interval`` (95 %), over the recordings where system and noisy input
        both have a score; None where no recording has one. ``undefined``: names of
        the other recordings by measure.
    """
    levels = sorted({row["snr"] for row in rows if row["snr"] is not None})
    groups = [
        _group([row for row in rows if row["snr"] == snr], snr, seed) for snr in levels
    ]
    groups.append(_group(rows, "all", seed))
    undefined = {
        name: [row["file"] for row in rows if not _is_defined(row, name)]
        for name in MEASURES
    }
    return {"groups": groups, "undefined": undefined}


def _is_defined(row: dict, name: str) -> bool:
    return row[name] is not None and row[f"noisy_{name}"] is not None


def _group(rows: list[dict], snr, seed: int) -> dict:
    group = {"snr": snr, "files": len(rows)}
    for name in MEASURES:
        scored = [row for row in rows if _is_defined(row, name)]
        group[name] = _statistics(scored, name, seed) if scored else None
    return group


def _statistics(rows: list[dict], name: str, seed: int) -> dict:
    after = np.array([row[name] for row in rows])
    before = np.array([row[f"noisy_{name}"] for row in rows])
    return {
        "files": len(rows),
        "mean": float(after.mean()),
        "noisy": float(before.mean()),
        "gain": float((after - before).mean()),
        "mean_interval": bootstrap_interval(after, seed),
        "gain_interval": bootstrap_interval(after - before, seed),
    }


def markdown(summary: dict) -> str:
    """A summary as a table in Markdown, and sentences on what has no score.

    Arguments
    ---------
    summary : dict
        Of `summarise`.

    Returns
    -------
    str
    """
    head = ["SNR, dB", "files", *(TITLES[name] for name in MEASURES)]
    lines = [_line(head), _line(["---:"] * len(head))]
    for group in summary["groups"]:
        snr = group["snr"] if isinstance(group["snr"], str) else f"{group['snr']:g}"
        cells = [_cell(group[name], DECIMALS[name]) for name in MEASURES]
        lines.append(_line([snr, str(group["files"]), *cells]))
    note = "Score (gain over the noisy input; 95 % bootstrap interval of the gain)."
    lines += ["", note]
    for name, files in summary["undefined"].items():
        if files:
            title = TITLES[name].split(",")[0]
            lines += ["", f"{title} undefined, left out: {len(files)} of the files: "]
            lines[-1] += ", ".join(files) + "."
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(stats: dict | None, decimals: int) -> str:
    if stats is None:
        return "undefined"
    low, high = stats["gain_interval"]
    gain = f"{stats['gain']:+.{decimals}f}"
    interval = f"{low:+.{decimals}f} to {high:+.{decimals}f}"
    return f"{stats['mean']:.{decimals}f} ({gain}; {interval})"
