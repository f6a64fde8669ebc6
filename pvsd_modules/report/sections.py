"""The numbers of a model card, made of the tables that lie beside it."""

import json
from functools import lru_cache
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import DNSMOS, MAIN, decimals, label
from pvsd_modules.evaluation.text import (
    number,
    p_value,
    prose,
    signed,
    table,
    undefined,
    with_interval,
)
from pvsd_modules.report.lips import lips_markdown
from pvsd_modules.report.table import Table

NOT_MEASURED = "Not measured yet."
#: Tables of a model with other lips, by the name of the file, in their order.
LIPS = {
    "none": "none",
    "zeros": "black frames",
    "held": "the student's first frame, held",
    "shuffled": "the student's of another utterance",
    "teacher": "the teacher's, of the clean speech",
    "baseline": "none: the audio-only baseline of equal size",
    "student": "the student's, of the noisy speech",
    "real": "of the video",
}
#: After the name of another list: the scores of the audio-only baseline on it.
BASELINE_OF = "_baseline"
#: A PESQ-WB that is lower by more than this is reported.
HARM = 0.1


def scores_section(folder: Path) -> str:
    """Mean scores by SNR with the gains over the noisy input."""
    scores = read_model(folder)
    return scores_table(scores) if scores else NOT_MEASURED


def rooms_section(folder: Path) -> str:
    """DNSMOS of recordings in rooms, see recipes/LRS3_VGGSound/play_in_rooms.py."""
    scores = read_model(folder, "rooms.csv")
    return scores_table(scores, names=DNSMOS) if scores else NOT_MEASURED


def scores_table(scores: Table, with_intervals: bool = True, names=MAIN) -> str:
    """Means by SNR and, in brackets, the gains."""
    rows = []
    for snr in [*scores.levels, "all"]:
        cells = [
            _gain_cell(scores.at(snr, name), name, with_intervals) for name in names
        ]
        rows.append([number(snr), str(len(scores.files(snr))), *cells])
    text = "Means; in brackets the gain over the noisy input"
    text += ", with its 95 % bootstrap interval." if with_intervals else "."
    for titles, files in scores.lost(list(names)):
        text += (
            f" {undefined(titles, len(files))} ({', '.join(files)}), which are left "
        )
        text += "out of the means."
    if scores.failures:
        text += f" Failed: {', '.join(scores.failures)}."
    head = ["SNR, dB", "files", *(label(name) for name in names)]
    return f"{table(head, rows)}\n{prose(text)}"


def _gain_cell(found: dict | None, name: str, with_interval_: bool) -> str:
    if found is None:
        return "undefined"
    places = decimals(name)
    mean = f"{found['mean']:.{places}f}"
    if "gain" not in found:
        return mean
    gain = signed(found["gain"], places)
    if with_interval_:
        low, high = (signed(end, places) for end in found["gain_interval"])
        gain += f"; {low} to {high}"
    return f"{mean} ({gain})"


def controls_section(folder: Path) -> str:
    """The same mixtures with other lips: paired differences, and other conditions."""
    scores, controls = read_model(folder), read_tables(folder / "controls")
    if not scores or not controls:
        return NOT_MEASURED
    same = {n: table for n, table in controls.items() if scores.has_same_list(table)}
    parts = []
    if same:
        parts.append(_differences("All recordings", scores, same))
        if any(snr <= 0 for snr in scores.levels) and scores.levels[-1] > 0:
            parts.append(_differences("At 0 dB and below", scores, same, highest=0))
        parts.append(
            prose(
                "The model as it is, less the control: paired differences of the means "
                "with 95 % bootstrap intervals, and two-sided p-values of a sign-flip "
                "permutation test."
            )
        )
    for name, other in controls.items():
        if name in same or name.removesuffix(BASELINE_OF) in controls.keys() - {name}:
            continue
        parts.append(f"Other recordings, `{name}`:\n\n{scores_table(other)}")
        parts.append(_losers(other))
        baseline = controls.get(name + BASELINE_OF)
        if baseline:
            parts.append(_differences(f"`{name}`", other, {"baseline": baseline}))
    return "\n".join(parts)


def _losers(scores: Table) -> str:
    """How many recordings have a lower score than their noisy input."""
    pairs = [(row.get("pesq_wb"), row.get("noisy_pesq_wb")) for row in scores.rows]
    gains = [after - before for after, before in pairs if None not in (after, before)]
    if not gains:
        return ""
    lost = sum(gain < -HARM for gain in gains)
    text = f"PESQ-WB falls by more than {HARM} in {lost} of {len(gains)} recordings"
    return prose(f"{text}, at worst by {-min(gains):.2f}." if lost else f"{text}.")


