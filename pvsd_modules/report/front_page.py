"""The shipped models side by side, for the README."""

from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import MAIN, decimals, label
from pvsd_modules.evaluation.text import prose, signed, table
from pvsd_modules.report.sections import NOT_MEASURED, benchmark_rows, read_model
from pvsd_modules.report.table import Table


def models_table(models: dict[Path, str]) -> str:
    """Cost and mean scores of each model, with the gains over the noisy input, in
    Markdown.

    ``models`` has the folder of each and the path by which the text links to it.
    """
    head = ["model", "latency", "parameters", "CPU-s per s", *map(label, MAIN)]
    rows, scored = [], {}
    for folder, link in models.items():
        costs = {name: value for name, value, _ in benchmark_rows(folder)}
        scores = read_model(folder)
        scored[folder.name] = len(scores.rows) if scores else 0
        rows.append(
            [
                f"[`{folder.name}`]({link}/README.md)",
                f"{costs.get('latency of the algorithm', '?')} ms",
                _parameters(costs),
                costs.get("enhance, fp32, 1 thread", "?"),
                *(_cell(scores, name) for name in MAIN),
            ]
        )
    if not any(scored.values()):
        return NOT_MEASURED
    counts = sorted(set(scored.values()))
    note = (
        f"Means over {' or '.join(map(str, counts))} mixtures at -5, 0, 5 and 10 dB of "
        "speakers and noises that are not in the training data; in brackets the gain "
        "over the noisy input. CPU-seconds for each second of audio on one core."
    )
    return f"{table(head, rows)}\n{prose(note)}"


def _parameters(costs: dict[str, str]) -> str:
    parts = [costs.get(f"parameters, {name}") for name in ("student", "denoiser")]
    if None in parts:
        return "?"
    return f"{sum(map(float, parts)):.2f} M"


def _cell(scores: Table | None, name: str) -> str:
    found = scores and scores.at("all", name)
    if not found:
        return "?"
    if "gain" not in found:
        raise PvsdError(f"The scores lack noisy_{name}: score the model again.")
    places = decimals(name)
    return f"{found['mean']:.{places}f} ({signed(found['gain'], places)})"
