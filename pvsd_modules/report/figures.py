"""Figures of scores: against SNR by system, and by noise class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pvsd_modules.evaluation.measures import label, title, unit
from pvsd_modules.evaluation.text import number
from pvsd_modules.plots import GREY, colour, drawn, marker
from pvsd_modules.report.table import Table

_CLASSES = 16  # that a figure has room for
_FEWEST = 3  # recordings that make a class worth a box


def save_against_snr(
    systems: Mapping[str, Table], name: str, output: str | Path
) -> None:
    """Draw a measure against the SNR as a PNG: means with 95 % bootstrap intervals of
    the tables of the systems, by name."""
    curves = [
        (system, _curve(scores, name, "mean"), colour(i), marker(i), "-")
        for i, (system, scores) in enumerate(systems.items())
    ]
    inputs = [_curve(scores, name, "noisy") for scores in systems.values()]
    if any(inputs):
        noisy = next(curve for curve in inputs if curve)
        curves.append(("noisy input", noisy, GREY, "x", "--"))
    curves = [curve for curve in curves if curve[1]]
    has_levels = any(scores.levels for scores in systems.values())
    levels = sorted({snr for _, curve, *_ in curves for snr, *_ in curve})
    gap = min(np.diff(levels), default=1.0)
    with drawn(output, 4.6, 3.5) as figure:
        axes = figure.subplots()
        for index, (system, curve, tint, shape, line) in enumerate(curves):
            # Beside each other, so that no interval hides another.
            shift = (index - (len(curves) - 1) / 2) * 0.035 * gap
            at, mean, low, high = (np.array(x) for x in zip(*curve, strict=True))
            axes.errorbar(
                at + shift, mean, [mean - low, high - mean], label=system, color=tint,
                marker=shape, linestyle=line, capsize=2.5, elinewidth=1.1,
            )  # fmt: skip
        axes.set_xticks(levels, [number(level) for level in levels])
        axes.set_xlabel("SNR of the input, dB")
        if not has_levels:
            axes.set_xticks([0], ["all recordings"])
            axes.set_xlabel("")
        axes.set_ylabel(label(name))
        axes.margins(x=0.06)
        figure.legend(loc="outside upper center", ncols=2)


def _curve(scores: Table, name: str, key: str) -> list[tuple]:
    """``(snr, mean, low, high)``; one point at 0 where no SNR is known."""
    points = []
    for snr in scores.levels or ["all"]:
        found = scores.at(snr, name)
        if found and key in found:
            at = 0.0 if snr == "all" else snr
            points.append((at, found[key], *found[f"{key}_interval"]))
    return points


def save_by_class(systems: Mapping[str, Table], name: str, output: str | Path) -> str:
    """Draw box plots of a measure's gain over the noisy input by noise class.

    Of many classes only those at both ends are drawn, by the median of the first
    system; classes of fewer than three recordings never are. Returns a sentence on what
    is drawn and what is left out.
    """
    gains = {system: _gains(scores.rows, name) for system, scores in systems.items()}
    first = next(iter(gains.values()))
    large = [key for key, values in first.items() if len(values) >= _FEWEST]
    order = sorted(large, key=lambda key: np.median(first[key]))
    cut = len(order) > _CLASSES
    shown = order[: _CLASSES // 2] + order[-(_CLASSES // 2) :] if cut else order
    for own in gains.values():
        own["all"] = np.concatenate([*own.values(), []])
    shown = [*shown, "all"]
    with drawn(output, 6.4, 0.9 + len(shown) * (0.14 + 0.13 * len(gains))) as figure:
        axes = figure.subplots()
        height = 0.72 / len(gains)
        for i, (system, own) in enumerate(gains.items()):
            rows = np.arange(len(shown)) + 0.36 - height * (i + 0.5)
            boxes = [own.get(key, np.array([])) for key in shown]
            _draw_boxes(axes, boxes, rows, height, colour(i), system)
        axes.axvline(0, color=GREY, linewidth=1)
        if cut:
            axes.axhline(_CLASSES // 2 - 0.5, color=GREY, linewidth=1, linestyle=":")
        axes.axhline(len(shown) - 1.5, color=GREY, linewidth=0.8)
        labels = [f"{key.replace('_', ' ')} ({len(first[key])})" for key in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.grid(axis="y", visible=False)
        scale = f", {unit(name)}" if unit(name) else ""
        axes.set_xlabel(f"gain in {title(name)} over the noisy input{scale}")
        if len(gains) > 1:
            figure.legend(loc="outside upper center", ncols=3)
    return _caption(len(first) - 1, len(large), cut)


def _draw_boxes(axes, boxes, rows, height, tint, system) -> None:
    drawn_boxes = axes.boxplot(
        boxes, positions=rows, widths=0.8 * height, orientation="horizontal",
        patch_artist=True, showfliers=False, manage_ticks=False,
        medianprops={"color": "black", "linewidth": 1.3},
        whiskerprops={"color": tint}, capprops={"color": tint},
        boxprops={"facecolor": tint, "edgecolor": tint, "alpha": 0.45},
    )  # fmt: skip
    drawn_boxes["boxes"][0].set_label(system)
    for values, row in zip(boxes, rows, strict=True):
        if len(values) <= 30:  # few are shown one by one, a crowd would hide the box
            axes.plot(values, np.full(len(values), row), ".", color=tint, markersize=3)


def _gains(rows: list[dict], name: str) -> dict[str, np.ndarray]:
    found = {}
    for row in rows:
        after, before = row.get(name), row.get(f"noisy_{name}")
        if after is not None and before is not None:
            category = row.get("category") or "unnamed"
            found.setdefault(category, []).append(after - before)
    return {key: np.array(values) for key, values in found.items()}


def _caption(classes: int, large: int, cut: bool) -> str:
    text = "Boxes: quartiles, line: median, whiskers: 1.5 interquartile ranges."
    if cut:
        half = _CLASSES // 2
        text += f" Of {large} classes the {half} that gain least and the {half} that "
        text += "gain most, by the median of the first system."
    if classes > large:
        text += f" Left out: {classes - large} classes of fewer than {_FEWEST} files."
    return text + " In brackets: recordings."
