"""The one exception a user is meant to read."""


class PvsdError(Exception):
    """Something the user can mend: a sentence that names the file and the remedy.

    The command line prints the message without a traceback and exits with 2.

    Example
    -------
    >>> str(PvsdError("a.wav is empty: give a recording with sound."))
    'a.wav is empty: give a recording with sound.'
    """
