"""Runs the parts of a benchmark on one model."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pvsd_modules.benchmark import PARTS
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.subject import PAPER, load, model_folder


class Effort(NamedTuple):
    """How long to measure.

    Arguments
    ---------
    seconds : float
        Of sound, for speed.
    repeats : int
        Rounds of everything that is repeated.
    stream_seconds : float
        Of sound, for latency.
    chunks : tuple of int
        Milliseconds.
    durations : tuple of float
        Seconds of sound, for memory.
    batch : int
        Of a training step.
    files : int
        Of made-up training data.
    threads : tuple of int
        For speed.
    memory_precision : str
        Of the networks whose memory is measured.
    """

    seconds: float = 10
    repeats: int = 3
    stream_seconds: float = 20
    chunks: tuple[int, ...] = (10, 40, 200)
    durations: tuple[float, ...] = (10, 60, 600, 3600)
    batch: int = 4
    files: int = 8
    threads: tuple[int, ...] = (1, 2)
    memory_precision: str = "fp32"


QUICK = Effort(1, 1, 1, (40,), (1, 2), 1, 2, (1,))


def benchmark(
    model: str | None, parts: tuple[str, ...] = PARTS, effort: Effort | None = None
) -> list[Row]:
    """Measure a model on the processor.

    Arguments
    ---------
    model : str or None
        Name of a shipped model, folder or hub id; "paper" for the paper's networks
        with random weights; None for the default model.
    parts : tuple of str
        Of `PARTS`: what to measure.
    effort : Effort
        How long to measure.

    Returns
    -------
    list of Row

    Raises
    ------
    PvsdError
        When the model cannot be loaded.
    """
    effort, rows = effort or Effort(), []
    with model_folder(model) as source, TemporaryDirectory() as temporary:
        folder = Path(temporary)
        models = {"fp32": load(source)}
        plain = models["fp32"]
        if "size" in parts:
            from pvsd_modules.benchmark.size import size

            rows += size(plain, source)
        if "speed" in parts:
            from pvsd_modules.benchmark.speed import speed

            models["bf16"] = load(source, "bf16")
            rows += speed(models, effort.seconds, effort.repeats, effort.threads)
        if "latency" in parts:
            from pvsd_modules.benchmark.latency import latency

            rows += latency(plain, effort.stream_seconds, effort.chunks, folder)
        if "memory" in parts:
            from pvsd_modules.benchmark.memory import memory

            rows += memory(source, effort.durations, folder, effort.memory_precision)
        if "training" in parts:
            from pvsd_modules.benchmark.training import training

            length = 1.0 if model == PAPER or effort == QUICK else 3.0
            rows += training(plain, effort.batch, length, effort.repeats)
        if "data" in parts:
            from pvsd_modules.benchmark.data import data

            rows += data(folder, effort.files, effort.repeats)
    return rows
