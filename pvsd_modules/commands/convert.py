"""convert checkpoints of the original code to a model folder"""

import argparse
from pathlib import Path

from pvsd_modules.commands.common import say

EPILOG = "The folder can be given to other commands as --model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd convert``."""
    parser.add_argument(
        "--student", required=True, type=Path, metavar="S.pth", help="lip student"
    )
    parser.add_argument(
        "--denoiser", required=True, type=Path, metavar="D.pt", help="denoiser"
    )
    parser.add_argument(
        "--teacher", type=Path, metavar="W.pth", help="Wav2Lip lip teacher"
    )
    parser.add_argument(
        "--output_folder",
        required=True,
        type=Path,
        metavar="DIR",
        help="model folder to write",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing model folder"
    )


def run(args: argparse.Namespace) -> int:
    """Convert, and say what to do next."""
    from pvsd_modules.checkpoints.convert import convert_original

    convert_original(
        args.student, args.denoiser, args.output_folder, args.teacher, args.overwrite
    )
    say(f"{args.output_folder} is written: use it with --model {args.output_folder}")
    return 0
