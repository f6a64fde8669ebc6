"""Tables of systems: means, paired differences, and recordings without a score."""

from collections.abc import Mapping

from pvsd_modules.evaluation.measures import decimals, label, title, unit
from pvsd_modules.evaluation.text import (
    listed,
    number,
    p_value,
    signed,
    undefined,
    with_interval,
)
from pvsd_modules.report.table import Table

# A cell is a list of texts, of which all but the first are set small below it.


def means_table(systems: Mapping[str, Table], names: list[str]) -> dict:
    """Means over all recordings by system, the interval below each.

    Returns
    -------
    dict
        ``caption``, ``head`` and ``rows`` for the template of the page.
    """
    rows = [
        [[system], [str(len(table.rows))], *(_mean(table, "all", n) for n in names)]
        for system, table in systems.items()
    ]
    head = [["system"], ["files"], *([title(name), unit(name)] for name in names)]
    caption = (
        "Means over all recordings; below: 95 % bootstrap interval of the mean, and "
        "the gain over the noisy input."
    )
    return {"caption": caption, "head": head, "rows": rows}


def snr_table(systems: Mapping[str, Table], name: str) -> dict:
    """Means of one measure by SNR, a row for each system; as `means_table`."""
    levels = sorted({snr for table in systems.values() for snr in table.levels})
    rows = [
        [[system], *(_mean(table, snr, name) for snr in levels)]
        for system, table in systems.items()
    ]
    head = [["system"], *([f"{number(snr)} dB"] for snr in levels)]
    caption = f"{label(name)} by SNR of the input."
    return {"caption": caption, "head": head, "rows": rows}


def _mean(table: Table, snr: float | str, name: str) -> list[str]:
    found = table.at(snr, name)
    if found is None:
        return ["no score"]
    places = decimals(name)
    low, high = found["mean_interval"]
    cell = [f"{found['mean']:.{places}f}", f"{low:.{places}f} to {high:.{places}f}"]
    return cell + ([f"gain {signed(found['gain'], places)}"] if "gain" in found else [])


def difference_table(
    systems: Mapping[str, Table], names: list[str]
) -> tuple[dict | None, list[str]]:
    """Paired differences from the first system.

    Returns
    -------
    table : dict or None
        As of `means_table`; None where nothing can be compared.
    sentences : list of str
        On systems that cannot be compared, and on recordings that are not shared.
    """
    (first, reference), *others = systems.items()
    rows, sentences = [], []
    for system, table in others:
        if not table.has_same_list(reference):
            sentences.append(
                f"{system} is not compared with {first}: they do not score the same "
                "recordings."
            )
            continue
        cells = (_difference(table.minus(reference, name), name) for name in names)
        rows.append([[system], *cells])
        apart = table.names_of_files ^ reference.names_of_files
        if apart:
            sentences.append(
                f"{len(apart)} recordings have been scored for only one of {first} "
                f"and {system} and are left out of their differences."
            )
    if not rows:
        return None, sentences
    head = [["system"], *([title(name), unit(name)] for name in names)]
    caption = (
        f"Difference from {first} over the recordings that both have scored, with its "
        "95 % bootstrap interval; p-values of a sign-flip permutation test, two-sided."
    )
    return {"caption": caption, "head": head, "rows": rows}, sentences


def _difference(found: dict | None, name: str) -> list[str]:
    if found is None:
        return ["no score"]
    text = with_interval(found["difference"], found["interval"], decimals(name) + 1)
    large, _, small = text.removesuffix(")").partition(" (")
    return [large, small, p_value(found["p_value"])]


def failure_sentences(systems: Mapping[str, Table]) -> list[str]:
    """Which recordings have no score, by name, and the reason if it is known.

    Systems with the same failures share a sentence.
    """
    by_sentence: dict[str, list[str]] = {}
    for system, table in systems.items():
        recordings = f"{len(table.rows)} recordings"
        sentences = [
            f"{undefined(titles, len(files), recordings)}, which are left out of the "
            f"means: {listed(files)}."
            for titles, files in table.lost()
        ]
        failed = [f"{file} ({reason})" for file, reason in table.failures.items()]
        if failed:
            sentences.append(
                f"{len(failed)} of the {recordings} failed and are left out of the "
                f"means: {listed(failed)}."
            )
        for sentence in sentences:
            by_sentence.setdefault(sentence, []).append(system)
    return [f"{listed(names)}: {sentence}" for sentence, names in by_sentence.items()]
