"""export a model for programs without PyTorch"""

import argparse
from pathlib import Path

from pvsd_modules.commands.common import TRUST, quiet, say

EPILOG = "The folder has a README.md with the steps of a program that uses it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd export``."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="shipped model, folder of a pretrained model, or Hugging Face id",
    )
    parser.add_argument(
        "-o",
        "--output_folder",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="folder to write",
    )
    parser.add_argument(
        "--format", choices=("onnx",), default="onnx", help="(default: onnx)"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "float16", "int8"),
        default="float32",
        help="of the weights (default: float32)",
    )
    parser.add_argument("--trust", action="store_true", help=TRUST)


def run(args: argparse.Namespace) -> int:
    """Export, and say where it is."""
    from pvsd_modules.checkpoints.find import find_model

    find_model(args.model)  # a wrong name is reported at once, before the heavy imports
    quiet()
    from pvsd_modules.inference import PseudoVisualEnhancement
    from pvsd_modules.inference.onnx.export import export_onnx

    options = {"device": "cpu", "precision": "fp32"}
    model = PseudoVisualEnhancement.from_hparams(
        args.model, trust=args.trust, run_opts=options
    )
    export_onnx(model, args.output_folder, args.precision)
    say(f"{args.output_folder} is written: read its README.md.")
    return 0
