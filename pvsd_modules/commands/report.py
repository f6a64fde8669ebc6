"""write a web page of tables and figures from tables of scores"""

import argparse
from pathlib import Path

from pvsd_modules.commands.common import say
from pvsd_modules.errors import PvsdError

EPILOG = (
    "The page holds all it shows; the figures also lie in a folder beside it. "
    "Differences and p-values are from the first system."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd report``."""
    add = parser.add_argument
    add(
        "--scores", nargs="+", type=_named, required=True, metavar="NAME=scores.csv",
        help="systems and their scores, as pvsd evaluate writes them",
    )  # fmt: skip
    add("--output", "-o", type=Path, required=True, metavar="report.html", help="page")
    add(
        "--examples", nargs="+", type=_named, default=[], metavar="NAME=DIR",
        help="folders with noisy.wav, enhanced.wav, clean.wav and perhaps lips.mp4",
    )  # fmt: skip
    add(
        "--lips", nargs="+", type=Path, default=[], metavar="x.png",
        help="sheets of lips, as evaluate_lips.py writes them",
    )  # fmt: skip
    add(
        "--curves", nargs="+", type=Path, default=[], metavar="LOG",
        help="training logs, for learning curves",
    )  # fmt: skip
    add("--title", default="Scores of speech enhancement", help="of the page")
    add("--overwrite", action="store_true", help="replace an existing output")


def _named(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAME=PATH")
    return name, Path(path)


def run(args: argparse.Namespace) -> int:
    """Write the page and its figures."""
    from pvsd_modules.report.build import build_report

    output = args.output
    if output.suffix.lower() not in (".html", ".htm"):
        raise PvsdError(f"{output} does not end in .html: name a page to write.")
    for path in (output, output.with_name(f"{output.stem}_figures")):
        if path.exists() and not args.overwrite:
            raise PvsdError(f"{path} exists: add --overwrite to replace it.")
    for option, pairs in (("--scores", args.scores), ("--examples", args.examples)):
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise PvsdError(
                f"{option} names {twice} twice: give each a name of its own."
            )
    figures = build_report(
        dict(args.scores), output, dict(args.examples), args.lips, args.curves,
        args.title,
    )  # fmt: skip
    say(f"{output}, figures in {figures}")
    return 0
