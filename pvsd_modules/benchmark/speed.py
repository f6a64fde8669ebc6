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
        `PseudoVisualEnhancement` by precision; the first one's parts are timed too.
    seconds : float
        Length of the sound.
    repeats : int
        Rounds, see `clock.compare`.
    counts : tuple of int
        Numbers of threads.

    Returns
    -------
    list of Row
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
            name = f"enhance, {precision}, {words}"
            rows.append(Row(name, taken / seconds, _UNIT))
    for precision, model in models.items():
        rows += [
            Row(f"{part}, {precision}, 1 thread", taken, _UNIT)
            for part, taken in _parts(model, seconds, repeats).items()
        ]
    return rows


def _parts(model, seconds: float, repeats: int) -> dict[str, float]:
    """Features, student and denoiser by themselves, on seconds as a batch.

    The networks are those of the stream; the features are a part of both.
    """
    count = max(1, round(seconds))
    noisy = sound(count).view(count, -1)
    student, denoiser = model.inference_networks("student", "denoiser")
    jobs = {}
    with threads(1), model.inference_ctx:
        lips = student(noisy)

        def features():
            denoiser.analyse(noisy)
            if isinstance(student, PaperLipStudent):
                student.mel(lip_windows(noisy))

        jobs["of that features"] = features
        jobs["of that lip student"] = lambda: student(noisy)
        jobs["of that denoiser"] = lambda: denoiser(noisy, lips)
        found = compare(jobs, repeats)
    return {part: taken / count for part, taken in found.items()}