def _differences(title: str, scores: Table, controls: dict, highest=None) -> str:
    rows = [
        [
            LIPS.get(name, name),
            *(difference_cell(scores.minus(other, m, highest), m) for m in MAIN),
        ]
        for name, other in controls.items()
    ]
    return table([f"{title}: lips", *(label(name) for name in MAIN)], rows)


def difference_cell(found: dict | None, name: str) -> str:
    """A paired difference, its interval and its p-value."""
    if found is None:
        return "undefined"
    value = with_interval(found["difference"], found["interval"], decimals(name) + 1)
    return f"{value}, {p_value(found['p_value'])}"


def grid_section(folder: Path) -> str:
    """Clips with video: pseudo lips compared with real lips."""
    tables = read_tables(folder / "grid")
    if not tables:
        return NOT_MEASURED
    rows = []
    for name, scores in tables.items():
        cells = [_gain_cell(scores.at("all", m), m, False) for m in MAIN]
        rows.append([LIPS.get(name, name), str(len(scores.rows)), *cells])
    head = ["lips", "files", *(label(name) for name in MAIN)]
    parts = [table(head, rows), "Means; in brackets the gain over the noisy input.\n"]
    if "student" in tables and "real" in tables:
        pair = tables["student"].minus(tables["real"], "stoi")
        if pair:
            share = 100 * pair["mean_b"] / pair["mean_a"]
            difference = with_interval(pair["difference"], pair["interval"], 4)
            parts.append(
                prose(
                    f"With pseudo lips STOI is {share:.1f} % of that with real lips "
                    f"(paired difference {difference}, {p_value(pair['p_value'])})."
                )
            )
        snrs = [row["snr"] for row in tables["real"].rows if row.get("snr") is not None]
        lowest = min(snrs, default=None)
        pair = tables["real"].minus(tables["student"], "stoi", lowest)
        if pair and lowest is not None:
            difference = with_interval(pair["difference"], pair["interval"], 4)
            parts.append(
                prose(
                    f"At {lowest:g} dB the STOI with real lips, less that with pseudo "
                    f"lips, is {difference}, {p_value(pair['p_value'])}."
                )
            )
    return "\n".join(parts)


def lips_section(folder: Path) -> str:
    """How the generated lips move, see recipes/LRS3_VGGSound/evaluate_lips.py."""
    summary = read_json(folder / "lips.json")
    return lips_markdown(summary) if summary else NOT_MEASURED


def speed_section(folder: Path, file: str = "benchmark.json") -> str:
    """The figures of a benchmark."""
    rows = benchmark_rows(folder, file)
    if not rows:
        return NOT_MEASURED
    machine = read_json(folder / file)["machine"]
    return f"{table(['what', 'value', 'unit'], rows)}\nMachine: {machine}.\n"


def benchmark_rows(folder: Path, file: str = "benchmark.json") -> list[list[str]]:
    """The rows of a benchmark: name, value and unit; [] without one.

    Raises
    ------
    PvsdError
        If it is no benchmark.
    """
    path = folder / file
    found = read_json(path)
    if not found:
        return []
    try:
        str(found["machine"])
        rows = [(row["name"], row["value"], row["unit"]) for row in found["rows"]]
        return [[name, f"{value:.4g}", unit] for name, value, unit in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise PvsdError(
            f"{path} is no benchmark: it needs a machine, and rows with name, value "
            "and unit."
        ) from error


def curves_section(folder: Path) -> str:
    """The learning curves of the logs in ``training/``."""
    logs = sorted((folder / "training").glob("*.txt"))
    shown = [
        f"![Learning curve: {log.stem.replace('_', ' ')}](training/{log.stem}.png)"
        for log in logs
    ]
    return "\n\n".join(shown) if shown else NOT_MEASURED


SECTIONS = {
    "scores": scores_section,
    "rooms": rooms_section,
    "controls": controls_section,
    "grid": grid_section,
    "lips": lips_section,
    "speed": speed_section,
    "curves": curves_section,
}


def read_model(folder: Path, name: str = "scores.csv") -> Table | None:
    """The scores of a model; None where they are not made yet."""
    path = folder / name
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


def read_tables(folder: Path) -> dict[str, Table]:
    """The tables of scores of a folder, the known ones first."""
    paths = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    order = dict.fromkeys([*(name for name in LIPS if name in paths), *paths])
    return {n: _read(paths[n], paths[n].stat().st_mtime_ns) for n in order}


@lru_cache(32)
def _read(path: Path, _changed: int) -> Table:
    """A table of scores; several texts show the same statistics of it."""
    return Table.read(path)


def read_json(path: Path) -> dict | None:
    """A JSON file; None where there is none."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PvsdError(f"{path} is no JSON file: {error}.") from error
