"""Lips on paper: strips along a time axis, sheets of clips, tables of scores."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from pvsd_modules.alignment import FPS
from pvsd_modules.report.style import drawn
from pvsd_modules.report.text import number, table

_TITLES = {
    "student-teacher": "Student from noisy speech, against the teacher from clean",
    "teacher-teacher": "Teacher from noisy speech, against itself from clean",
    "teacher-real": "Teacher against the frames of the video",
    "student-real": "Student against the frames of the video",
}


def lip_strip(
    lips: Tensor, columns: int, seconds: float | None = None
) -> tuple[np.ndarray, float]:
    """Frames beside each other, each in the middle of the time that it stands for.

    Arguments
    ---------
    lips : Tensor
        ``[frames, height, width, 3]``, 0..1.
    columns : int
        Pictures in the strip, at most one a frame.
    seconds : float or None
        How long a time the strip spans; None for all frames.

    Returns
    -------
    picture : np.ndarray
        ``[height, columns * width, 3]``, bytes; white where there are no frames.
    seconds : float
        The time that it spans.
    """
    seconds = len(lips) / FPS if seconds is None else seconds
    columns = max(1, min(columns, round(seconds * FPS)))
    instants = (np.arange(columns) + 0.5) * seconds / columns
    height, width = lips.shape[1:3]
    strip = np.full((height, columns, width, 3), 255, np.uint8)
    for column, frame in enumerate((instants * FPS).astype(int)):
        if frame < len(lips):
            picture = lips[frame].detach().cpu().float().clamp(0, 1).numpy()
            strip[:, column] = (picture * 255).round()
    strip[:, :, -max(1, width // 64) :] = 255  # a line between two pictures
    return strip.reshape(height, columns * width, 3), seconds


def draw_strip(axes, picture: np.ndarray, seconds: float, name: str) -> None:
    """Put a strip on axes whose abscissa is time in seconds."""
    axes.imshow(picture, extent=(0, seconds, 0, 1), aspect="auto", zorder=1)
    axes.set_yticks([])
    axes.grid(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
    for side in axes.spines.values():
        side.set_visible(False)


def save_lip_sheet(
    clips: Mapping[str, Mapping[str, Tensor]], output: str | Path, columns: int = 12
) -> None:
    """Draw the lips of some clips: a block a clip, a row for who made them.

    Arguments
    ---------
    clips : mapping
        By the clip's name, lips ``[frames, 48, 96, 3]`` by the name of the row, such
        as video, teacher and student. All rows of a block show the same instants.
    output : str or Path
        PNG file to write.
    columns : int
        Pictures in a row.
    """
    if not clips:
        raise ValueError("no clips to draw")
    lines = [len(rows) for rows in clips.values()]
    width = 9.0
    row = (width - 1.0) / columns / 2  # a picture is twice as wide as high
    height = sum(lines) * (row + 0.05) + 0.62 * len(clips)
    with drawn(output, width, height) as figure:
        blocks = figure.subfigures(len(clips), 1, squeeze=False, height_ratios=lines)
        for block, (name, rows) in zip(blocks[:, 0], clips.items(), strict=True):
            grid = block.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
            shortest = min(len(lips) for lips in rows.values())
            for axes, (maker, lips) in zip(grid, rows.items(), strict=True):
                picture, seconds = lip_strip(lips[:shortest], columns)
                draw_strip(axes, picture, seconds, maker)
                axes.tick_params(bottom=False, labelbottom=False)
            grid[0].set_title(name, loc="left", fontsize=10)
            grid[-1].tick_params(bottom=True, labelbottom=True)
            grid[-1].set_xlabel("time, s", labelpad=1)


def lips_markdown(summary: dict) -> str:
    """A summary of lips in Markdown, a table for each comparison.

    Arguments
    ---------
    summary : dict
        ``comparisons`` of `pvsd_modules.evaluation.lip_scores.summarise_lips`.

    Returns
    -------
    str
    """
    parts = []
    for name, groups in summary["comparisons"].items():
        parts.append(f"{_TITLES.get(name, name)}:\n\n{_comparison(groups)}")
    return "\n".join(parts)


def _comparison(groups: list[dict]) -> str:
    with_sync = any("lse_d" in group for group in groups)
    head = ["SNR, dB", "clips", "opening, median", "opening, 10th percentile"]
    head += ["lag 0", "lag within 1 frame", "opening at best lag", "L1", "PSNR, dB"]
    head += ["LSE-D", "LSE-C"] if with_sync else []
    rows = []
    for group in groups:
        row = [number(group["snr"]), str(group["clips"])]
        row += [
            _value(group, "opening", "median", 2),
            _value(group, "opening", "p10", 2),
        ]
        row += [_share(group, "lag_zero"), _share(group, "lag_within_1")]
        row.append(_value(group, "opening_at_lag", "median", 2))
        row += [_value(group, "l1", "mean", 4), _value(group, "psnr", "mean", 1)]
        if with_sync:
            row += [_pair(group, "lse_d"), _pair(group, "lse_c")]
        rows.append(row)
    return table(head, rows)


def _value(group: dict, measure: str, statistic: str, decimals: int) -> str:
    if measure not in group:
        return "undefined"
    return f"{group[measure][statistic]:.{decimals}f}"


def _share(group: dict, key: str) -> str:
    return f"{100 * group[key]:.0f} %" if key in group else "undefined"


def _pair(group: dict, measure: str) -> str:
    """Of the drawn lips and, in brackets, of the wanted ones."""
    drawn_lips = _value(group, measure, "mean", 2)
    return f"{drawn_lips} ({_value(group, f'wanted_{measure}', 'mean', 2)})"
