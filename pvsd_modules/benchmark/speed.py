"""CPU-seconds that a second of sound costs, whole and by part."""

import torch

from pvsd_modules.alignment import lip_windows
from pvsd_modules.benchmark.clock import compare, threads
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.subject import sound
from pvsd_modules.models.paper.adapters import PaperLipStudent

_UNIT = "CPU-s per s of sound"


@torch.no_grad()
def speed(
    models: dict, seconds: float, repeats: int, counts: tuple[int, ...] = (1, 2)
) -> list[Row]:
    """Time a model at several precisions and numbers of threads.

    Arguments
    ---------
    models : dict
        `PseudoVisualEnhancement` by precision.
    seconds : float
        Length of the sound.
    repeats : int
        Rounds, see `clock.compare`.
    counts : tuple of int
        Numbers of threads.
    """
    noisy, rows = sound(seconds), []
    jobs = {
        precision: lambda model=model: model.enhance_batch(noisy)
        for precision, model in models.items()
    }
    for count in counts:
        with threads(count):
            found = compare(jobs, repeats)
        words = "1 thread" if count == 1 else f"{count} threads"
        for precision, taken in found.items():
            rows.append(Row(f"enhance, {precision}, {words}", taken / seconds, _UNIT))
    for precision, model in models.items():
        for part, taken in _parts(model, max(1, round(seconds)), repeats).items():
            rows.append(Row(f"of that {part}, {precision}, 1 thread", taken, _UNIT))
    return rows


def _parts(model, count: int, repeats: int) -> dict[str, float]:
    """Features, student and denoiser by themselves, on seconds as a batch.

    The networks are those of the stream; the features are a part of both.
    """
    noisy = sound(count).view(count, -1)
    student, denoiser = map(model.inference_network, ("student", "denoiser"))
    with threads(1), model.inference_ctx:
        lips = student(noisy)

        def features():
            """What both networks read."""
            denoiser.analyse(noisy)
            if isinstance(student, PaperLipStudent):
                student.mel(lip_windows(noisy))

        jobs = {
            "features": features,
            "lip student": lambda: student(noisy),
            "denoiser": lambda: denoiser(noisy, lips),
        }
        found = compare(jobs, repeats)
    return {part: taken / count for part, taken in found.items()}
