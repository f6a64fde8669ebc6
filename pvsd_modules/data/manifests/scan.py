"""Finds recordings in a folder or a table, and keeps account of what is left out."""

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.walking import printable

SPLITS = ("train", "valid", "test")

_OWN_NAMES = {
    "train": ("train", "training", "trainval", "pretrain"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass
class Recording:
    """One file of a corpus.

    Arguments
    ---------
    path : Path
        Where the file lies.
    key : str
        Path relative to the data root, with `/`: it names the file in manifests.
    group : str
        What must stay in one set: the speaker, the noise's source recording, the room.
    split : str
        "train", "valid", "test", or "" where the corpus does not say.
    category : str
        Class of a noise, name of a room, "" for speech.
    source : str
        Name of the corpus the file comes from.
    licence : str
        As the corpus states it, "" where it does not.
    seconds : float
        Length; 0 until measured.
    frame_count : int
        Frames of a talking-face clip.
    """

    path: Path
    key: str
    group: str = ""
    split: str = ""
    category: str = ""
    source: str = ""
    licence: str = ""
    seconds: float = 0.0
    frame_count: int = 0


@dataclass
class LeftOut:
    """The files left out: reasons by key, and as ``faults`` the keys of those that
    could not be read, as opposed to those that were read and are not wanted."""

    reasons: dict[str, str] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)

    def add(self, key: str, reason: str, fault: bool = False) -> None:
        """Note that the file `key` was left out for `reason`."""
        key = printable(key)
        self.reasons[key] = " ".join(printable(reason).split())
        if fault:
            self.faults.add(key)

    def fault(self, key: str, reason: str) -> None:
        """Note a file that could not be read."""
        self.add(key, reason, fault=True)

    def kept(self, recordings: list[Recording]) -> list[Recording]:
        """Those of the recordings that were not left out."""
        return [item for item in recordings if item.key not in self.reasons]


def own_split(name: str) -> str:
    """Set that a folder's name or a table's cell stands for: "train", "valid", "test",
    or "" when the name says nothing.

    Example
    -------
    >>> own_split("trainval"), own_split("dev-clean"), own_split("speech")
    ('train', 'valid', '')
    """
    first = name.strip().lower().replace("_", "-").split("-")[0]
    for split, names in _OWN_NAMES.items():
        if first in names:
            return split
    return ""


def is_table(path: Path) -> bool:
    """Whether a data root is a .csv file; anything but that and a folder is a
    `PvsdError`."""
    if path.is_dir():
        return False
    if path.is_file() and path.suffix.lower() == ".csv":
        return True
    if path.exists():
        raise PvsdError(f"{path} is neither a folder nor a .csv manifest.")
    raise PvsdError(f"{path} does not exist: give a folder or a .csv manifest.")


def folder_of(root: Path) -> Path:
    """A data root's folder: the root itself, or the folder that holds the table."""
    return root.parent if is_table(root) else root


def common_folder(roots: list[Path]) -> Path:
    """The folder that `{data_root}` stands for: the deepest that holds all roots.

    Arguments
    ---------
    roots : list of Path
        Absolute paths of folders and CSV manifests.
    """
    try:
        return Path(os.path.commonpath([folder_of(root) for root in roots]))
    except ValueError as error:  # on Windows: two drives
        raise PvsdError(
            f"{roots[0]} and {roots[-1]} have no folder in common: prepare them into "
            "two output folders."
        ) from error


def read_table(path: Path, kind: str, left_out: LeftOut) -> list[dict[str, str]]:
    """Read the rows of one kind from a CSV manifest.

    Arguments
    ---------
    path : Path
        Table with a header. Column `path` (relative to the table's folder) is needed;
        `type`, `speaker`, `category`, `source`, `split`, `recording` and `licence` are
        used if there.
    kind : str
        "speech", "noise" or "rir": rows of another `type` are passed over.
    left_out : LeftOut
        Takes the rows that name no file below the table's folder.

    Returns
    -------
    list of dict
        The rows, in the table's order, without blanks around the values.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or []):
                raise PvsdError(
                    f"{path} has no column named path: a manifest needs a header line "
                    "with at least path, and may have type, speaker, category, source, "
                    "split, recording and licence."
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PvsdError(f"{path} is not a readable CSV table: {error}") from error
    kept = []
    for row in rows:
        row = {key: (value or "").strip() for key, value in row.items() if key}
        if (row.get("type") or kind) != kind:
            continue
        if is_inside(row["path"]):
            row["path"] = PurePosixPath(row["path"]).as_posix()
            kept.append(row)
        else:
            reason = "the table names a file outside of its folder: move it there"
            left_out.fault(row["path"] or "(no path)", reason)
    return kept


def row_recording(folder: Path, row: dict[str, str], group: str) -> Recording:
    """The recording of a table's row.

    Arguments
    ---------
    folder : Path
        The table's.
    row : dict
        From `read_table`.
    group : str
        See `Recording`.
    """
    return Recording(
        path=folder / row["path"],
        key=row["path"],
        group=group,
        split=own_split(row.get("split", "")),
        category=row.get("category", ""),
        source=row.get("source") or folder.name,
        licence=row.get("licence", ""),
    )


def is_inside(key: str) -> bool:
    """Whether a relative path stays in the folder that it is relative to.

    Example
    -------
    >>> [is_inside(key) for key in ("a/b.wav", "a/../b.wav", "../b.wav", "/b.wav", "")]
    [True, True, False, False, False]
    """
    plain = os.path.normpath(key)
    return plain not in (".", "..") and not (
        os.path.isabs(plain) or plain.startswith(f"..{os.sep}") or "\0" in key
    )
