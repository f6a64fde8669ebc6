"""What a benchmark gives: rows of a name, a value and a unit."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from pvsd_modules.io.atomic import written_whole


class Row(NamedTuple):
    """One figure.

    Arguments
    ---------
    name : str
        What was measured, in words.
    value : float
        How much.
    unit : str
        Of what.
    """

    name: str
    value: float
    unit: str


def machine() -> str:
    """The processor, how many of it, and PyTorch's version."""
    name = platform.processor() or platform.machine()
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} processors, PyTorch {version('torch')}"


def as_markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table.

    Example
    -------
    >>> print(as_markdown([Row("size", 2.5, "MB")]))
    | what | value | unit |
    | --- | ---: | --- |
    | size | 2.5 | MB |
    """
    lines = ["| what | value | unit |", "| --- | ---: | --- |"]
    lines += [f"| {row.name} | {row.value:.4g} | {row.unit} |" for row in rows]
    return "\n".join(lines)


def write_json(path: str | Path, rows: list[Row]) -> None:
    """Write ``{"machine": ..., "rows": [{"name", "value", "unit"}, ...]}``.

    Arguments
    ---------
    path : str or Path
        File to write; an existing one is replaced once the new one is whole.
    rows : list of Row

    Raises
    ------
    PvsdError
        When it cannot be written.
    """
    rounded = [row._replace(value=float(f"{row.value:.5g}")) for row in rows]
    found = {"machine": machine(), "rows": [row._asdict() for row in rounded]}
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
