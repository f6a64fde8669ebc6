#!/usr/bin/env python3
"""Make a model folder of trained networks, for `pvsd enhance --model FOLDER`.

    python export.py --student results/open_student --denoiser results/open_denoiser \
        --output_folder my_model

Family, sizes and other arguments are those of the training runs. With --publish the
folder is ready for a hub: it must then state its data, licence and metrics.
"""

import argparse
import json
from pathlib import Path

from pvsd_modules.checkpoints.card import Card
from pvsd_modules.checkpoints.export import export
from pvsd_modules.commands.common import say
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.evaluation import markdown
from pvsd_modules.inference import PseudoVisualEnhancement


def make_parser():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    kinds = "weights file, checkpoint folder or output folder of a training run"
    add("--student", required=True, help=kinds)
    add("--denoiser", required=True, help=kinds)
    add("--teacher", help=kinds)
    add("--mouth_reader", help=kinds)
    add("--output_folder", required=True, help="model folder to make")
    add(
        "--template", help="settings of other networks than those of hparams/pretrained"
    )
    add("--live", action="store_true", help="files are to be enhanced as streams are")
    add("--half", action="store_true", help="store weights in half precision")
    add(
        "--allow_unvalidated",
        action="store_true",
        help="take a checkpoint from the middle of an epoch if there is no other",
    )
    add("--overwrite", action="store_true", help="replace an earlier model folder")
    add("--publish", action="store_true", help="refuse an incomplete card")
    add("--data", default="", help="for the card: what the networks were trained on")
    add("--licence", default="", help="for the card: licence of the weights")
    add("--metrics", help="for the card: summary that `pvsd evaluate` wrote (.json)")
    add("--card", help="card of your own (.md) instead of the three above")
    return parser


def read_card(args):
    """The card that the command line describes.

    Arguments
    ---------
    args : argparse.Namespace

    Returns
    -------
    Card
    """
    try:
        own = Path(args.card).read_text(encoding="utf-8") if args.card else ""
        metrics = ""
        if args.metrics:
            summary = json.loads(Path(args.metrics).read_text(encoding="utf-8"))
            metrics = markdown(summary)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PvsdError(
            f"{args.card or args.metrics} cannot be read ({error!r}): --card is a text "
            "in Markdown, --metrics the .json that `pvsd evaluate` wrote."
        ) from error
    return Card(args.data, args.licence, metrics, own)


def main(arguments=None):
    """Exports, and loads what was written."""
    args = make_parser().parse_args(arguments)
    card = read_card(args)
    if args.publish:
        card.check_complete()
    names = ("student", "denoiser", "teacher", "mouth_reader")
    networks = {name: getattr(args, name) for name in names if getattr(args, name)}
    folder = export(
        networks,
        args.output_folder,
        args.template,
        card,
        overwrite=args.overwrite,
        live=args.live,
        half=args.half,
        allow_unvalidated=args.allow_unvalidated,
    )
    say(f"Wrote {folder}.")
    try:
        PseudoVisualEnhancement.from_hparams(folder)
    except PvsdError as error:
        say(f"Note: {error}")


if __name__ == "__main__":
    with exit_on_error():
        main()
