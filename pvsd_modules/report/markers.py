"""Generated parts of hand-written texts, between two comments in Markdown."""

import re
from collections.abc import Callable
from pathlib import Path

from pvsd_modules.errors import PvsdError

# A comment that stands in a line with other words is only spoken of.
_PART = re.compile(
    r"(?P<begin>^<!-- results:(?P<name>[\w-]+) -->\n)(?P<text>.*?)"
    r"(?P<end>^<!-- /results:(?P=name) -->$)",
    re.DOTALL | re.MULTILINE,
)
_ANY = re.compile(r"^<!-- /?results:[\w-]+ -->$", re.MULTILINE)


def part_names(text: str) -> list[str]:
    """Names of the generated parts of a text."""
    return [match["name"] for match in _PART.finditer(text)]


def filled(text: str, make: Callable[[str], str], source: str | Path = "") -> str:
    """A text with its generated parts made anew.

    Arguments
    ---------
    text : str
        Markdown with lines ``<!-- results:NAME -->`` and ``<!-- /results:NAME -->``.
    make : callable
        Gives the part of a name.
    source : str or Path
        Where the text is from, for messages.

    Raises
    ------
    PvsdError
        If a comment has no counterpart.

    Example
    -------
    >>> text = "A\\n<!-- results:x -->\\nold\\n<!-- /results:x -->\\nB"
    >>> print(filled(text, str.upper))
    A
    <!-- results:x -->
    X
    <!-- /results:x -->
    B
    """
    if len(_ANY.findall(text)) != 2 * len(part_names(text)):
        raise PvsdError(
            f"{source} holds a results comment without its counterpart: each "
            "<!-- results:NAME --> needs a <!-- /results:NAME --> below it."
        )

    def replacement(match: re.Match) -> str:
        return f"{match['begin']}{make(match['name']).strip()}\n{match['end']}"

    return _PART.sub(replacement, text)
