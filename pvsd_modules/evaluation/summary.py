"""Means, gains and intervals of a table of scores."""

import numpy as np

from pvsd_modules.evaluation.measures import measures_of

RESAMPLES = 2000


def bootstrap_interval(
    values, seed: int = 0, level: float = 0.95, weights=None
) -> list[float]:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani 1993).

    Arguments
    ---------
    values : sequence of float
        One value a recording.
    seed : int
        Same seed, same interval.
    level : float
        Coverage.
    weights : sequence of float or None
        Of each value in the mean; None for all the same.

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
    weights = np.ones(len(values)) if weights is None else np.asarray(weights)
    if not weights.any():
        weights = np.ones(len(values))
    means = resampled_means(values * weights, weights, RESAMPLES, seed)
    edge = 50 * (1 - level)
    return [float(x) for x in np.nanpercentile(means, [edge, 100 - edge])]


def resampled_means(sums, counts, resamples: int, seed: int) -> np.ndarray:
    """Means of resamples with replacement.

    Arguments
    ---------
    sums, counts : numpy.ndarray
        ``[units]``: what each unit adds to the numerator and the denominator.
    resamples, seed : int

    Returns
    -------
    numpy.ndarray
        ``[resamples]``, NaN for a resample whose counts are all 0.
    """
    generator = np.random.default_rng(seed)
    units = len(sums)
    # In pieces: a matrix of all resamples would not fit for long lists.
    piece = max(1, 1_000_000 // units)
    means = np.empty(resamples)
    for start in range(0, resamples, piece):
        part = means[start : start + piece]
        drawn = generator.integers(0, units, (len(part), units))
        total = counts[drawn].sum(1)
        np.divide(sums[drawn].sum(1), total, out=part, where=total != 0)
        part[total == 0] = np.nan
    return means


def _mean(values, weights) -> float:
    total = weights.sum()
    return float(values @ weights / total) if total else float(values.mean())


def summarise(rows: list[dict], seed: int = 0) -> dict:
    """Mean scores by SNR, by class of noise and of all recordings.

    Arguments
    ---------
    rows : list of dict
        As `pvsd_modules.evaluation.Scorer` or `read_scores` gives them. A measure
        that the table has no column of is left out.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``groups``: a list of ``{"snr": dB or "all", "files": n, measure: {...}}``, each
        measure with ``files``, ``mean``, ``mean_interval`` (95 %) and, where the noisy
        input has been scored, ``noisy``, ``gain`` and ``gain_interval``, over the
        recordings where all of them are defined; None where no recording has one.
        ``categories``: the same with ``category`` in the place of ``snr``.
        ``failures``: why, by the names of the recordings that could not be scored;
        they count in no mean. ``undefined``: by measure the names of others that have
        no such score. ``adjusted``: by name the samples that a signal was longer or
        shorter than the clean one, and was cut or padded by.
    """
    failures = {row["file"]: row["failure"] for row in rows if row.get("failure")}
    scored = [row for row in rows if not row.get("failure")]
    names = measures_of(rows)
    levels = sorted({row["snr"] for row in rows if row.get("snr") is not None})
    classes = sorted({row["category"] for row in rows if row.get("category")})
    return {
        "groups": [_group(scored, "snr", x, names, seed) for x in [*levels, "all"]],
        "categories": [_group(scored, "category", x, names, seed) for x in classes],
        "failures": failures,
        "undefined": {
            name: [row["file"] for row in scored if not _is_defined(row, name)]
            for name in names
        },
        "adjusted": {
            row["file"]: int(row["adjusted"]) for row in rows if row.get("adjusted")
        },
    }


def _is_defined(row: dict, name: str) -> bool:
    return row.get(name) is not None and row.get(f"noisy_{name}", 0) is not None


def _group(rows: list[dict], key: str, value, names: list[str], seed: int) -> dict:
    rows = [row for row in rows if value == "all" or row.get(key) == value]
    group = {key: value, "files": len(rows)}
    for name in names:
        scored = [row for row in rows if _is_defined(row, name)]
        group[name] = _statistics(scored, name, seed) if scored else None
    return group


def _statistics(rows: list[dict], name: str, seed: int) -> dict:
    after = np.array([row[name] for row in rows])
    # The error rate of a corpus is that of all its words.
    weights = [row.get("words") or 0.0 if name == "wer" else 1.0 for row in rows]
    weights = np.array(weights)
    stats = {
        "files": len(rows),
        "mean": _mean(after, weights),
        "mean_interval": bootstrap_interval(after, seed, weights=weights),
    }
    if f"noisy_{name}" in rows[0]:
        before = np.array([row[f"noisy_{name}"] for row in rows])
        stats["noisy"] = _mean(before, weights)
        stats["gain"] = _mean(after - before, weights)
        gains = bootstrap_interval(after - before, seed, weights=weights)
        stats["gain_interval"] = gains
    return stats
