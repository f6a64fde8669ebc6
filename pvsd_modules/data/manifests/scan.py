"""Find recordings in a folder or a table, and read how long they are."""

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import probe_audio


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
        What must not be torn apart: the speaker, or the noise's source recording.
    split : str
        "train", "valid", "test", or "" where the corpus does not say.
    category : str
        Class of a noise, "" for speech.
    source : str
        Name of the corpus the file comes from.
    seconds : float
        Length; 0 until measured.
    """

    path: Path
    key: str
    group: str = ""
    split: str = ""
    category: str = ""
    source: str = ""
    seconds: float = 0.0


@dataclass
class Skipped:
    """The files left out, each with its reason, so that none is lost silently."""

    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, reason: str) -> None:
        """Note that the file `key` was left out for `reason`."""
        self.reasons[key] = reason


def is_table(path: Path) -> bool:
    """Tell a CSV manifest from a folder; neither is an error.

    Arguments
    ---------
    path : Path
        What the user gave as a data root.

    Returns
    -------
    bool
        True for a .csv file, False for a folder.
    """
    if path.is_dir():
        return False
    if path.is_file() and path.suffix.lower() == ".csv":
        return True
    if path.exists():
        raise PvsdError(f"{path} is neither a folder nor a .csv manifest.")
    raise PvsdError(f"{path} does not exist: give a folder or a .csv manifest.")


def walk(root: Path, suffixes: frozenset[str]) -> list[str]:
    """List the files below a folder, sorted, links followed, hidden names skipped.

    Arguments
    ---------
    root : Path
        Folder to look into.
    suffixes : frozenset of str
        File endings wanted, lower case with the dot.

    Returns
    -------
    list of str
        Paths relative to `root`, with `/`.
    """
    found = []
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if name[0] != ".")
        for name in names:
            if name[0] != "." and os.path.splitext(name)[1].lower() in suffixes:
                found.append(Path(folder, name).relative_to(root).as_posix())
    return sorted(found)


def read_table(path: Path, kind: str) -> list[dict[str, str]]:
    """Read the rows of one kind from a CSV manifest.

    Arguments
    ---------
    path : Path
        Table with a header. Column `path` (relative to the table's folder) is needed;
        `type`, `speaker`, `category`, `source`, `split`, `recording` are used if there.
    kind : str
        "speech" or "noise": rows of another `type` are passed over.

    Returns
    -------
    list of dict
        The rows, in the table's order.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or []):
                raise PvsdError(
                    f"{path} has no column named path: a manifest needs a header line "
                    "with at least path, and may have type, speaker, category, source, "
                    "split and recording."
                )
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise PvsdError(f"{path} is not a readable CSV table: {error}") from error
    return [row for row in rows if (row.get("type") or kind).strip() == kind]


def measure(recordings: list[Recording], skipped: Skipped) -> list[Recording]:
    """Read every length from its header; leave out what cannot be used.

    Arguments
    ---------
    recordings : list of Recording
        Their `seconds` are filled in.
    skipped : Skipped
        Takes the files that are missing, unreadable or empty.

    Returns
    -------
    list of Recording
        Those with a positive length, in the same order.
    """
    usable = []
    # Opening files is waiting: threads shorten it, and map keeps the order.
    with ThreadPoolExecutor() as pool:
        lengths = pool.map(_seconds, [item.path for item in recordings])
        bar = tqdm(lengths, "Reading lengths", total=len(recordings), disable=None)
        for item, length in zip(recordings, bar, strict=True):
            if isinstance(length, str):
                skipped.add(item.key, length)
            else:
                item.seconds = length
                usable.append(item)
    return usable


def _seconds(path: Path) -> float | str:
    """Length of a file, or the sentence why there is none."""
    try:
        seconds = probe_audio(path).duration
    except PvsdError as error:
        return str(error)
    return seconds if 0 < seconds < float("inf") else f"{path} holds no sound."


def folder_of(root: Path) -> Path:
    """The folder that `{data_root}` or `{noise_root}` stands for.

    Arguments
    ---------
    root : Path
        Folder or CSV manifest.

    Returns
    -------
    Path
        The folder itself, or the one the table lies in.
    """
    return root.parent if is_table(root) else root
