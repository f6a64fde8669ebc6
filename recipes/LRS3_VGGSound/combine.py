#!/usr/bin/env python3
"""Write one CSV manifest of several, without what may not be used.

    python combine.py OPEN/manifest.csv OPEN_2/manifest.csv --output DATA/manifest.csv \
        --without_licence GPL --without_source babble-synth2

What is left out is counted and told. Paths are written relative to the new table, so
that its folder is what ``--data_root`` wants.
"""

import argparse
import csv
import os
import sys
from collections import Counter
from pathlib import Path

from pvsd_modules.errors import PvsdError


def combine(tables, output, without_licence=(), without_source=()) -> Counter:
    """Writes the table.

    Arguments
    ---------
    tables : sequence of str
        CSV manifests with at least ``path``, ``type``, ``source`` and ``licence``.
    output : str
        The table to write.
    without_licence : sequence of str
        Rows are left out whose licence contains one of these, in either case.
    without_source : sequence of str
        Rows are left out whose source is one of these.

    Returns
    -------
    Counter
        How many rows were left out by (type, source).

    Raises
    ------
    PvsdError
        If a table is missing or lacks a column.
    """
    rows, left_out = [], Counter()
    folder = Path(output).absolute().parent
    for table in map(Path, tables):
        if not table.is_file():
            raise PvsdError(f"{table} does not exist: name a CSV manifest.")
        root = Path(os.path.relpath(table.absolute().parent, folder))
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                missing = {"path", "type", "source", "licence"} - set(row)
                if missing:
                    raise PvsdError(f"{table} has no column {min(missing)}.")
                licence = row["licence"].lower()
                refused = row["source"] in without_source or any(
                    word.lower() in licence for word in without_licence
                )
                if refused:
                    left_out[row["type"], row["source"]] += 1
                else:
                    rows.append(row | {"path": (root / row["path"]).as_posix()})
    if not rows:
        raise PvsdError("Nothing is left: see --without_licence.")
    folder.mkdir(parents=True, exist_ok=True)
    with open(output, "w", newline="", encoding="utf-8") as file:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return left_out


def main(arguments=None) -> int:
    """Run from the command line; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("tables", nargs="+", help="CSV manifests")
    add("--output", required=True, help="table to write")
    add("--without_licence", nargs="+", default=[], help="words, such as GPL")
    add("--without_source", nargs="+", default=[], help="names in the column source")
    try:
        left_out = combine(**vars(parser.parse_args(arguments)))
    except PvsdError as error:
        print(f"combine.py: {error}", file=sys.stderr)
        return 2
    for (kind, source), count in sorted(left_out.items()):
        print(f"left out: {count} files of {kind} of {source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
