"""What several subcommands share: options of the model, and quiet loading."""

import argparse
import logging
import warnings

from pvsd_modules.errors import PvsdError

TRUST = (
    "let the model's YAML build and run anything, such as networks of your own "
    "package; only for models whose origin you trust"
)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--trust``, ``--device``, ``--precision`` and ``--threads``."""
    parser.add_argument(
        "--model",
        metavar="NAME_OR_FOLDER",
        help="shipped model, folder of a pretrained model, or Hugging Face id "
        "owner/name@revision (default: offline)",
    )
    parser.add_argument("--trust", action="store_true", help=TRUST)
    parser.add_argument(
        "--device", help="such as cpu or cuda (default: a GPU if available)"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="bf16 halves the time of converted models on processors that compute in "
        "bfloat16, with less precision (default: fp32)",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="number of CPU threads"
    )


def positive(text: str) -> int:
    """An argparse type: a whole number from 1."""
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def load_model(interface: str, args: argparse.Namespace):
    """Load the model that the options name.

    Arguments
    ---------
    interface : str
        Class in `pvsd_modules.inference`.
    args : argparse.Namespace
        With what `add_model_arguments` added.

    Returns
    -------
    PseudoVisualEnhancement or LipGenerator

    Raises
    ------
    PvsdError
        When the model cannot be loaded or the device cannot be used.
    """
    from pvsd_modules.checkpoints.find import find_model

    find_model(args.model)  # a wrong name is told at once, before the heavy imports
    quiet()
    import torch

    from pvsd_modules import inference

    if args.threads:
        torch.set_num_threads(args.threads)
    options = {"run_opts": {"precision": args.precision}}
    if args.device:
        try:
            torch.zeros(1, device=args.device)
        except (RuntimeError, AssertionError) as error:
            raise PvsdError(
                f"The device {args.device} cannot be used here: try --device cpu."
            ) from error
        options["run_opts"]["device"] = args.device
    return getattr(inference, interface).from_hparams(
        args.model, trust=args.trust, **options
    )


def quiet() -> None:
    """Keep what the libraries log for developers off the user's screen."""
    warnings.filterwarnings("ignore", module="speechbrain|torchaudio|torch")
    logging.getLogger("speechbrain").setLevel(logging.ERROR)
