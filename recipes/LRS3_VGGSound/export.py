#!/usr/bin/env python3
"""Make a pretrained folder of trained networks, for `pvsd enhance --model FOLDER`.

    python export.py --student results/open_student --denoiser results/open_denoiser \
        --output_folder my_model
"""

import argparse
from pathlib import Path

from pvsd_modules.checkpoints.export import export
from pvsd_modules.errors import PvsdError
from pvsd_modules.training.experiment import fail

TEMPLATE = Path(__file__).parents[2] / "hparams/pretrained/open.yaml"


def main(arguments=None):
    """Reads the command line and exports."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    kinds = "weights file, checkpoint folder or output folder of a training"
    add("--student", required=True, help=kinds)
    add("--denoiser", required=True, help=kinds)
    add("--teacher", help=kinds)
    add("--output_folder", required=True, help="pretrained folder to make")
    add("--template", default=TEMPLATE, help="hyperparams.yaml of the family")
    add("--card", help="model card to put beside the weights")
    add("--live", action="store_true", help="files are to be enhanced as streams are")
    add("--overwrite", action="store_true", help="replace an earlier folder")
    args = parser.parse_args(arguments)
    names = ("student", "denoiser", "teacher")
    networks = {name: getattr(args, name) for name in names if getattr(args, name)}
    folder = export(
        networks,
        args.output_folder,
        args.template,
        args.card,
        overwrite=args.overwrite,
        live=args.live,
    )
    print(f"Wrote {folder}.")


if __name__ == "__main__":
    try:
        main()
    except PvsdError as error:
        fail(error)
