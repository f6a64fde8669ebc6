"""The command ``pvsd``: each subcommand is a module of `pvsd_modules.commands`."""

import argparse
import sys
from importlib import import_module

from pvsd_modules import __version__
from pvsd_modules.errors import PvsdError

COMMANDS = ("enhance", "lips", "info", "convert", "evaluate", "report", "benchmark")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; nothing heavy is imported for it.

    Returns
    -------
    argparse.ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog="pvsd",
        description="Enhance speech in audio and video files with generated lip "
        "movements (pseudo-visual speech denoising).",
    )
    parser.add_argument("--version", action="version", version=f"pvsd {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"pvsd_modules.commands.{name}")
        summary = module.__doc__.strip().splitlines()[0]
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=getattr(module, "EPILOG", ""),
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run ``pvsd``.

    Arguments
    ---------
    arguments : list of str
        Of the command line; None for those of this process.

    Returns
    -------
    int
        Exit code: 0 when all went well, 1 when some of several files failed, 2 for
        a mistake in the command or its file, 130 when interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):  # names of files may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    parsed = make_parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except PvsdError as error:
        print(f"pvsd: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pvsd: interrupted, nothing half-written is left.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
