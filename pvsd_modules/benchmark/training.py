"""Training steps of the three networks, as in the recipes, on synthetic audio."""

import copy

import torch

from pvsd_modules.benchmark.clock import compare, threads
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.paper.adapters import PaperDenoiser, PaperLipTeacher
from pvsd_modules.models.protocols import WindowedLipModel
from pvsd_modules.training.losses import CompressedSpectralLoss, FeatureL1, LipLoss


def training(model, batch: int, seconds: float, repeats: int) -> list[Row]:
    """Time a step of each training with one thread.

    A step is forward pass, loss, backward pass, clipping and Adam. The student's
    includes the lips that the teacher generates, the denoiser's those of the student.

    Arguments
    ---------
    model : PseudoVisualEnhancement
        Copies of its networks are trained.
    batch : int
        Items in a step.
    seconds : float
        Length of an item of the denoiser. The paper's lips see 5 frames, 0.2 s, and
        others as much as the denoiser.
    repeats : int
        Rounds, see `clock.compare`.

    Returns
    -------
    list of Row
        Steps in a CPU-second.
    """
    student = copy.deepcopy(model.mods["student"]).float()
    denoiser = copy.deepcopy(model.mods["denoiser"]).float()
    is_windowed = isinstance(student, WindowedLipModel)
    short = 0.2 if is_windowed else seconds
    noisy = 0.1 * torch.randn(batch, round(16000 * seconds))
    clean, teacher = noisy.roll(1, 0), _teacher(model, is_windowed)
    samples = round(16000 * short)
    lip_loss = LipLoss()
    is_paper = isinstance(denoiser, PaperDenoiser)
    loss = FeatureL1() if is_paper else CompressedSpectralLoss()

    def teach():
        drawn = teacher(clean[:, :samples], None)
        return lip_loss(drawn, wanted)

    def hear():
        with torch.no_grad():
            drawn = frozen_teacher(clean[:, :samples], None)
        return lip_loss(student(noisy[:, :samples]), drawn)

    def clean_up():
        with torch.no_grad():
            lips = frozen_student(noisy)
            targets = {"noisy": noisy, "clean": clean}
            targets["features"] = denoiser.analyse(clean)
        return loss(denoiser(noisy, lips), targets)

    frozen_teacher = copy.deepcopy(teacher).eval().requires_grad_(False)
    frozen_student = copy.deepcopy(student).eval().requires_grad_(False)
    with torch.no_grad():
        wanted = frozen_teacher(clean[:, :samples], None)
    jobs = {
        f"teacher, {batch} x {short:g} s": _step(teacher, teach),
        f"student, {batch} x {short:g} s": _step(student, hear),
        f"denoiser, {batch} x {seconds:g} s": _step(denoiser, clean_up),
    }
    with threads(1):
        found = compare(jobs, repeats)
    return [
        Row(f"training step, {name}", 1 / taken, "steps per CPU-s")
        for name, taken in found.items()
    ]


def _teacher(model, is_windowed: bool) -> torch.nn.Module:
    """The model's teacher; one of the family's usual size where it has none."""
    if "teacher" in model.mods:
        return copy.deepcopy(model.mods["teacher"]).float()
    if is_windowed:
        return PaperLipTeacher()
    return OpenLipGenerator()


def _step(network: torch.nn.Module, loss):
    """A training step of a network as a callable without arguments."""
    network.train().requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-5)

    def step():
        optimiser.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return step
