"""Numbers and tables in Markdown."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, the first column to the left and the others to the right.

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
    """A level as it is written in a heading: no needless zeros or signs.

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
    """A probability as one writes it.

    Example
    -------
    >>> p_value(0.0301), p_value(0.00001), p_value(1)
    ('p = 0.030', 'p < 0.001', 'p = 1.000')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    Example
    -------
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
