"""Waiting times: for the first result of a file, and in a live stream."""

import time
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.benchmark.clock import threads
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.subject import sound, write_sound


def latency(model, seconds: float, chunks: tuple[int, ...], folder: Path) -> list[Row]:
    """Time a model's first result and its chunks, by the wall clock, one thread.

    Arguments
    ---------
    model : PseudoVisualEnhancement
    seconds : float
        Length of the sound of each stream.
    chunks : tuple of int
        Sizes of chunks in milliseconds.
    folder : Path
        For temporary files.
    """
    algorithmic = 1000 * model.make_stream().latency_samples / SAMPLE_RATE
    rows = [Row("latency of the algorithm", algorithmic, "ms")]
    with threads(1):
        rows.append(Row("first result of a file", _first_result(model, folder), "s"))
        for size in chunks:
            taken = 1000 * np.array(_chunk_times(model, seconds, size))
            name = f"a chunk of {size} ms"
            rows.append(Row(f"{name}, median", np.median(taken), "ms"))
            rows.append(Row(f"{name}, 99th percentile", np.percentile(taken, 99), "ms"))
    return rows


def _first_result(model, folder: Path) -> float:
    """Seconds from the call to the first samples of a file, the model being loaded."""
    path = folder / "first.wav"
    write_sound(path, 10)
    begun = time.perf_counter()
    for chunk in model.enhance_blocks(path):
        if chunk.audio.shape[1]:
            break
    return time.perf_counter() - begun


def _chunk_times(model, seconds: float, milliseconds: int) -> list[float]:
    """Seconds that each chunk of a stream takes; the first second warms up."""
    samples = milliseconds * SAMPLE_RATE // 1000
    context, taken = model.make_streaming_context(), []
    for piece in sound(1 + seconds).split(samples, dim=1):
        begun = time.perf_counter()
        model.enhance_chunk(context, piece)
        taken.append(time.perf_counter() - begun)
    return taken[-max(1, round(seconds * SAMPLE_RATE / samples)) :]
