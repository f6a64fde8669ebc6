"""measure the speed, memory, latency and size of a model on this machine"""

import argparse
import sys
from pathlib import Path

from pvsd_modules.benchmark import PARTS
from pvsd_modules.errors import PvsdError

EPILOG = (
    "Of an hour of sound, memory takes an hour to measure with paper and a few "
    "minutes with offline: --durations chooses others. For figures to quote, stop "
    "other programs."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd benchmark``."""
    parser.add_argument(
        "--model",
        metavar="NAME_OR_FOLDER",
        help="shipped model, folder of a pretrained model, Hugging Face id, or paper: "
        "the paper's networks with random weights (default: offline)",
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all"
    )
    parser.add_argument(
        "--durations",
        nargs="+",
        type=float,
        metavar="SECONDS",
        help="lengths of sound whose memory is measured (default: 10 60 600 3600)",
    )
    parser.add_argument(
        "--memory_precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="of the networks whose memory is measured; bf16 halves the time that "
        "paper takes (default: fp32)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="JSON", help="file to write as well"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing output"
    )
    parser.add_argument(
        "--quick", action="store_true", help="rough figures of everything, in a minute"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, and write it where asked."""
    if args.output and args.output.exists() and not args.overwrite:
        raise PvsdError(f"{args.output} exists: add --overwrite to replace it.")
    if args.durations and min(args.durations) < 1:
        raise PvsdError("--durations: give lengths of 1 second or more.")
    from pvsd_modules.commands.common import quiet

    quiet()
    from pvsd_modules.benchmark.rows import as_markdown, machine, write_json
    from pvsd_modules.benchmark.run import QUICK, Effort, benchmark

    effort = QUICK if args.quick else Effort()
    if args.durations:
        effort = effort._replace(durations=tuple(args.durations))
    effort = effort._replace(memory_precision=args.memory_precision)
    print("pvsd: measuring; other programs at work make it worse.", file=sys.stderr)
    rows = benchmark(args.model, tuple(args.parts), effort)
    print(f"Machine: {machine()}\n\n{as_markdown(rows)}")
    if args.output:
        write_json(args.output, rows)
    return 0
