"""measure the speed, memory, latency and size of a model on this machine"""

import argparse
from contextlib import nullcontext
from pathlib import Path

from pvsd_modules.benchmark import PARTS
from pvsd_modules.commands.common import TRUST, complain, quiet, say
from pvsd_modules.errors import PvsdError

EPILOG = (
    "To measure the memory for an hour of sound takes an hour with paper and a few "
    "minutes with offline: --durations chooses other lengths. For figures to quote, "
    "stop other programs."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd benchmark``."""
    add = parser.add_argument
    add(
        "--model", metavar="NAME_OR_FOLDER", help="shipped model, folder of a "
        "pretrained model, Hugging Face id, or paper: the paper's networks with random "
        "weights (default: offline)",
    )  # fmt: skip
    add("--trust", action="store_true", help=TRUST)
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    add(
        "--durations", nargs="+", type=_duration, metavar="SECONDS", help="lengths of "
        "sound whose memory is measured, from 1 s (default: 10 60 600 3600)",
    )  # fmt: skip
    add(
        "--memory_precision", choices=("fp32", "bf16"), default="fp32", help="of the "
        "networks whose memory is measured; bf16 halves the time that paper takes "
        "(default: fp32)",
    )  # fmt: skip
    add("--output", type=Path, metavar="JSON", help="file to write as well")
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--quick", action="store_true", help="rough figures of everything, in a minute")


def _duration(text: str) -> float:
    """An argparse type: seconds from 1 to a day."""
    seconds = float(text)
    if not 1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not 1 second or more, up to a day")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, and write it where asked."""
    if args.output and args.output.exists() and not args.overwrite:
        raise PvsdError(f"{args.output} exists: add --overwrite to replace it.")
    quiet()
    from pvsd_modules.benchmark.rows import machine, write_json
    from pvsd_modules.benchmark.run import QUICK, Effort, benchmark
    from pvsd_modules.evaluation.text import table
    from pvsd_modules.io.atomic import written_whole

    effort = QUICK if args.quick else Effort()
    if args.durations:
        effort = effort._replace(durations=tuple(args.durations))
    effort = effort._replace(memory_precision=args.memory_precision)
    complain("measuring; other programs at work make it worse.")
    # What cannot be written fails now, not after an hour.
    with written_whole(args.output) if args.output else nullcontext() as output:
        rows = benchmark(args.model, tuple(args.parts), effort, args.trust)
        lines = [(row.name, f"{row.value:.4g}", row.unit) for row in rows]
        say(f"Machine: {machine()}\n\n{table(['what', 'value', 'unit'], lines)}")
        if output:
            write_json(output, rows)
    return 0
