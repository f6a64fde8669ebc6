"""The model that is measured, and sound to measure it with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import torch

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.checkpoints.convert import NETWORKS, convert_original
from pvsd_modules.checkpoints.find import find_model
from pvsd_modules.inference import PseudoVisualEnhancement

PAPER = "paper"  # stands for the paper's networks with random weights
_SEED = 20


@contextmanager
def model_folder(model: str | None) -> Iterator[Path | str]:
    """The folder or hub id of a model, as `find_model` takes it.

    "paper" makes a folder with the paper's networks and removes it at the end; random
    weights cost as much as trained ones.
    """
    if model != PAPER:
        yield find_model(model)
        return
    with TemporaryDirectory() as temporary, torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        files = {}
        for name in ("student", "denoiser"):
            files[name] = Path(temporary, f"{name}.pt")
            torch.save({"state_dict": NETWORKS[name]().state_dict()}, files[name])
        yield convert_original(**files, output_folder=Path(temporary, PAPER))


def load(
    source: Path | str, precision: str = "fp32", trust: bool = False
) -> PseudoVisualEnhancement:
    """The model, on the processor."""
    options = {"device": "cpu", "precision": precision}
    return PseudoVisualEnhancement.from_hparams(source, trust=trust, run_opts=options)


def sound(seconds: float) -> torch.Tensor:
    """Noise of the loudness of speech, ``[1, time]``, the same every time."""
    samples = round(seconds * SAMPLE_RATE)
    wave = np.random.default_rng(_SEED).normal(0, 0.05, (1, samples))
    return torch.from_numpy(wave.astype(np.float32))


def write_sound(path: Path, seconds: float) -> None:
    """Write a wav file of any length, a second at a time."""
    second = sound(1)[0].numpy()
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for begin in range(int(seconds)):
            file.write(np.roll(second, begin))
        file.write(second[: round(seconds % 1 * SAMPLE_RATE)])
