"""A shipped model in short, for the READMEs that link to its card."""

import re
from pathlib import Path

from pvsd_modules.report.comparison import difference, same_list
from pvsd_modules.report.measures import MAIN, Table, decimals, title, unit
from pvsd_modules.report.sections import (
    benchmark_rows,
    difference_cell,
    read_json,
    read_model,
    read_tables,
    scores_table,
)
from pvsd_modules.report.text import listed, number, prose, with_interval

_ASKED_FIRST = r"parameters|files of weights|latency of the algorithm|enhance.*1 thread"


def model_overview(folder: Path, link: str) -> str:
    """A model in short, for a text that links to its card.

    Arguments
    ---------
    folder : Path
        Of the shipped model.
    link : str
        Path to it from the text.

    Returns
    -------
    str
    """
    name = folder.name
    parts = [f"### Model `{name}`\n"]
    scores = read_model(folder)
    if scores:
        parts.append(
            prose(
                f"{len(scores.rows)} mixtures of speakers and noises that occur "
                f"nowhere in training; the rows are in [scores.csv]({link}/scores.csv)."
            )
        )
        parts.append(scores_table(scores, with_intervals=False))
        parts.append(_interval_sentence(scores))
        parts += _control_sentences(folder, scores.rows)
    parts += _lip_sentences(folder) + _speed_sentences(folder)
    parts.append(
        prose(
            f"The [model card]({link}/README.md) has the intervals, the controls, the "
            "lips, data, licences and limits."
        )
    )
    return "\n".join(parts)


def _interval_sentence(scores: Table) -> str:
    told = []
    for name in MAIN:
        found = scores.at("all", name)
        if found and "gain" in found:
            gain = with_interval(found["gain"], found["gain_interval"], decimals(name))
            told.append(f"{title(name)} {gain}{' dB' if unit(name) == 'dB' else ''}")
    return prose(f"Mean gains with 95 % intervals: {'; '.join(told)}.")


def _control_sentences(folder: Path, rows: list[dict]) -> list[str]:
    """The two controls that tell whether lips are worth having."""
    tables, told = read_tables(folder / "controls"), []
    words = {
        "none": "Taking the lips away from this model",
        "twin": "A twin that was trained without lips, in place of this model,",
    }
    for control, begin in words.items():
        if control in tables and same_list(rows, tables[control].rows):
            changes = []
            for name in ("pesq_wb", "stoi", "estoi"):
                found = difference(rows, tables[control].rows, name)
                changes.append(f"{title(name)} by {difference_cell(found, name)}")
            told.append(prose(f"{begin} changes {'; '.join(changes)}."))
    if "twin" not in tables:
        told.append(
            prose(
                "Whether a twin that was trained without lips would do as well has not "
                "been measured yet."
            )
        )
    return told


def _lip_sentences(folder: Path) -> list[str]:
    """How well drawn mouths follow those that they should follow."""
    words = {
        "student-teacher": "The student's mouth, drawn from noisy speech, follows the "
        "teacher's of the clean speech",
        "teacher-real": "The teacher's mouth follows the video's",
    }
    found = (read_json(folder / "lips.json") or {}).get("comparisons", {})
    told = []
    for comparison, begin in words.items():
        groups = [g for g in found.get(comparison, ()) if "opening" in g]
        levels = [g for g in groups if g["snr"] != "all"]
        values = [
            f"{group['opening']['median']:.2f}"
            + ("" if group["snr"] == "clean" else f" at {number(group['snr'])} dB")
            for group in levels
        ]
        if values:
            told.append(
                f"{begin} with a correlation of {listed(values)} (opening at lag zero, "
                "median over clips)."
            )
    return [prose(" ".join(told))] if told else []


def _speed_sentences(folder: Path) -> list[str]:
    """What of a benchmark one asks first."""
    told = [
        f"{name} {value} {unit}"
        for name, value, unit in benchmark_rows(folder)
        if re.match(_ASKED_FIRST, name)
    ]
    return [prose(f"Cost: {'; '.join(told)}.")] if told else []
