#!/usr/bin/env python3
"""Compare training steps of the original code with those of this package.

    git clone https://github.com/Sindhu-Hegde/pseudo-visual-speech-denoising original
    python tests/parity/original_steps.py original --report tests/parity/steps.json

The original's networks, losses and loops run with 4 items as in its train.py and
lipsync/train_student.py, on features that are computed already; the package's steps
compute theirs. All steps take turns in one process, on one thread, so that what else
the machine does meets all alike; the least of the rounds counts, in CPU-seconds.
"""

import argparse
import importlib.util
import json
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from pvsd_modules.benchmark.clock import compare, threads
from pvsd_modules.benchmark.training import training_steps
from pvsd_modules.models.paper.adapters import PaperDenoiser, PaperLipStudent

BATCH = 4


def load(path: Path):
    """A file of the original code as a module."""
    spec = importlib.util.spec_from_file_location(f"original_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def original_step(network, frozen, given, targets_of):
    """A step of the original's loop; the frozen network is in the mode it has there."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = torch.nn.L1Loss()

    def step():
        network.train()
        optimiser.zero_grad()
        with torch.no_grad():
            made = frozen()
        found = loss(network(*given(made)), targets_of(made))
        found.item()
        found.backward()
        optimiser.step()

    return step


def original_steps(checkout: Path) -> dict:
    """The original's steps by the name of the package's."""
    lips, whole = load(checkout / "lipsync/models.py"), load(checkout / "models.py")
    teacher = lips.Wav2Lip_Teacher().requires_grad_(False)  # never in eval mode
    student = lips.Lipsync_Student().eval()
    mels, faces = torch.randn(BATCH, 5, 1, 80, 16), torch.rand(BATCH, 6, 5, 96, 96)
    second = torch.randn(BATCH, 25, 1, 80, 16)
    noisy, clean = torch.rand(2, BATCH, 100, 514)
    return {
        "student, 4 x 0.2 s": original_step(
            lips.Lipsync_Student(),
            lambda: teacher(mels, faces),
            lambda made: (mels,),
            lambda made: made[:, :, :, 48:],
        ),
        "denoiser, 4 x 1 s": original_step(
            whole.Model(),
            lambda: student(second),
            lambda made: (noisy, made),
            lambda made: clean,
        ),
    }


def main() -> int:
    """Runs from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="folder of the original code")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--report", type=Path, help="JSON file to write")
    args = parser.parse_args()
    torch.manual_seed(0)
    theirs = original_steps(args.checkout)
    mods = {"student": PaperLipStudent(), "denoiser": PaperDenoiser()}
    ours = training_steps(SimpleNamespace(mods=mods), BATCH, 1.0)
    jobs = {f"{name}, original": step for name, step in theirs.items()}
    with threads(1):
        took = compare(jobs | ours, args.repeats)
    found = {"torch": torch.__version__, "machine": platform.machine()}
    found |= {name: round(seconds, 3) for name, seconds in sorted(took.items())}
    found["times faster"] = {
        f"{name}{end}": round(took[f"{name}, original"] / took[f"{name}{end}"], 2)
        for name in theirs
        for end in ("", ", bf16")
    }
    print(json.dumps(found, indent=1))
    if args.report:
        args.report.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
