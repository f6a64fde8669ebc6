"""Tables of systems: means, paired differences, and what has no score."""

from collections.abc import Mapping

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import paired
from pvsd_modules.report.measures import failures, groups, measure, statistics
from pvsd_modules.report.page import html_table
from pvsd_modules.report.text import listed, number, p_value, with_interval


def same_list(rows_a: list[dict], rows_b: list[dict]) -> bool:
    """Whether two tables score the same mixtures: the same files at the same SNRs.

    The same file at another SNR is another recording, whose difference would say
    nothing about the systems.
    """
    levels = {row["file"]: row.get("snr") for row in rows_a}
    shared = [row for row in rows_b if row["file"] in levels]
    return bool(shared) and all(levels[r["file"]] == r.get("snr") for r in shared)


def difference(rows_a: list[dict], rows_b: list[dict], name: str) -> dict | None:
    """`paired`, or None where no recording has a score in both tables."""
    try:
        return paired(rows_a, rows_b, name)
    except PvsdError:
        return None


def means_table(systems: Mapping[str, list[dict]], names: list[str]) -> str:
    """Means over all recordings by system, the interval below each."""
    head = ["system", "files", *(measure(name).label for name in names)]
    rows = []
    for system, table in systems.items():
        row = [system, str(len(table))]
        for name in names:
            row.append(_mean_cell(statistics(table, name), measure(name).decimals))
        rows.append(row)
    caption = "Means over all recordings; below: 95 % bootstrap interval of the mean, "
    caption += "and the gain over the noisy input."
    return html_table(caption, head, rows)


def _mean_cell(found: dict | None, decimals: int):
    if found is None:
        return "undefined"
    low, high = found["interval"]
    small = f"{low:.{decimals}f} to {high:.{decimals}f}"
    if "gain" in found:
        small += f"; gain {found['gain']:+.{decimals}f}"
    return f"{found['mean']:.{decimals}f}", small


def snr_table(systems: Mapping[str, list[dict]], name: str) -> str:
    """Means of one measure by SNR, a row a system."""
    levels = sorted({snr for t in systems.values() for snr, _ in groups(t)[:-1]})
    decimals = measure(name).decimals
    rows = []
    for system, table in systems.items():
        parts = dict(groups(table))
        cells = [statistics(parts.get(snr, []), name) for snr in levels]
        rows.append([system, *(_mean_cell(cell, decimals) for cell in cells)])
    head = ["system", *(f"{number(snr)} dB" for snr in levels)]
    return html_table(f"{measure(name).label} by SNR of the input.", head, rows)


def difference_table(
    systems: Mapping[str, list[dict]], names: list[str]
) -> tuple[str, list[str]]:
    """Paired differences from the first system.

    Returns
    -------
    table : str
        HTML; "" where nothing can be compared.
    sentences : list of str
        On systems that cannot be compared, and on recordings that are not shared.
    """
    (first, reference), *others = systems.items()
    rows, sentences = [], []
    for system, table in others:
        if not same_list(reference, table):
            sentences.append(
                f"{system} is not compared with {first}: they do not score the same "
                "recordings at the same SNRs."
            )
            continue
        row = [system]
        for name in names:
            row.append(_difference_cell(difference(reference, table, name), name))
        rows.append(row)
        apart = {r["file"] for r in reference} ^ {r["file"] for r in table}
        if apart:
            sentences.append(
                f"{len(apart)} recordings have been scored for only one of {first} "
                f"and {system} and are left out of their differences."
            )
    if not rows:
        return "", sentences
    head = ["system", *(measure(name).label for name in names)]
    caption = (
        f"Difference from {first} over the recordings that both have scored, with its "
        "95 % bootstrap interval; p-values of a sign-flip permutation test, two-sided."
    )
    return html_table(caption, head, rows), sentences


def _difference_cell(found: dict | None, name: str):
    if found is None:
        return "undefined"
    decimals = measure(name).decimals + 1
    value, interval = found["difference"], found["interval"]
    large, _, small = with_interval(value, interval, decimals).partition(" (")
    return large, f"{small.rstrip(')')}; {p_value(found['p_value'])}"


def failure_sentences(rows: list[dict], names: list[str]) -> list[str]:
    """Which recordings have no score, by name, and why if it is known."""
    reasons = {row["file"]: row["failure"] for row in rows if row.get("failure")}
    sentences = []
    for name, files in failures(rows, names).items():
        told = [f"{f} ({reasons[f]})" if f in reasons else f for f in files]
        sentences.append(
            f"{measure(name).title}: {len(files)} of {len(rows)} recordings have no "
            f"score and are left out of its means: {listed(told)}."
        )
    return sentences
