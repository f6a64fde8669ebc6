"""Figures: one style for all, rows of lips, and spectrograms.

Each function writes a PNG; who needs it whole or not at all writes to a temporary name.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import FPS, SAMPLE_RATE
from pvsd_modules.errors import PvsdError

# Colours that people with any colour vision tell apart (Okabe & Ito 2008), with a
# marker each, so that colour is never the only difference.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#555555"
_DPI = 160
_DYNAMIC_RANGE = 70.0  # dB below the loudest point that are shown
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}


def colour(index: int) -> str:
    """The colour of the n-th system."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """The marker of the n-th system."""
    return MARKERS[index % len(MARKERS)]


@contextmanager
def drawn(output: str | Path, width: float, height: float) -> Iterator:
    """Give an empty figure of a size in inches; it is written as a PNG when it is drawn
    without an error. A `PvsdError` without matplotlib."""
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PvsdError(
            "Figures need matplotlib: run pip install 'pvsd[train]'."
        ) from None
    # Without pyplot there is no window and no state outside of this block.
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        picture = io.BytesIO()  # without metadata: same data, same bytes
        figure.savefig(picture, dpi=_DPI, format="png", metadata={"Software": None})
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_bytes(picture.getvalue())


def lip_strip(
    lips: Tensor, columns: int, seconds: float | None = None
) -> tuple[np.ndarray, float]:
    """Frames side by side, each in the middle of the time that it stands for.

    Of ``[frames, height, width, 3]``, 0..1, at most one picture a frame. Returns bytes
    ``[height, columns * width, 3]``, white where there are no frames, and the seconds
    that it spans: those given, or all.
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


def _draw_strip(axes, lips: Tensor, columns: int, seconds: float, name: str) -> None:
    """Put a strip on axes whose abscissa is time in seconds."""
    picture, seconds = lip_strip(lips, columns, seconds)
    axes.imshow(picture, extent=(0, seconds, 0, 1), aspect="auto", zorder=1)
    axes.set_yticks([])
    axes.grid(False)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
    for side in axes.spines.values():
        side.set_visible(False)


def save_lip_sheet(
    clips: Mapping[str, Mapping[str, Tensor]], output: str | Path, columns: int = 12
) -> None:
    """Draw the lips of some clips as a PNG: a block for each clip, a row for each
    source.

    ``clips`` has, by the clip's name, lips ``[frames, 48, 96, 3]`` by the name of the
    row, such as video, teacher and student. All rows of a block show the same instants.
    """
    if not clips or not min(len(x) for rows in clips.values() for x in rows.values()):
        raise ValueError("no lips to draw")
    lines = [len(rows) for rows in clips.values()]
    width = 9.0
    row = (width - 1.0) / columns / 2  # a picture is twice as wide as high
    height = sum(lines) * (row + 0.05) + 0.62 * len(clips)
    with drawn(output, width, height) as figure:
        blocks = figure.subfigures(len(clips), 1, squeeze=False, height_ratios=lines)
        for block, (name, rows) in zip(blocks[:, 0], clips.items(), strict=True):
            grid = block.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
            shortest = min(len(lips) for lips in rows.values())
            for axes, (source, lips) in zip(grid, rows.items(), strict=True):
                _draw_strip(axes, lips[:shortest], columns, shortest / FPS, source)
                axes.tick_params(bottom=False, labelbottom=False)
            grid[0].set_title(name, loc="left", fontsize=10)
            grid[-1].tick_params(bottom=True, labelbottom=True)
            grid[-1].set_xlabel("time, s", labelpad=1)


def save_lip_rows(
    rows: Mapping[str, Tensor], output: str | Path, columns: int = 12
) -> None:
    """`save_lip_sheet` of one clip without a name."""
    save_lip_sheet({"": rows}, output, columns)


def save_spectrograms(
    signals: Mapping[str, Tensor],
    output: str | Path,
    lips: Tensor | None = None,
    rate: int = SAMPLE_RATE,
) -> None:
    """Draw spectrograms of ``[time]`` by title on one scale of decibels as a PNG and,
    below, lips ``[frames, height, width, 3]``, 0..1, 25 a second, on the same time."""
    levels = {name: decibels(signal, rate) for name, signal in signals.items()}
    loudest = max(float(level.max()) for level in levels.values())
    seconds = max(signal.shape[-1] for signal in signals.values()) / rate
    ratios = [3.0] * len(levels) + ([] if lips is None else [0.75])
    height = 1.55 * len(levels) + (0.5 if lips is None else 0.85)
    with drawn(output, 8.0, height) as figure:
        shape = {"sharex": True, "squeeze": False, "height_ratios": ratios}
        grid = figure.subplots(len(ratios), 1, **shape)[:, 0]
        for axes, (name, level) in zip(grid, levels.items(), strict=False):
            image = axes.imshow(
                level - loudest, origin="lower", aspect="auto", cmap="magma",
                extent=(0, signals[name].shape[-1] / rate, 0, rate / 2000),
                vmin=-_DYNAMIC_RANGE, vmax=0, interpolation="nearest",
            )  # fmt: skip
            axes.grid(False)
            axes.set_ylabel(f"{name}\nfrequency, kHz")
        if lips is not None:
            _draw_strip(grid[-1], lips, 10, seconds, "lips")
        grid[-1].set_xlim(0, seconds)
        grid[-1].set_xlabel("time, s")
        figure.colorbar(
            image, ax=list(grid[: len(levels)]), pad=0.015, aspect=35,
            label="level relative to the loudest, dB",
        )  # fmt: skip


def decibels(signal: Tensor, rate: int) -> np.ndarray:
    """Power spectrum ``[frequencies, steps]`` in dB: 32 ms windows every 8 ms."""
    signal = torch.as_tensor(signal).detach().cpu().float().reshape(-1)
    window, hop = max(16, round(0.032 * rate)), max(4, round(0.008 * rate))
    spectrum = torch.stft(
        signal, window, hop, window=torch.hann_window(window), pad_mode="constant",
        return_complex=True,
    )  # fmt: skip
    power = spectrum.abs().square() / window
    return (10 * torch.log10(power + 1e-10)).numpy()
