"""Learning curves, from the logs that SpeechBrain's FileTrainLogger writes."""

import re
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.plots import GREY, colour, drawn, marker

_PAIR = re.compile(r"([a-z][\w ]*): (-?[\d.]+(?:e[+-]?\d+)?)(?=,| - |$)", re.I)
#: What is drawn beside the loss, the first that a log has.
_MEASURES = {
    "valid pesq_gain": "gain in PESQ-WB, MOS-LQO",
    "valid pesq": "PESQ-WB, MOS-LQO",
    "valid opening": "opening of the mouth, correlation",
}


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The validations of a training log, by name.

    Lines such as ``epoch: 1, step: 99, lr: 9.9e-04 - train loss: 0.47 - valid loss:
    0.41``; others, such as the test's, are left out. ``step`` is counted on where a run
    was continued, ``part`` is the number of the run. What is no such log is a
    `PvsdError`.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PvsdError(f"{path} cannot be read as a training log: {error}.") from None
    entries, offset, last, part = [], 0.0, 0.0, 0
    for line in lines:
        found = {name.strip(): float(value) for name, value in _PAIR.findall(line)}
        if "valid loss" not in found:
            continue
        step = found.get("step", found.get("epoch", len(entries) + 1.0))
        if entries and step <= last:  # another run that went on from this one
            offset, part = entries[-1]["step"], part + 1
        last = step
        entries.append({**found, "step": offset + step, "part": part})
    if not entries:
        raise PvsdError(f"{path} is no training log: no line has a valid loss.")
    return entries


def save_curves(path: str | Path, output: str | Path) -> None:
    """Draw losses and, beside them, what the validation measured, against steps, as a
    PNG; see `read_log`."""
    entries = read_log(path)
    name = next((key for key in _MEASURES if key in entries[0]), None)
    steps = [entry["step"] for entry in entries]
    restarts = [
        before["step"]
        for before, after in zip(entries, entries[1:], strict=False)
        if after["part"] != before["part"]
    ]
    with drawn(output, 7.2 if name else 4.2, 3.0) as figure:
        grid = figure.subplots(1, 2 if name else 1, squeeze=False)[0]
        for i, kind in enumerate(("train loss", "valid loss")):
            if kind in entries[0]:
                losses = [entry.get(kind) for entry in entries]
                label = {"train loss": "training", "valid loss": "validation"}[kind]
                grid[0].plot(
                    steps, losses, marker=marker(i), color=colour(i), label=label
                )
        grid[0].set_ylabel("loss")
        grid[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        if name:
            values = [entry.get(name) for entry in entries]
            grid[1].plot(steps, values, marker=marker(1), color=colour(1))
            grid[1].set_ylabel(f"{_MEASURES[name]}\n(validation)")
        for axes in grid:
            axes.set_xlabel("optimiser steps")
            axes.set_xlim(left=0)
            axes.locator_params(axis="x", nbins=6)
            for step in restarts:
                axes.axvline(step, color=GREY, linewidth=1, linestyle=":")
