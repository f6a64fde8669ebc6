"""Runs the parts of a benchmark on one model."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pvsd_modules.benchmark import PARTS
from pvsd_modules.benchmark.data import data
from pvsd_modules.benchmark.latency import latency
from pvsd_modules.benchmark.memory import memory
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.size import size
from pvsd_modules.benchmark.speed import speed
from pvsd_modules.benchmark.subject import PAPER, load, model_folder
from pvsd_modules.benchmark.training import training


class Effort(NamedTuple):
    """How long to measure: seconds of sound, rounds, and what else a part needs."""

    seconds: float = 10  # of sound, for speed
    repeats: int = 3  # rounds of all that is repeated
    stream_seconds: float = 20  # of sound, for latency
    chunks: tuple[int, ...] = (10, 40, 200)  # milliseconds
    durations: tuple[float, ...] = (10, 60, 600, 3600)  # seconds, for memory
    batch: int = 4  # of a training step
    files: int = 8  # of synthetic training data
    threads: tuple[int, ...] = (1, 2)  # for speed
    memory_precision: str = "fp32"


QUICK = Effort(1, 1, 1, (40,), (1, 2), 1, 2, (1,))


def benchmark(
    model: str | None,
    parts: tuple[str, ...] = PARTS,
    effort: Effort | None = None,
    trust: bool = False,
) -> list[Row]:
    """Measure some `PARTS` of a model on the processor.

    ``model`` is the name of a shipped model, a folder or hub id; "paper" for the
    paper's networks with random weights; None for the default model. A `PvsdError` when
    it cannot be loaded.
    """
    effort = effort or Effort()
    length = 1.0 if model == PAPER or effort == QUICK else 3.0
    with model_folder(model) as source, TemporaryDirectory() as temporary:
        folder, plain = Path(temporary), load(source, trust=trust)
        measured = {
            "size": lambda: size(plain, source),
            "speed": lambda: speed(
                {"fp32": plain, "bf16": load(source, "bf16", trust)},
                effort.seconds,
                effort.repeats,
                effort.threads,
            ),
            "latency": lambda: latency(
                plain, effort.stream_seconds, effort.chunks, folder
            ),
            "memory": lambda: memory(
                source, effort.durations, folder, effort.memory_precision, trust
            ),
            "training": lambda: training(plain, effort.batch, length, effort.repeats),
            "data": lambda: data(folder, effort.files, effort.repeats),
        }
        return [row for part in PARTS if part in parts for row in measured[part]()]
