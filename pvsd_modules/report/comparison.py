"""Tables of systems: means, paired differences, and what has no score."""

from collections.abc import Mapping

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import paired
from pvsd_modules.report.measures import Table, decimals, label, title, unit
from pvsd_modules.report.page import html_table
from pvsd_modules.report.text import (
    listed,
    number,
    p_value,
    signed,
    undefined,
    with_interval,
)


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


def means_table(systems: Mapping[str, Table], names: list[str]) -> str:
    """Means over all recordings by system, the interval below each."""
    head = ["system", "files", *((title(name), unit(name)) for name in names)]
    rows = []
    for system, table in systems.items():
        row = [system, str(len(table.rows))]
        for name in names:
            row.append(_mean_cell(table.at("all", name), name))
        rows.append(row)
    caption = "Means over all recordings; below: 95 % bootstrap interval of the mean, "
    caption += "and the gain over the noisy input."
    return html_table(caption, head, rows)


def _mean_cell(found: dict | None, name: str):
    if found is None:
        return "no score"
    places = decimals(name)
    low, high = found["mean_interval"]
    cell = [f"{found['mean']:.{places}f}", f"{low:.{places}f} to {high:.{places}f}"]
    if "gain" in found:
        cell.append(f"gain {signed(found['gain'], places)}")
    return cell


def snr_table(systems: Mapping[str, Table], name: str) -> str:
    """Means of one measure by SNR, a row a system."""
    levels = sorted({snr for table in systems.values() for snr in table.levels})
    rows = [
        [system, *(_mean_cell(table.at(snr, name), name) for snr in levels)]
        for system, table in systems.items()
    ]
    head = ["system", *(f"{number(snr)} dB" for snr in levels)]
    return html_table(f"{label(name)} by SNR of the input.", head, rows)


def difference_table(
    systems: Mapping[str, Table], names: list[str]
) -> tuple[str, list[str]]:
    """Paired differences from the first system.

    Returns
    -------
    table : str
        HTML; "" where nothing can be compared.
    sentences : list of str
        On systems that cannot be compared, and on recordings that are not shared.
    """
    (first, whole), *others = systems.items()
    reference = whole.rows
    rows, sentences = [], []
    for system, table in others:
        if not same_list(reference, table.rows):
            sentences.append(
                f"{system} is not compared with {first}: they do not score the same "
                "recordings at the same SNRs."
            )
            continue
        row = [system]
        for name in names:
            row.append(_difference_cell(difference(reference, table.rows, name), name))
        rows.append(row)
        apart = {r["file"] for r in reference} ^ {r["file"] for r in table.rows}
        if apart:
            sentences.append(
                f"{len(apart)} recordings have been scored for only one of {first} "
                f"and {system} and are left out of their differences."
            )
    if not rows:
        return "", sentences
    head = ["system", *((title(name), unit(name)) for name in names)]
    caption = (
        f"Difference from {first} over the recordings that both have scored, with its "
        "95 % bootstrap interval; p-values of a sign-flip permutation test, two-sided."
    )
    return html_table(caption, head, rows), sentences


def _difference_cell(found: dict | None, name: str):
    if found is None:
        return "no score"
    value, interval = found["difference"], found["interval"]
    large, _, small = with_interval(value, interval, decimals(name) + 1).partition(" (")
    return large, small.rstrip(")"), p_value(found["p_value"])


def failure_sentences(systems: Mapping[str, Table]) -> list[str]:
    """Which recordings have no score, by name, and why if it is known.

    Systems that fail alike share a sentence.
    """
    told: dict[str, list[str]] = {}
    for system, table in systems.items():
        for sentence in _failures_of(table):
            told.setdefault(sentence, []).append(system)
    return [f"{listed(names)}: {sentence}" for sentence, names in told.items()]


def _failures_of(table: Table) -> list[str]:
    recordings = f"{len(table.rows)} recordings"
    sentences = [
        f"{undefined(titles, len(files), recordings)}, which are left out of the "
        f"means: {listed(files)}."
        for titles, files in table.lost()
    ]
    failed = [f"{file} ({why})" for file, why in table.summary["failures"].items()]
    if failed:
        sentences.append(
            f"{len(failed)} of the {recordings} failed and are left out of the means: "
            f"{listed(failed)}."
        )
    return sentences
