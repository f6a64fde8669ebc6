"""The one exception a user is meant to read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class PvsdError(Exception):
    """Something the user can mend: a sentence that names the file and the remedy.

    The command line prints the message without a traceback and exits with 2.

    Example
    -------
    >>> str(PvsdError("a.wav is empty: give a recording with sound."))
    'a.wav is empty: give a recording with sound.'
    """


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends a script with the sentence of a PvsdError and exit code 2.

    Example
    -------
    >>> with exit_on_error():
    ...     raise PvsdError("a.wav is empty: give a recording with sound.")
    Traceback (most recent call last):
    ...
    SystemExit: 2
    """
    try:
        yield
    except PvsdError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
