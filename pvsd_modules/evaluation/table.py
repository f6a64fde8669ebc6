"""The table of scores on disk, written row by row so that a run can go on."""

import csv
import hashlib
import io
import json
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.scoring import COLUMNS
from pvsd_modules.outputs import written_whole

TEXTS = ("file", "category", "speaker", "failure")


def read_scores(path: str | Path) -> list[dict]:
    """The rows of a table of scores, whichever columns it has.

    Arguments
    ---------
    path : str or Path
        CSV with a header, such as scores.csv.

    Returns
    -------
    list of dict
        Numbers as float, None for an empty cell; file, category, speaker and failure
        as text. A last row that was cut short is left out.

    Raises
    ------
    PvsdError
        If the file is absent or no table of scores.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PvsdError(
            f"{path} cannot be read as a table of scores: {error}."
        ) from None
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
    if "file" not in (reader.fieldnames or []):
        raise PvsdError(f"{path} is no table of scores: it has no column named file.")
    try:
        return [_typed(row) for row in reader]
    except (TypeError, ValueError) as error:
        raise PvsdError(f"{path} holds something else than scores: {error}.") from None


def _typed(row: dict) -> dict:
    return {
        key: (value or "") if key in TEXTS else float(value) if value else None
        for key, value in row.items()
    }


class ScoreTable:
    """Rows of ``scores.csv``; an empty cell is a score that is not defined.

    Arguments
    ---------
    folder : str or Path
        Where ``scores.csv`` lies, and ``scores.json``, which says what was scored.
    made_from : dict
        Whatever the scores depend on.

    Raises
    ------
    PvsdError
        If the folder holds the scores of something else.
    """

    def __init__(self, folder: str | Path, made_from: dict):
        self.path = Path(folder, "scores.csv")
        mark = Path(folder, "scores.json")
        text = json.dumps(made_from, indent=1, sort_keys=True) + "\n"
        if self.path.exists():
            if not mark.is_file() or mark.read_text(encoding="utf-8") != text:
                raise PvsdError(
                    f"{self.path} holds the scores of another model, list or setting: "
                    "choose another --output_folder, or remove the file."
                )
            self.rows = self._read()
        else:
            self.rows = {}
            with written_whole(mark) as temporary:
                temporary.write_text(text, encoding="utf-8")
        self._write(self.rows.values())  # without a row that was cut short

    def append(self, row: dict) -> None:
        """Adds one row, on disk when this returns."""
        self.rows[row["file"]] = row
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)

    def finish(self, order: list[str]) -> list[dict]:
        """Brings the rows into the order of the list and returns them."""
        rows = [self.rows[name] for name in order]
        self._write(rows)
        return rows

    def _read(self) -> dict[str, dict]:
        return {row["file"]: row for row in read_scores(self.path)}

    def _write(self, rows) -> None:
        with written_whole(self.path) as temporary:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)


def digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
