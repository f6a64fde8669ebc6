"""A shipped model in short, for the READMEs that link to its card."""

import re
from pathlib import Path

from pvsd_modules.evaluation.measures import MAIN, decimals, title, unit
from pvsd_modules.evaluation.text import listed, number, prose, with_interval
from pvsd_modules.report.sections import (
    benchmark_rows,
    difference_cell,
    read_json,
    read_model,
    read_tables,
    scores_table,
)
from pvsd_modules.report.table import Table

_SHOWN = r"parameters|files of weights|latency of the algorithm|enhance.*1 thread"
_CONTROLS = {
    "none": "Taking the lips away from this model",
    "baseline": "An audio-only baseline of equal size, in place of this model,",
}
_LIPS = {
    "student-teacher": "The student's mouth, drawn from noisy speech, follows the "
    "teacher's of the clean speech",
    "teacher-real": "The teacher's mouth follows the video's",
}


def model_overview(folder: Path, link: str) -> str:
    """A model in short, for a text that links to its card.

    Arguments
    ---------
    folder : Path
        Of the shipped model.
    link : str
        Path to it from the text.
    """
    parts = [f"### Model `{folder.name}`\n"]
    scores = read_model(folder)
    if scores:
        parts.append(
            prose(
                f"{len(scores.rows)} mixtures of speakers and noises that occur "
                f"nowhere in training; the rows are in [scores.csv]({link}/scores.csv)."
            )
        )
        parts.append(scores_table(scores, with_intervals=False))
        parts.append(_gains(scores))
        parts += _controls(folder, scores)
    parts += _lips(folder) + _speed(folder)
    parts.append(
        prose(
            f"The [model card]({link}/README.md) has the intervals, the controls, the "
            "lips, data, licences and limits."
        )
    )
    return "\n".join(parts)


def _gains(scores: Table) -> str:
    gains = []
    for name in MAIN:
        found = scores.at("all", name)
        if found and "gain" in found:
            gain = with_interval(found["gain"], found["gain_interval"], decimals(name))
            gains.append(f"{title(name)} {gain}{' dB' if unit(name) == 'dB' else ''}")
    return prose(f"Mean gains with 95 % intervals: {'; '.join(gains)}.")


def _controls(folder: Path, scores: Table) -> list[str]:
    """The two controls that show whether lips improve the scores."""
    tables = read_tables(folder / "controls")
    parts = []
    for name, begin in _CONTROLS.items():
        if name in tables and scores.has_same_list(tables[name]):
            changes = [
                f"{title(m)} by {difference_cell(tables[name].minus(scores, m), m)}"
                for m in ("pesq_wb", "stoi", "estoi")
            ]
            parts.append(prose(f"{begin} changes {'; '.join(changes)}."))
    if "baseline" not in tables:
        parts.append(prose("An audio-only baseline has not been measured yet."))
    return parts


def _lips(folder: Path) -> list[str]:
    """How well drawn mouths follow those that they should follow."""
    found = (read_json(folder / "lips.json") or {}).get("comparisons", {})
    sentences = []
    for comparison, begin in _LIPS.items():
        values = [
            f"{group['opening']['median']:.2f}"
            + ("" if group["snr"] == "clean" else f" at {number(group['snr'])} dB")
            for group in found.get(comparison, ())
            if "opening" in group and group["snr"] != "all"
        ]
        if values:
            sentences.append(
                f"{begin} with a correlation of {listed(values)} (opening at lag zero, "
                "median over clips)."
            )
    return [prose(" ".join(sentences))] if sentences else []


def _speed(folder: Path) -> list[str]:
    """Size, speed and latency."""
    shown = [
        " ".join(row) for row in benchmark_rows(folder) if re.match(_SHOWN, row[0])
    ]
    return [prose(f"Cost: {'; '.join(shown)}.")] if shown else []
