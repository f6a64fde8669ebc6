"""What a model card says in numbers, made of the tables that lie beside it."""

import json
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.report.comparison import difference, same_list
from pvsd_modules.report.lips import lips_markdown
from pvsd_modules.report.measures import MAIN, Table, decimals, label
from pvsd_modules.report.text import (
    number,
    p_value,
    prose,
    signed,
    table,
    undefined,
    with_interval,
)

NOT_MEASURED = "Not measured yet."
_LIPS = {
    "none": "none",
    "zeros": "black frames",
    "frozen": "the student's first frame, held",
    "shuffled": "the student's of another utterance",
    "teacher": "the teacher's, of the clean speech",
    "twin": "none: the twin, trained without lips",
    "student": "the student's, of the noisy speech",
    "real": "of the video",
}
_ORDER = list(_LIPS)


def scores_section(folder: Path) -> str:
    """Mean scores by SNR with the gains over the noisy input."""
    scores = read_model(folder)
    return scores_table(scores) if scores else NOT_MEASURED


def scores_table(scores: Table, with_intervals: bool = True) -> str:
    """Means by SNR and, in brackets, the gains."""
    head = ["SNR, dB", "files", *(label(name) for name in MAIN)]
    lines = []
    for group in scores.summary["groups"]:
        cells = [_gain_cell(group.get(name), name, with_intervals) for name in MAIN]
        lines.append([number(group["snr"]), str(group["files"]), *cells])
    told = "Means; in brackets the gain over the noisy input"
    told += ", with its 95 % bootstrap interval." if with_intervals else "."
    return f"{table(head, lines)}\n{prose(told + _lost(scores))}"


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


def _lost(scores: Table) -> str:
    """Which recordings have no score."""
    told = "".join(
        f" {undefined(titles, len(files))} ({', '.join(files)}), which are left out of "
        "the means."
        for titles, files in scores.lost(list(MAIN))
    )
    failed = scores.summary["failures"]
    return told + (f" Failed: {', '.join(failed)}." if failed else "")


#: What the twin's scores of another list are called: the list's name, and this.
TWIN_OF = "_twin"


def controls_section(folder: Path) -> str:
    """The same mixtures with other lips: paired differences, and other conditions."""
    scores, controls = read_model(folder), read_tables(folder / "controls")
    if not scores or not controls:
        return NOT_MEASURED
    reference = scores.rows
    alike = {
        name: control.rows
        for name, control in controls.items()
        if same_list(reference, control.rows)
    }
    parts = []
    if alike:
        parts.append(_differences("All recordings", reference, alike))
        low = [r for r in reference if r.get("snr") is not None and r["snr"] <= 0]
        if low and len(low) < len(reference):
            parts.append(_differences("At 0 dB and below", low, alike))
        parts.append(
            prose(
                "The model as it is, less the control: paired differences of the means "
                "with 95 % bootstrap intervals, and two-sided p-values of a sign-flip "
                "permutation test."
            )
        )
    others = {name: table for name, table in controls.items() if name not in alike}
    twins = {name + TWIN_OF for name in others}
    for name, other in others.items():
        if name in twins:
            continue
        parts.append(f"Other recordings, `{name}`:\n\n{scores_table(other)}")
        parts.append(_losers(other))
        twin = others.get(name + TWIN_OF)
        if twin:
            parts.append(_differences(f"`{name}`", other.rows, {"twin": twin.rows}))
    return "\n".join(parts)


#: A PESQ-WB that is lower by more than this is told of.
HARM = 0.1


def _losers(scores: Table) -> str:
    """How many recordings came out worse than they went in."""
    pairs = [(row.get("pesq_wb"), row.get("noisy_pesq_wb")) for row in scores.rows]
    gains = [after - before for after, before in pairs if None not in (after, before)]
    if not gains:
        return ""
    lost = sum(gain < -HARM for gain in gains)
    told = f"PESQ-WB falls by more than {HARM} in {lost} of {len(gains)} recordings"
    if lost:
        told += f", at worst by {-min(gains):.2f}"
    return prose(f"{told}.")


def _differences(title: str, reference: list[dict], controls: dict) -> str:
    head = [f"{title}: lips", *(label(name) for name in MAIN)]
    lines = []
    for name, rows in controls.items():
        cells = [difference_cell(difference(rows, reference, m), m) for m in MAIN]
        lines.append([_LIPS.get(name, name), *cells])
    return table(head, lines)


def difference_cell(found: dict | None, name: str) -> str:
    """A paired difference, its interval and its p-value."""
    if found is None:
        return "undefined"
    value = with_interval(found["difference"], found["interval"], decimals(name) + 1)
    return f"{value}, {p_value(found['p_value'])}"


def grid_section(folder: Path) -> str:
    """Clips with video: what pseudo lips reach of what real lips reach."""
    tables = read_tables(folder / "grid")
    if not tables:
        return NOT_MEASURED
    head = ["lips", "files", *(label(name) for name in MAIN)]
    lines = []
    for name, scores in tables.items():
        cells = [_gain_cell(scores.at("all", m), m, False) for m in MAIN]
        lines.append([_LIPS.get(name, name), str(len(scores.rows)), *cells])
    parts = [table(head, lines), "Means; in brackets the gain over the noisy input.\n"]
    if "student" in tables and "real" in tables:
        pair = difference(tables["real"].rows, tables["student"].rows, "stoi")
        if pair:
            share = 100 * pair["mean_b"] / pair["mean_a"]
            told = with_interval(pair["difference"], pair["interval"], 4)
            parts.append(
                prose(
                    f"With pseudo lips STOI is {share:.1f} % of that with real lips "
                    f"(paired difference {told}, {p_value(pair['p_value'])})."
                )
            )
    return "\n".join(parts)


def lips_section(folder: Path) -> str:
    """How the drawn lips move, see recipes/LRS3_VGGSound/evaluate_lips.py."""
    summary = read_json(folder / "lips.json")
    return lips_markdown(summary) if summary else NOT_MEASURED


def speed_section(folder: Path, file: str = "benchmark.json") -> str:
    """What a benchmark measured."""
    rows = benchmark_rows(folder, file)
    if not rows:
        return NOT_MEASURED
    machine = read_json(folder / file)["machine"]
    return f"{table(['what', 'value', 'unit'], rows)}\nMachine: {machine}.\n"


def benchmark_rows(folder: Path, file: str = "benchmark.json") -> list[list[str]]:
    """The rows of a benchmark: what, how much, of what; [] without one.

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
    "controls": controls_section,
    "grid": grid_section,
    "lips": lips_section,
    "speed": speed_section,
    "curves": curves_section,
}


def read_model(folder: Path) -> Table | None:
    """The scores of a model; None where they are not made yet."""
    path = folder / "scores.csv"
    return Table.read(path) if path.is_file() else None


def read_tables(folder: Path) -> dict[str, Table]:
    """The tables of scores of a folder, the known ones first."""
    names = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    order = [n for n in _ORDER if n in names] + [n for n in names if n not in _ORDER]
    return {name: Table.read(names[name]) for name in order}


def read_json(path: Path) -> dict | None:
    """A JSON file; None where there is none."""
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PvsdError(f"{path} is no JSON file: {error}.") from error
