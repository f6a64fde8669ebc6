"""The command ``pvsd``: each subcommand is a module of `pvsd_modules.commands`."""

import argparse
import io
import signal
import sys
from importlib import import_module

from pvsd_modules import __version__
from pvsd_modules.commands.common import complain
from pvsd_modules.commands.interruption import Interruption
from pvsd_modules.errors import PvsdError, about_name

COMMANDS = (
    *("enhance", "stream", "lips", "demo"),
    *("info", "convert", "export"),
    *("evaluate", "report", "benchmark"),
)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; nothing heavy is imported for it."""
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
        a mistake in the command or its file, 130 when interrupted, 128 and the number
        of any other signal.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    interruption = Interruption()
    interrupts = interruption.received
    try:
        with interruption:
            parsed = make_parser().parse_args(arguments)
            return parsed.run(parsed)
    except PvsdError as error:
        if not interrupts:
            complain(str(error))
            return 2
    except KeyboardInterrupt:
        interrupts.append(signal.SIGINT)
    except Exception as error:
        if not interrupts:  # else a library made an error of the interruption
            sentence = about_name(error)
            if sentence is None:
                raise
            complain(sentence)
            return 2
    complain("interrupted, nothing half-written is left.")
    return 128 + interrupts[0]


if __name__ == "__main__":
    sys.exit(main())
