"""What several subcommands share: options of the model, and quiet loading."""

import argparse
import logging
import os
import sys
import warnings

from pvsd_modules.errors import PvsdError

MOST = 1024  # threads or processes
TRUST = (
    "let the model's YAML build and run anything, such as networks of your own "
    "package; only for models whose origin you trust"
)


def add_model_arguments(
    parser: argparse.ArgumentParser, model: str = "offline"
) -> None:
    """Add ``--model``, ``--trust``, ``--device``, ``--precision`` and ``--threads``."""
    parser.add_argument(
        "--model",
        metavar="NAME_OR_FOLDER",
        default=model,
        help="shipped model, folder of a pretrained model, or Hugging Face id "
        f"owner/name@revision (default: {model})",
    )
    parser.add_argument("--trust", action="store_true", help=TRUST)
    parser.add_argument(
        "--device", help="such as cpu or cuda (default: a GPU if available)"
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        help="precision of the networks (default: fp32, or bf16 where the model says "
        "that it is as good and the processor has AMX)",
    )
    parser.add_argument(
        "--threads",
        type=few,
        default=1,
        metavar="N",
        help="number of CPU threads (default: 1)",
    )


def add_raw_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--raw``, ``--rate`` and ``--channels``: samples without a header."""
    parser.add_argument(
        "--raw",
        metavar="FORMAT",
        help="pipes carry samples without a header, such as s16le, s24le or f32le",
    )
    parser.add_argument(
        "--rate",
        type=positive,
        metavar="HZ",
        help="sample rate of raw samples or of the microphone (default: 16000, or the "
        "device's own)",
    )
    parser.add_argument(
        "--channels",
        type=positive,
        default=1,
        metavar="N",
        help="number of channels of raw samples or of the microphone (default: 1)",
    )


def raw_format(args: argparse.Namespace):
    """The `RawFormat` that the options describe; None for sound with a header."""
    from pvsd_modules.io.pipes import RawFormat

    if args.raw is None:
        return None
    return RawFormat(args.raw, args.rate or 16000, args.channels)


def strength(text: str) -> float:
    """An argparse type: a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return number


def few(text: str) -> int:
    """An argparse type: a number of threads or processes that a machine can start."""
    number = positive(text)
    if number > MOST:
        raise argparse.ArgumentTypeError(f"{text} is more than {MOST}")
    return number


def positive(text: str) -> int:
    """An argparse type: a whole number from 1."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def say(text: str, stream: str = "stdout") -> None:
    """Print a line; the work goes on when nobody reads it any more (``| head``)."""
    try:
        print(text, file=getattr(sys, stream), flush=True)
    except BrokenPipeError:
        setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))


def complain(text: str) -> None:
    """Print a line for standard error."""
    say(f"pvsd: {text}", "stderr")


def load_model(interface: str, args: argparse.Namespace):
    """Load the model that the options of `add_model_arguments` name, as the class
    ``interface`` of `pvsd_modules.inference`; a `PvsdError` if it or the device cannot
    be used."""
    from pvsd_modules.checkpoints.find import find_model

    find_model(args.model)  # a wrong name is reported at once, before the heavy imports
    quiet()
    import torch

    from pvsd_modules import inference

    most = 4 * (os.cpu_count() or 1)
    if args.threads > most:
        raise PvsdError(f"--threads {args.threads}: use at most {most} here.")
    torch.set_num_threads(args.threads)
    options = {}
    if args.precision:
        options["precision"] = args.precision
    if args.device:
        try:
            torch.zeros(1, device=args.device)
        except (RuntimeError, AssertionError) as error:
            raise PvsdError(
                f"The device {args.device} cannot be used here: try --device cpu."
            ) from error
        options["device"] = args.device
    return getattr(inference, interface).from_hparams(
        args.model, trust=args.trust, run_opts=options
    )


def quiet() -> None:
    """Keep what the libraries log for developers off the user's screen."""
    warnings.filterwarnings("ignore", module="speechbrain|torchaudio|torch")
    logging.getLogger("speechbrain").setLevel(logging.ERROR)
