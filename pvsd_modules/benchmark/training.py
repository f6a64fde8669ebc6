"""Training steps of the three networks, as in the recipes, on synthetic audio."""

import copy
from collections.abc import Callable
from functools import partial

import torch

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.benchmark.clock import compare, threads
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.paper.adapters import PaperDenoiser, PaperLipTeacher
from pvsd_modules.models.protocols import WindowedLipModel
from pvsd_modules.training.denoising_loss import DenoisingLoss
from pvsd_modules.training.frozen import Frozen
from pvsd_modules.training.losses import FeatureL1, LipLoss


def training(model, batch: int, seconds: float, repeats: int) -> list[Row]:
    """Time a training step of each network with one thread, in float32 and bfloat16:
    rows of steps in a CPU-second.

    A step of ``batch`` items is forward pass, loss, backward pass, clipping and Adam,
    on copies of the networks. The student's includes the lips that the teacher
    generates, the denoiser's those of the student. In bfloat16, as with ``--precision
    bf16``, weights and losses stay in float32. The paper's lips see 5 frames, 0.2 s,
    and others as many seconds as the denoiser.
    """
    with threads(1):
        found = compare(training_steps(model, batch, seconds), repeats)
    return [
        Row(f"training step, {name}", 1 / taken, "steps per CPU-s")
        for name, taken in found.items()
    ]


def training_steps(model, batch: int, seconds: float) -> dict[str, Callable]:
    """A training step of each network, in float32 and bfloat16.

    A step is forward pass, loss, backward pass, clipping and Adam. The student's
    includes the lips that the teacher generates, the denoiser's those of the student.
    In bfloat16, as with ``--precision bf16``, weights and losses stay in float32.

    Arguments
    ---------
    model : PseudoVisualEnhancement
        Copies of its networks are trained.
    batch : int
        Items in a step.
    seconds : float
        Length of an item of the denoiser. The paper's lips see 5 frames, 0.2 s, and
        others as much as the denoiser.

    Returns
    -------
    dict
        Callables without arguments, by name.
    """
    student, denoiser = _copy(model.mods["student"]), _copy(model.mods["denoiser"])
    is_windowed = isinstance(student, WindowedLipModel)
    teacher = PaperLipTeacher() if is_windowed else OpenLipGenerator()
    if "teacher" in model.mods:
        teacher = _copy(model.mods["teacher"])
    short = 0.2 if is_windowed else seconds
    noisy = 0.1 * torch.randn(batch, round(SAMPLE_RATE * seconds))
    clean = noisy.roll(1, 0)
    noisy_part, clean_part = (
        x[:, : round(SAMPLE_RATE * short)] for x in (noisy, clean)
    )
    still_teacher, still_student = Frozen(_copy(teacher)), Frozen(_copy(student))
    lip_loss = LipLoss()
    is_paper = isinstance(denoiser, PaperDenoiser)
    loss = FeatureL1() if is_paper else DenoisingLoss()

    def lips_of(network, wav):
        """Output of a network that is not trained."""
        with torch.no_grad():
            return network(wav).float()

    wanted = lips_of(still_teacher, clean_part)

    def denoiser_loss():
        """Loss of a step, the student's lips included."""
        lips, features = lips_of(still_student, noisy), lips_of(denoiser.analyse, clean)
        targets = {"noisy": noisy, "clean": clean, "features": features}
        found = denoiser(noisy, lips)
        return loss({name: value.float() for name, value in found.items()}, targets)

    steps = {
        f"teacher, {batch} x {short:g} s": _step(
            teacher, lambda: lip_loss(teacher(clean_part).float(), wanted)
        ),
        f"student, {batch} x {short:g} s": _step(
            student,
            lambda: lip_loss(
                student(noisy_part).float(), lips_of(still_teacher, clean_part)
            ),
        ),
        f"denoiser, {batch} x {seconds:g} s": _step(denoiser, denoiser_loss),
    }
    return {
        f"{name}{end}": partial(step, bool(end))
        for name, step in steps.items()
        for end in ("", ", bf16")
    }


def _copy(network: torch.nn.Module) -> torch.nn.Module:
    return copy.deepcopy(network).float()


def _step(network: torch.nn.Module, loss):
    """A function of ``in_bf16`` that makes a training step of a network."""
    network.train().requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-5, fused=True)

    def step(in_bf16: bool):
        """One step of the optimiser."""
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
            found = loss()
        found.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step
