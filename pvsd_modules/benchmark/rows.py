"""The result of a benchmark: rows of a name, a value and a unit."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One figure: what was measured, how much, and of what unit."""

    name: str
    value: float
    unit: str


def machine() -> str:
    """The processor, the number of its cores, and PyTorch's version."""
    name = platform.processor() or platform.machine()
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} processors, PyTorch {version('torch')}"


def write_json(path: str | Path, rows: list[Row]) -> None:
    """Write ``{"machine": ..., "rows": [{"name", "value", "unit"}, ...]}``.

    Arguments
    ---------
    path : str or Path
        File to write or replace.
    rows : list of Row
        Their values are rounded to five digits.
    """
    rounded = [row._replace(value=float(f"{row.value:.5g}")) for row in rows]
    found = {"machine": machine(), "rows": [row._asdict() for row in rounded]}
    Path(path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
