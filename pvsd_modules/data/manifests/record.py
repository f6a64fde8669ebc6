"""Write manifests, and know whether they still fit the data and the arguments."""

import hashlib
import json
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import write_text
from pvsd_modules.io.locking import locked

# Raised whenever the same arguments would give other manifests than before.
FORMAT = 2

RECORD = "prepared.json"


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file whole or not at all.

    Arguments
    ---------
    path : Path
        File to write; its folder is made.
    content : dict
        What to write, in this order.
    """
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict:
    """Content of a JSON file of `write_json`; an empty dict when there is none."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PvsdError(
            f"{path} is not valid JSON: delete it and prepare again."
        ) from error


def fingerprint(files: list[Path]) -> str:
    """A digest of names, sizes and times of files, which may be missing: it changes
    when a corpus does."""
    digest = hashlib.sha256()
    for path in files:
        try:
            stat = path.stat()
            line = f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}\n"
        except (OSError, ValueError):
            line = f"{path}\tmissing\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class Record:
    """What each kind of manifest was made from, kept beside the manifests.

    Arguments
    ---------
    folder : Path
        Where the manifests lie.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.made = read_json(folder / RECORD)

    def is_current(self, kind: str, made_from: dict) -> bool:
        """Whether a kind ("speech", "noise", "mixtures", "pairs", "faces" or "rooms")
        was made from just these arguments and this fingerprint, and its files are still
        there."""
        entry = self.made.get(kind, {})
        return entry.get("from") == _plain(made_from) and all(
            (self.folder / name).is_file() for name in entry.get("files", [])
        )

    def note(
        self, kind: str, made_from: dict, files: list[str], faults: int = 0
    ) -> None:
        """Remember what a kind was made from.

        Arguments
        ---------
        kind : str
            As in `is_current`.
        made_from : dict
            As in `is_current`.
        files : list of str
            Names of the manifests written.
        faults : int
            How many files could not be read.
        """
        made_from = _plain(made_from)
        self._write(kind, {"from": made_from, "files": files, "faults": faults})

    def forget(self, kind: str) -> None:
        """Remove the manifests of a kind that no longer fits the others.

        Arguments
        ---------
        kind : str
            As in `is_current`.
        """
        for name in self.made.get(kind, {}).get("files", []):
            (self.folder / name).unlink(missing_ok=True)
        self._write(kind, None)

    def _write(self, kind: str, entry: dict | None) -> None:
        """Change one kind; another call may have noted others in the meantime."""
        with locked(self.folder / ".lock"):
            self.made = read_json(self.folder / RECORD)
            self.made.pop(kind, None)
            if entry is not None:
                self.made[kind] = entry
            write_json(self.folder / RECORD, dict(sorted(self.made.items())))


def count_faults(folder: str, kinds) -> int:
    """How many files of some kinds could not be read when they were prepared."""
    made = Record(Path(folder).expanduser()).made
    return sum(made.get(kind, {}).get("faults", 0) for kind in kinds)


def _plain(made_from: dict) -> dict:
    """As it comes back from JSON, where a tuple has become a list."""
    return json.loads(json.dumps({"format": FORMAT, **made_from}))
