"""How numbers, p-values, lists of words and Markdown tables are written."""

import textwrap
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, the first column left-aligned and the others right-aligned.

    Example
    -------
    >>> print(table(["lips", "PESQ"], [["none", "1.8"]]), end="")
    | lips | PESQ |
    | :--- | ---: |
    | none | 1.8 |
    """
    ruler = [":---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ruler, *rows))


def number(value: float | str) -> str:
    """An SNR or another name of a group, without needless zeros or signs.

    Example
    -------
    >>> number(-5.0), number(-0.0), number("all")
    ('-5', '0', 'all')
    """
    return value if isinstance(value, str) else f"{value + 0.0:g}"


def signed(value: float, decimals: int) -> str:
    """A difference with its sign, never a negative zero.

    Example
    -------
    >>> signed(0.4449, 2), signed(-0.001, 2), signed(-1.5, 1)
    ('+0.44', '+0.00', '-1.5')
    """
    rounded = round(value, decimals) + 0.0
    return f"{rounded:+.{decimals}f}"


def with_interval(value: float, interval: Sequence[float], decimals: int) -> str:
    """A difference and its interval.

    Example
    -------
    >>> with_interval(0.5, (0.44, 0.55), 2)
    '+0.50 (+0.44 to +0.55)'
    """
    low, high = (signed(end, decimals) for end in interval)
    return f"{signed(value, decimals)} ({low} to {high})"


def p_value(p: float) -> str:
    """A p-value; no line is broken within it.

    Example
    -------
    >>> [p_value(p).replace(chr(160), " ") for p in (0.0301, 0.00001, 1)]
    ['p = 0.030', 'p < 0.001', 'p = 1.000']
    """
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return text.replace(" ", "\u00a0")


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    Example
    -------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def prose(text: str) -> str:
    """A paragraph of Markdown in lines of at most 95 characters."""
    filled = textwrap.fill(text, 95, break_long_words=False, break_on_hyphens=False)
    return f"{filled}\n"


def undefined(titles: Sequence[str], files: int, of: str = "recordings") -> str:
    """A clause on scores that are not defined.

    Example
    -------
    >>> undefined(["STOI", "ESTOI"], 2)
    'STOI and ESTOI are not defined for 2 of the recordings'
    """
    verb = "are" if len(titles) > 1 else "is"
    return f"{listed(titles)} {verb} not defined for {files} of the {of}"
