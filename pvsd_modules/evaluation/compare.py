"""Two systems on the same recordings: paired differences, intervals and p-values."""

import numpy as np

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.summary import resampled_means

RESAMPLES = 10000
EXACT_UP_TO = 14  # units whose 2^n sign patterns are all tried


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
        because what one speaker says twice is no independent evidence. None: each
        recording stands for itself.

    Returns
    -------
    dict
        ``files``, ``mean_a``, ``mean_b``, ``difference`` (b - a), ``interval``: its
        95 % percentile bootstrap interval (Efron and Tibshirani 1993), ``p_value``:
        two-sided, of the sign-flip permutation test (Fisher 1935; all patterns up to
        14 recordings or clusters, else 10,000 random ones), ``clusters`` where one is
        named.

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
    before = np.array([a[measure] for a, _ in pairs], np.float64)
    after = np.array([b[measure] for _, b in pairs], np.float64)
    sums, counts = _units(after - before, [a for a, _ in pairs], cluster)
    result = {
        "files": len(pairs),
        "mean_a": float(before.mean()),
        "mean_b": float(after.mean()),
        "difference": float((after - before).mean()),
        "interval": _interval(sums, counts, seed),
        "p_value": _sign_flip(sums, seed),
    }
    return result if cluster is None else result | {"clusters": len(sums)}


def common(rows_a: list[dict], rows_b: list[dict], measure: str) -> list[tuple]:
    """Pairs of rows of the same file which both have the measure."""
    by_file = {row["file"]: row for row in rows_b}
    both = ((row, by_file.get(row["file"])) for row in rows_a)
    return [
        (a, b)
        for a, b in both
        if b and a.get(measure) is not None and b.get(measure) is not None
    ]


def _units(difference, rows: list[dict], cluster: str | None):
    """Sums and counts of what is drawn as one."""
    if cluster is None:
        return difference, np.ones(len(difference))
    names = [row.get(cluster) for row in rows]
    if any(name in (None, "") for name in names):
        file = next(row["file"] for row in rows if row.get(cluster) in (None, ""))
        raise PvsdError(f"The {cluster} of {file} is not known: leave clusters out.")
    _, index = np.unique([str(name) for name in names], return_inverse=True)
    return np.bincount(index, difference), np.bincount(index)


def _interval(sums, counts, seed: int) -> list[float]:
    means = resampled_means(sums, counts, RESAMPLES, seed)
    return [float(x) for x in np.percentile(means, [2.5, 97.5])]


def _sign_flip(sums, seed: int) -> float:
    """How often chance signs give a sum at least as far from zero."""
    count = len(sums)
    reached = abs(sums.sum()) * (1 - 1e-12)
    if count <= EXACT_UP_TO:
        patterns = np.arange(2**count)[:, None] >> np.arange(count) & 1
        flipped = (1 - 2 * patterns) @ sums
        return float((abs(flipped) >= reached).mean())
    generator = np.random.default_rng(seed)
    piece = max(1, 1_000_000 // count)
    extreme = 0
    for start in range(0, RESAMPLES, piece):
        size = (min(piece, RESAMPLES - start), count)
        signs = 1 - 2 * generator.integers(0, 2, size, np.int8)
        extreme += int((abs(signs @ sums) >= reached).sum())
    return float((extreme + 1) / (RESAMPLES + 1))


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
        If the tables have no recording in common.
    """
    files_a, files_b = ({row["file"] for row in rows} for rows in (rows_a, rows_b))
    both = files_a & files_b
    if not both:
        raise PvsdError(
            "The tables have no recording in common: compare scores of the same list."
        )
    levels = {row.get("snr") for row in rows_a if row["file"] in both} - {None}
    groups = []
    for snr in [*sorted(levels), "all"]:
        chosen = [row for row in rows_a if snr == "all" or row.get("snr") == snr]
        group = {"snr": snr}
        for measure in measures:
            if common(chosen, rows_b, measure):
                group[measure] = paired(chosen, rows_b, measure, seed, cluster)
        groups.append(group)
    undefined = {}
    for measure in measures:
        if measure in groups[-1]:
            scored = {a["file"] for a, _ in common(rows_a, rows_b, measure)}
            undefined[measure] = sorted(both - scored)
    return {
        "groups": groups,
        "only_a": sorted(files_a - both),
        "only_b": sorted(files_b - both),
        "undefined": undefined,
    }
