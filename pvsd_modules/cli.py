"""The command ``pvsd``: each subcommand is a module of `pvsd_modules.commands`."""

import argparse
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from pvsd_modules import __version__
from pvsd_modules.commands.common import complain
from pvsd_modules.errors import PvsdError, about_name

COMMANDS = (
    *("enhance", "stream", "lips", "demo"),
    *("info", "convert", "export"),
    *("evaluate", "report", "benchmark"),
)


class Terminated(KeyboardInterrupt):
    """A signal that asks the process to end: what Ctrl-C cleans up, it does as well."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


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
    interrupts: list[int] = []
    try:
        with _signals(interrupts):
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


@contextmanager
def _signals(received: list[int]) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP raise, and note them."""

    def end(number: int, frame: object) -> None:
        received.append(number)
        raise Terminated(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if name in dir(signal)]
    before = {}
    try:
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks for
                before[number] = signal.signal(number, end)
    except ValueError:
        pass  # not in the main thread: Python sets handlers there only
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
