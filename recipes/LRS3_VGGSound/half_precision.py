#!/usr/bin/env python3
"""Write a half-precision copy of the newest weights of a run, to go on from elsewhere.

    python half_precision.py results/open_denoiser denoiser.ckpt

The copy is what ``--init_path`` of a training script takes: the networks go on from
there, with an optimiser that is warmed anew.
"""

import argparse
import sys
from pathlib import Path

import torch

from pvsd_modules.checkpoints.weights import read_weights
from pvsd_modules.commands.common import say
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.io.atomic import written_whole


def newest(run: str, name: str) -> Path:
    """The file of a network in the newest checkpoint of a run.

    Arguments
    ---------
    run : str
        Output folder of a training script, or a weights file.
    name : str
        Name of the network.

    Raises
    ------
    PvsdError
        If the run has no checkpoint yet.
    """
    path = Path(run)
    if path.is_file():
        return path
    files = [
        file
        for file in path.glob(f"save/CKPT*/{name}.ckpt")
        # A checkpoint is complete when its metadata are written, which come last.
        if (file.parent / "CKPT.yaml").is_file()
    ]
    if not files:
        raise PvsdError(f"{run} has no checkpoint of {name} yet.")
    return max(files, key=lambda file: file.stat().st_mtime)


def main(arguments=None) -> int:
    """Run from the command line; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", help="output folder of a training, or a weights file")
    parser.add_argument("output", help="file to write")
    parser.add_argument("--name", default="denoiser", help="name of the network")
    options = parser.parse_args(arguments)
    try:
        path = newest(options.run, options.name)
        state = read_weights(path)
    except PvsdError as error:
        print(f"half_precision.py: {error}", file=sys.stderr)
        return 2
    halves = {
        key: value.half() if value.is_floating_point() else value
        for key, value in state.items()
    }
    output = Path(options.output)
    with written_whole(output) as partial:
        torch.save(halves, partial)
    say(f"{path} -> {output}, {output.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main())
