"""The table of scores on disk, written row by row so that a run can go on."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole

NAMES = "surrogateescape"  # names of files may be no text at all
TEXTS = ("file", "category", "speaker", "failure")


def columns_of(measures: Iterable[str], noisy: bool = True) -> list[str]:
    """The columns of a table of scores.

    Arguments
    ---------
    measures : iterable of str
        Names of the scores.
    noisy : bool
        Whether the noisy input is scored as well.

    Returns
    -------
    list of str
    """
    measures = list(measures)
    scores = [*measures, *(f"noisy_{name}" for name in measures if noisy)]
    if "wer" in measures:
        scores.append("words")
    about = ["snr", "category", "speaker", "seconds", "adjusted", "failure"]
    return ["file", *scores, *about]


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
        text = Path(path).read_text(encoding="utf-8-sig", errors=NAMES)
    except OSError as error:
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
    """Rows of a CSV file; an empty cell is a score that is not defined.

    Arguments
    ---------
    path : str or Path
        Of the CSV file. Beside it lies a .json file of the same name, which says what
        was scored (``made_from``), and takes the summary in the end.
    made_from : dict
        Whatever the scores depend on.
    columns : list of str
        Of `columns_of`.
    overwrite : bool
        Whether to start anew where there are scores already.

    Raises
    ------
    PvsdError
        If there are the scores of something else.
    """

    def __init__(
        self,
        path: str | Path,
        made_from: dict,
        columns: list[str],
        overwrite: bool = False,
    ):
        self.path, self.columns = Path(path), columns
        self.rows: dict[str, dict] = {}
        if self.path.suffix.lower() == ".json":
            raise PvsdError(
                f"{path}: name a .csv file, the .json is written beside it."
            )
        self.mark = self.path.with_suffix(".json")
        if not overwrite:
            self._go_on(json.loads(json.dumps(made_from)))
        if not self.rows:
            save_json(self.mark, {"made_from": made_from})
        self._write(self.rows.values())  # without a row that was cut short

    def _go_on(self, made_from: dict) -> None:
        """Takes over the rows of an earlier run, or refuses to."""
        if not self.path.exists() and not self.mark.exists():
            return
        old = self._made_from()
        if old is None:
            raise PvsdError(
                f"{self.mark if self.mark.exists() else self.path} was not written by "
                "this command: choose another --output, or add --overwrite."
            )
        differing = [
            key for key in made_from | old if made_from.get(key) != old.get(key)
        ]
        if differing and self.path.exists():
            raise PvsdError(
                f"{self.path} holds the scores of another model, list or setting "
                f"({', '.join(differing)} changed): choose another --output, or add "
                "--overwrite to start anew."
            )
        if self.path.exists():
            # A recording that failed is tried again.
            rows = read_scores(self.path)
            self.rows = {row["file"]: row for row in rows if not row.get("failure")}

    def _made_from(self) -> dict | None:
        try:
            text = self.mark.read_text(encoding="utf-8", errors=NAMES)
            return json.loads(text)["made_from"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def append(self, row: dict) -> None:
        """Adds one row, on disk when this returns."""
        self.rows[row["file"]] = row
        with self.path.open("a", encoding="utf-8", errors=NAMES, newline="") as file:
            self._writer(file).writerow(row)

    def finish(self, order: Iterable[str]) -> list[dict]:
        """Brings the rows into the order of the list and returns them."""
        rows = [self.rows[name] for name in order]
        self._write(rows)
        return rows

    def _writer(self, file) -> csv.DictWriter:
        return csv.DictWriter(file, self.columns, lineterminator="\n")

    def _write(self, rows) -> None:
        with written_whole(self.path) as temporary:
            with temporary.open(
                "w", encoding="utf-8", errors=NAMES, newline=""
            ) as file:
                writer = self._writer(file)
                writer.writeheader()
                writer.writerows(rows)


def save_json(path: str | Path, content: dict) -> None:
    """Writes a dict as JSON, whole or not at all."""
    save_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def save_text(path: str | Path, text: str) -> None:
    """Writes a text, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=NAMES)


def digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
