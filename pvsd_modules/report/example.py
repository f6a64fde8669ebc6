"""One recording as a figure: noisy, enhanced and clean above the lips."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.plots import decibels
from pvsd_modules.report.lips import draw_strip, lip_strip
from pvsd_modules.report.style import drawn

_DYNAMIC_RANGE = 70.0  # dB below the loudest point that are shown
_PICTURES = 10


def save_example(
    signals: Mapping[str, Tensor],
    output: str | Path,
    lips: Tensor | None = None,
    rate: int = SAMPLE_RATE,
) -> None:
    """Draw spectrograms on one scale of decibels and, below, lips on the same time.

    Arguments
    ---------
    signals : mapping
        ``[time]`` by title, such as noisy, enhanced and clean.
    output : str or Path
        PNG file to write.
    lips : Tensor or None
        ``[frames, height, width, 3]``, 0..1, 25 a second.
    rate : int
        Samples a second.
    """
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
            picture, span = lip_strip(lips, _PICTURES, seconds)
            draw_strip(grid[-1], picture, span, "lips")
        grid[-1].set_xlim(0, seconds)
        grid[-1].set_xlabel("time, s")
        figure.colorbar(
            image, ax=list(grid[: len(levels)]), pad=0.015, aspect=35,
            label="level relative to the loudest, dB",
        )  # fmt: skip
