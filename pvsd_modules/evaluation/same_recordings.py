"""Whether two tables of scores are of the same recordings.

Names do not tell: every list of mixtures begins with mixture0000.
"""

_SECONDS = 0.1  # by which systems may make a recording longer or shorter


def other_recordings(rows_a: list[dict], rows_b: list[dict]) -> list[str]:
    """Names that both tables have, of recordings that are not the same.

    Two recordings differ when their SNR, speaker, category or length does. What one of
    the tables does not know does not count.

    Arguments
    ---------
    rows_a, rows_b : list of dict
        Of `pvsd_modules.evaluation.read_scores`.

    Returns
    -------
    list of str
        In the order of ``rows_a``.

    Example
    -------
    >>> a = [{"file": "m0", "snr": 5.0}, {"file": "m1", "snr": 5.0}]
    >>> other_recordings(a, [{"file": "m0", "snr": -5.0}, {"file": "m1"}])
    ['m0']
    """
    by_file = {row["file"]: row for row in rows_b}
    return [
        row["file"]
        for row in rows_a
        if row["file"] in by_file and _differ(row, by_file[row["file"]])
    ]


def _differ(a: dict, b: dict) -> bool:
    """Whether two rows of one name are evidently of two recordings."""
    for name in ("snr", "speaker", "category", "seconds"):
        pair = a.get(name), b.get(name)
        if None in pair or "" in pair:
            continue
        if name == "seconds":
            if abs(pair[0] - pair[1]) > _SECONDS:
                return True
        elif pair[0] != pair[1]:
            return True
    return False
