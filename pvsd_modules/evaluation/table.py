"""The table of scores on disk: whole, or with the rows of an interrupted run."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.locking import locked

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
    except (OSError, ValueError) as error:
        raise PvsdError(
            f"{path} cannot be read as a table of scores: {error}."
        ) from None
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1], newline=""))
    try:
        if "file" not in (reader.fieldnames or []):
            raise PvsdError(
                f"{path} is no table of scores: it has no column named file."
            )
        return [_typed(row) for row in reader]
    except (TypeError, ValueError, AttributeError, csv.Error) as error:
        raise PvsdError(f"{path} holds something else than scores: {error}.") from None


def _typed(row: dict) -> dict:
    return {
        key: (value or "") if key in TEXTS else float(value) if value else None
        for key, value in row.items()
    }


class ScoreTable:
    """Scores of one system, a row a recording.

    While a run goes on its rows lie in ``<name>.csv.part``, a line of JSON each; the
    CSV and, beside it, the summary (.json, .md) are written at the end, whole.
    ``made_from`` is all that the scores depend on, as JSON: files of other scores are a
    `PvsdError` unless ``overwrite`` is set.
    """

    def __init__(self, path: str | Path, made_from: dict, overwrite: bool = False):
        self.path, self.made_from = Path(path), json.loads(json.dumps(made_from))
        if self.path.suffix.lower() != ".csv":
            raise PvsdError(
                f"{path}: name a .csv file; a .json and a .md are written beside it."
            )
        self.part = self.path.with_name(f"{self.path.name}.part")
        self.mark, self.text = (self.path.with_suffix(x) for x in (".json", ".md"))
        #: All files that a run writes.
        self.outputs = [self.path, self.mark, self.text, self.part]
        self.rows: dict[str, dict] = {}
        self._started = False
        if not overwrite:
            self._go_on()

    def _go_on(self) -> None:
        """Takes over the rows of an earlier run, or refuses to."""
        found = next((path for path in self.outputs if path.exists()), None)
        if found is None:
            return
        try:
            made_from, rows = self._unfinished() or self._finished()
        except (OSError, ValueError, KeyError, TypeError):
            raise PvsdError(
                f"{found} was not written by this command, or is damaged: choose "
                "another --output, or add --overwrite."
            ) from None
        differing = [
            key
            for key in self.made_from | made_from
            if self.made_from.get(key) != made_from.get(key)
        ]
        if differing:
            raise PvsdError(
                f"{found} holds the scores of another model, list or setting "
                f"({', '.join(differing)} changed): choose another --output, or add "
                "--overwrite to start anew."
            )
        # A recording that failed is tried again.
        self.rows = {row["file"]: row for row in rows if not row.get("failure")}

    def _unfinished(self) -> tuple[dict, list[dict]] | None:
        if not self.part.exists():
            return None
        *lines, _ = self.part.read_text(encoding="utf-8").split("\n")
        made_from, *rows = map(json.loads, lines)  # without a row that was cut short
        return made_from["made_from"], rows

    def _finished(self) -> tuple[dict, list[dict]]:
        made_from = json.loads(self.mark.read_text(encoding="utf-8", errors=NAMES))
        return dict(made_from["made_from"]), read_scores(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other run writes these files meanwhile; else it is a `PvsdError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(f"{self.path.name}.lock")
        with locked(lock, wait=False) as mine:
            if not mine:
                raise PvsdError(
                    f"{self.path} is being written by another run: wait for its end, "
                    "or choose another --output."
                )
            try:
                yield
            finally:
                with suppress(PermissionError):  # Windows, where it is still open
                    lock.unlink(missing_ok=True)

    def append(self, row: dict) -> None:
        """Adds one row, on disk when this returns."""
        self.rows[row["file"]] = row
        if not self._started:  # anew, so that no line is joined to one cut short
            save_text(
                self.part, _lines({"made_from": self.made_from}, *self.rows.values())
            )
            self._started = True
            return
        try:
            with self.part.open("a", encoding="utf-8") as file:
                file.write(_lines(row))
        except OSError as error:
            raise PvsdError(
                f"{self.part} cannot be written ({error.strerror}): make room and run "
                "the same command again, it goes on."
            ) from None

    def finish(self, order: Iterable[str], columns: list[str]) -> list[dict]:
        """Writes the CSV in the order of the list, and returns the rows."""
        rows = [self.rows[name] for name in order]
        written = io.StringIO(newline="")
        writer = csv.DictWriter(written, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        save_text(self.path, written.getvalue())
        return rows


def _lines(*entries: dict) -> str:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


def save_json(path: str | Path, content: dict) -> None:
    """Writes a dict as JSON, whole or not at all."""
    save_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def save_text(path: str | Path, text: str) -> None:
    """Writes a text, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=NAMES, newline="\n")
