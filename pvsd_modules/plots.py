"""Pictures to judge a system by: rows of lips, and spectrograms."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from pvsd_modules.alignment import FPS, SAMPLE_RATE

_DYNAMIC_RANGE = 80.0  # dB below the loudest point that are shown
_DPI = 120


def save_lip_rows(
    rows: Mapping[str, torch.Tensor], output: str | Path, columns: int = 12
) -> None:
    """Draw sequences of lips below each other, the same instants in one column.

    Arguments
    ---------
    rows : mapping of str to torch.Tensor
        Lips ``[frames, height, width, 3]``, 0..1, under the names that are to stand
        beside them; such as the teacher's first and the student's second.
    output : str or Path
        PNG file to write.
    columns : int
        Frames to show, evenly spread over the shortest sequence.
    """
    frames = min(len(lips) for lips in rows.values())
    if frames == 0:
        raise ValueError("no frames to draw")
    columns = min(columns, frames)
    shown = np.linspace(0, frames - 1, columns).round().astype(int)
    height, width = next(iter(rows.values())).shape[1:3]
    cell = 1.1  # inches that one frame is wide
    figure = _figure(cell * columns + 1.0, cell * height / width * len(rows) + 0.5)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, lips) in zip(grid, rows.items(), strict=True):
        for axes, frame in zip(line, shown, strict=True):
            axes.imshow(_picture(lips[frame]), aspect="equal")
            axes.set_xticks([])
            axes.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    for axes, frame in zip(grid[-1], shown, strict=True):
        axes.set_xlabel(f"{frame / FPS:.2f} s", fontsize=8)
    _save(figure, output)


def save_spectrograms(
    signals: Mapping[str, torch.Tensor], output: str | Path, rate: int = SAMPLE_RATE
) -> None:
    """Draw spectrograms below each other, on one scale of decibels.

    Arguments
    ---------
    signals : mapping of str to torch.Tensor
        Signals ``[time]`` under their titles; such as noisy, enhanced and clean.
    output : str or Path
        PNG file to write.
    rate : int
        Samples a second.
    """
    levels = {name: decibels(signal, rate) for name, signal in signals.items()}
    loudest = max(float(level.max()) for level in levels.values())
    longest = max(signal.shape[-1] for signal in signals.values()) / rate
    figure = _figure(8.0, 1.9 * len(levels) + 0.6)
    grid = figure.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, level) in zip(grid, levels.items(), strict=True):
        duration = signals[name].shape[-1] / rate
        image = axes.imshow(
            level - loudest,
            origin="lower",
            aspect="auto",
            extent=(0, duration, 0, rate / 2000),
            vmin=-_DYNAMIC_RANGE,
            vmax=0,
            cmap="magma",
            interpolation="nearest",
        )
        axes.set_title(name, fontsize=10, loc="left", pad=3)
        axes.set_ylabel("kHz")
        axes.set_xlim(0, longest)
    grid[-1].set_xlabel("s")
    figure.colorbar(image, ax=list(grid), label="dB below the loudest", pad=0.02)
    _save(figure, output)


def _figure(width: float, height: float):
    """A figure without pyplot, hence without a window and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    FigureCanvasAgg(figure)
    return figure


def _save(figure, output: str | Path) -> None:
    """Write a PNG in one go, so that a failure while drawing leaves no part of it."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_DPI, format="png")
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(drawn.getvalue())


def _picture(picture: torch.Tensor | np.ndarray) -> np.ndarray:
    """Bytes of a picture, floats clipped to 0..1."""
    picture = torch.as_tensor(picture).detach().cpu()
    if picture.is_floating_point():
        picture = (picture.float().clamp(0, 1) * 255).round()
    return picture.to(torch.uint8).numpy()


def decibels(signal: torch.Tensor, rate: int) -> np.ndarray:
    """Power spectrum ``[frequencies, steps]`` in dB: 32 ms windows every 8 ms."""
    signal = torch.as_tensor(signal).detach().cpu().float().reshape(-1)
    window, hop = max(16, round(0.032 * rate)), max(4, round(0.008 * rate))
    spectrum = torch.stft(
        signal, window, hop, window=torch.hann_window(window), pad_mode="constant",
        return_complex=True,
    )  # fmt: skip
    power = spectrum.abs().square() / window
    return (10 * torch.log10(power + 1e-10)).numpy()
