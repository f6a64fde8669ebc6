"""The one exception a user is meant to read."""

import os
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


def about_name(error: Exception) -> str | None:
    """What the system says of a name: it is too long, a circle of links, forbidden."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}."
    if "null byte" in str(error):
        return "a name of a file holds a null character."
    # What pathlib says of a circle of links before Python 3.13.
    return f"{error}: remove the link." if "Symlink loop" in str(error) else None


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Ends a script with the sentence of a PvsdError, or of a name that cannot be used,
    and exit code 2.

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
    except Exception as error:
        sentence = str(error) if isinstance(error, PvsdError) else about_name(error)
        if sentence is None:
            raise
        print(f"Error: {sentence}", file=sys.stderr)
        sys.exit(2)
