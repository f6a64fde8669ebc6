"""Means of a table of scores, paired differences, intervals and p-values."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import bootstrap, permutation_test

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import measures_of
from pvsd_modules.evaluation.same_recordings import other_recordings

RESAMPLES = 10_000  # of every bootstrap and permutation test
DIGITS = 6  # decimals that are kept: the same run twice gives the same bytes


def mean_interval(values, weights=None, seed: int = 0) -> list[float]:
    """95 % percentile bootstrap interval of a mean (Efron and Tibshirani 1993).

    ``values`` are ``[..., units]``, one value a recording or a cluster of recordings;
    ``weights``, ``[units]``, of each value in the mean. Returns the lower and the upper
    end, each a float, or an array for several rows of values.

    Example
    -------
    >>> mean_interval([2.0, 2.0, 2.0])
    [2.0, 2.0]
    """
    values = np.asarray(values, np.float64)
    if values.shape[-1] == 1:  # resampling needs two
        return 2 * [_rounded(values[..., 0])]
    data, statistic = (values,), np.mean
    if weights is not None:
        weights = np.broadcast_to(np.asarray(weights, np.float64), values.shape)
        data, statistic = (values * weights, weights), _ratio
    found = bootstrap(
        data, statistic, n_resamples=RESAMPLES, method="percentile", paired=True,
        vectorized=True, axis=-1, rng=np.random.default_rng(seed),
        batch=max(1, 1_000_000 // values.shape[-1]),  # bounds the memory
    ).confidence_interval  # fmt: skip
    return [_rounded(found.low), _rounded(found.high)]


def _ratio(sums, weights, axis):
    return sums.sum(axis) / weights.sum(axis)


def _rounded(value):
    return np.round(value, DIGITS) if np.ndim(value) else round(float(value), DIGITS)


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
        measure as `statistics_of` gives it. ``categories``: the same with
        ``category`` in the place of ``snr``. ``failures``: reasons, by the names of the
        recordings that could not be scored; they count in no mean. ``undefined``: by
        measure the names of others that have no such score. ``adjusted``: by name the
        samples that a signal was longer or shorter than the clean one, and was cut or
        padded by.
    """
    scored = [row for row in rows if not row.get("failure")]
    names = measures_of(rows)

    def group(key: str, value) -> dict:
        own = [row for row in scored if value == "all" or row.get(key) == value]
        found = {name: statistics_of(own, name, seed) for name in names}
        return {key: value, "files": len(own), **found}

    classes = sorted({row["category"] for row in rows if row.get("category")})
    return {
        "groups": [group("snr", level) for level in [*levels_of(rows), "all"]],
        "categories": [group("category", name) for name in classes],
        "failures": {row["file"]: row["failure"] for row in rows if row.get("failure")},
        "undefined": {name: undefined_of(scored, name) for name in names},
        "adjusted": {
            row["file"]: int(row["adjusted"]) for row in rows if row.get("adjusted")
        },
    }


def levels_of(rows: Iterable[dict]) -> list[float]:
    """The SNRs of a table, in ascending order."""
    return sorted({row["snr"] for row in rows if row.get("snr") is not None})


def undefined_of(rows: Iterable[dict], name: str) -> list[str]:
    """Recordings without a score, of the output or of the noisy input."""
    return [row["file"] for row in rows if not _is_defined(row, name)]


def _is_defined(row: dict, name: str) -> bool:
    return row.get(name) is not None and row.get(f"noisy_{name}", 0) is not None


def statistics_of(rows: list[dict], name: str, seed: int = 0) -> dict | None:
    """Mean and gain of one measure, the name of a column.

    A dict of ``files``, ``mean``, ``mean_interval`` and, where the noisy input has been
    scored, ``noisy``, ``noisy_interval``, ``gain`` and ``gain_interval``, over the
    recordings where all of them are defined; None where there are none.
    """
    rows = [row for row in rows if _is_defined(row, name)]
    if not rows:
        return None
    values = {"mean": np.array([row[name] for row in rows])}
    if f"noisy_{name}" in rows[0]:
        values["noisy"] = np.array([row[f"noisy_{name}"] for row in rows])
        values["gain"] = values["mean"] - values["noisy"]
    # The error rate of a corpus is that of all its words.
    weights = [row.get("words") or 1.0 for row in rows] if name == "wer" else None
    ends = mean_interval(np.stack([*values.values()]), weights, seed)
    found = {"files": len(rows)}
    for key, low, high in zip(values, *ends, strict=True):
        found[key] = _rounded(np.average(values[key], weights=weights))
        found[f"{key}_interval"] = [_rounded(float(low)), _rounded(float(high))]
    return found


def paired(
    rows_a: list[dict],
    rows_b: list[dict],
    measure: str,
    seed: int = 0,
    cluster: str | None = None,
) -> dict:
    """The mean difference B minus A over the recordings that both have scored.

    Arguments
    ---------
    rows_a, rows_b : list of dict
        Of `read_scores`. Recordings are matched by ``file``; those without a score
        of either system are left out.
    measure : str
        Column, such as ``pesq_wb``.
    seed : int
        Same seed, same result.
    cluster : str or None
        Column such as ``speaker``: recordings that agree in it are drawn together,
        because two recordings of one speaker are no independent evidence. None: each
        recording is drawn by itself.

    Returns
    -------
    dict
        ``files``, ``mean_a``, ``mean_b``, ``difference`` (b - a), ``interval``: its
        95 % percentile bootstrap interval, ``p_value``: two-sided, of the sign-flip
        permutation test (Fisher 1935; of all patterns of signs where there are no more
        than 10,000), ``clusters`` where one is named.

    Raises
    ------
    PvsdError
        If no recording has been scored by both, or a cluster is not known.

    Example
    -------
    >>> a = [{"file": str(i), "stoi": 0.5} for i in range(5)]
    >>> b = [{"file": str(i), "stoi": 0.75} for i in range(5)]
    >>> result = paired(a, b, "stoi")
    >>> result["difference"], result["p_value"]
    (0.25, 0.0625)
    """
    pairs = common(rows_a, rows_b, measure)
    if not pairs:
        raise PvsdError(f"No recording has a score of {measure} in both tables.")
    before, after = np.array([[a[measure], b[measure]] for a, b in pairs]).T
    sums, counts = _units(after - before, [a for a, _ in pairs], cluster)
    weights = None if cluster is None else counts
    p_value = 1.0
    if len(sums) > 1:
        p_value = permutation_test(
            (sums,), lambda x, axis: x.sum(axis), permutation_type="samples",
            n_resamples=RESAMPLES, vectorized=True, rng=np.random.default_rng(seed),
            batch=max(1, 1_000_000 // len(sums)),
        ).pvalue  # fmt: skip
    result = {
        "files": len(pairs),
        "mean_a": _rounded(before.mean()),
        "mean_b": _rounded(after.mean()),
        "difference": _rounded((after - before).mean()),
        "interval": mean_interval(sums / counts, weights, seed),
        "p_value": _rounded(p_value),
    }
    return result if cluster is None else result | {"clusters": len(sums)}


def common(rows_a: list[dict], rows_b: list[dict], measure: str) -> list[tuple]:
    """Pairs of rows of the same file that both have the measure."""
    by_file = {row["file"]: row for row in rows_b}
    both = ((row, by_file.get(row["file"], {})) for row in rows_a)
    return [pair for pair in both if None not in [row.get(measure) for row in pair]]


def _units(difference, rows: list[dict], cluster: str | None):
    """Sums and counts of what is drawn together."""
    if cluster is None:
        return difference, np.ones(len(difference))
    names = [row.get(cluster) for row in rows]
    for row, name in zip(rows, names, strict=True):
        if name in (None, ""):
            raise PvsdError(
                f"The {cluster} of {row['file']} is not known: leave clusters out."
            )
    _, index = np.unique([str(name) for name in names], return_inverse=True)
    return np.bincount(index, difference), np.bincount(index)


def compare(
    rows_a: list[dict],
    rows_b: list[dict],
    measures: list[str],
    seed: int = 0,
    cluster: str | None = None,
) -> dict:
    """`paired` of every measure, by SNR and for all recordings.

    Arguments
    ---------
    rows_a, rows_b, seed, cluster
        See `paired`.
    measures : list of str
        Columns; what one of the tables does not have is left out.

    Returns
    -------
    dict
        ``groups``: list of ``{"snr": dB or "all", measure: {...}}``; ``only_a``,
        ``only_b``: names of the recordings that the other table lacks;
        ``undefined``: by measure those that lack a score in one of the tables.

    Raises
    ------
    PvsdError
        If the tables have no recording in common, or other recordings of one name.
    """
    files_a, files_b = ({row["file"] for row in rows} for rows in (rows_a, rows_b))
    both = files_a & files_b
    if not both:
        raise PvsdError(
            "The tables have no recording in common: compare scores of the same list."
        )
    others = other_recordings(rows_a, rows_b)
    if others:
        raise PvsdError(
            f"The tables are of different lists: {others[0]} and {len(others) - 1} "
            "more have another SNR, speaker, category or length in each. Compare "
            "scores of the same list."
        )
    groups = []
    for snr in [*levels_of(row for row in rows_a if row["file"] in both), "all"]:
        chosen = [row for row in rows_a if snr == "all" or row.get("snr") == snr]
        found = {
            name: paired(chosen, rows_b, name, seed, cluster)
            for name in measures
            if common(chosen, rows_b, name)
        }
        groups.append({"snr": snr, **found})
    undefined = {}
    for name in measures:
        scored = {row["file"] for row, _ in common(rows_a, rows_b, name)}
        if scored:
            undefined[name] = sorted(both - scored)
    return {
        "groups": groups,
        "only_a": sorted(files_a - both),
        "only_b": sorted(files_b - both),
        "undefined": undefined,
    }
