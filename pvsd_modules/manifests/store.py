"""Write manifests, and know whether they still fit the data and the arguments."""

import hashlib
import json
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.manifests.scan import Recording, Skipped
from pvsd_modules.manifests.splits import SPLITS

# Raised whenever the same arguments would give other manifests than before.
FORMAT = 1

RECORD = "prepared.json"

logger = logging.getLogger(__name__)


def escape(text: str) -> str:
    """Keep braces of a file name apart from the `{data_root}` that is filled in.

    Arguments
    ---------
    text : str
        Any text that goes into a manifest (SpeechBrain formats every one of them).

    Returns
    -------
    str
        The text with braces doubled.
    """
    return text.replace("{", "{{").replace("}", "}}")


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file whole or not at all.

    Arguments
    ---------
    path : Path
        File to write; its folder is made.
    content : dict
        What to write, in this order.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Arguments
    ---------
    path : Path
        File to write; its folder is made.
    text : str
        Its content.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise PvsdError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files for the owner alone; a manifest is for everyone.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise PvsdError(f"{path} cannot be written: {error.strerror}.") from error


def read_json(path: Path) -> dict:
    """Read a JSON file that was written by `write_json`.

    Arguments
    ---------
    path : Path
        The file.

    Returns
    -------
    dict
        Its content, or an empty dict when there is no such file.
    """
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PvsdError(
            f"{path} is not valid JSON: delete it and prepare again."
        ) from error


def fingerprint(files: list[Path]) -> str:
    """A digest of names, sizes and times: it changes when a corpus does.

    Arguments
    ---------
    files : list of Path
        Files in a fixed order; a missing one counts as missing.

    Returns
    -------
    str
        Hexadecimal digest.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            stat = path.stat()
            line = f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}\n"
        except OSError:
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
        """Tell whether a kind was made from just this, and its files are still there.

        Arguments
        ---------
        kind : str
            "speech", "noise", "mixtures", "pairs" or "faces".
        made_from : dict
            Arguments and fingerprint of the data.

        Returns
        -------
        bool
            True when nothing has to be done.
        """
        entry = self.made.get(kind, {})
        return entry.get("from") == {"format": FORMAT, **made_from} and all(
            (self.folder / name).is_file() for name in entry.get("files", [])
        )

    def note(self, kind: str, made_from: dict, files: list[str]) -> None:
        """Remember what a kind was made from.

        Arguments
        ---------
        kind : str
            As in `is_current`.
        made_from : dict
            As in `is_current`.
        files : list of str
            Names of the manifests written.
        """
        self.made[kind] = {"from": {"format": FORMAT, **made_from}, "files": files}
        write_json(self.folder / RECORD, dict(sorted(self.made.items())))

    def forget(self, kind: str) -> None:
        """Remove the manifests of a kind that no longer fits the others.

        Arguments
        ---------
        kind : str
            As in `is_current`.
        """
        for name in self.made.pop(kind, {}).get("files", []):
            (self.folder / name).unlink(missing_ok=True)
        write_json(self.folder / RECORD, dict(sorted(self.made.items())))


def identifiers(recordings: list[Recording]) -> list[str]:
    """A name for each recording: its path without the ending where that is enough.

    Arguments
    ---------
    recordings : list of Recording
        All recordings that share a manifest.

    Returns
    -------
    list of str
        Unique names in the same order.
    """
    short = [str(Path(item.key).with_suffix("").as_posix()) for item in recordings]
    count = Counter(short)
    return [
        item.key if count[name] > 1 else name
        for item, name in zip(recordings, short, strict=True)
    ]


def report(kind: str, recordings: list[Recording], skipped: Skipped, folder: Path):
    """Say how much there is of each set, and name what was left out.

    Arguments
    ---------
    kind : str
        As in `Record.is_current`.
    recordings : list of Recording
        What went into the manifests.
    skipped : Skipped
        What did not; written to `<kind>_skipped.txt` when there is any.
    folder : Path
        Where the manifests lie.

    Returns
    -------
    list of str
        Names of the files written here.
    """
    for split in SPLITS:
        items = [item for item in recordings if item.split == split]
        groups = len({item.group for item in items})
        hours = sum(item.seconds for item in items) / 3600
        logger.info(
            "%s %s: %d files, %.2f h, %d groups", kind, split, len(items), hours, groups
        )
        if not items:
            logger.warning(
                "%s %s is empty: there are too few %s to keep a set of their own.",
                kind,
                split,
                "speakers" if kind != "noise" else "noise recordings",
            )
    path = folder / f"{kind}_skipped.txt"
    if not skipped.reasons:
        path.unlink(missing_ok=True)
        return []
    lines = [f"{key}\t{why}" for key, why in sorted(skipped.reasons.items())]
    write_text(path, "\n".join(lines) + "\n")
    for line in lines[:10]:
        logger.warning("left out: %s", line.replace("\t", ": "))
    logger.warning(
        "%d files of %s left out, all named in %s", len(lines), kind, path.name
    )
    return [path.name]


def write_splits(
    kind: str, recordings: list[Recording], folder: Path, entry: Callable
) -> list[str]:
    """Write `<split>_<kind>.json` for the three sets, sorted by name.

    Arguments
    ---------
    kind : str
        As in `Record.is_current`.
    recordings : list of Recording
        With `split` filled in.
    folder : Path
        Where the manifests go.
    entry : Callable
        Turns a Recording into the dict of its manifest entry.

    Returns
    -------
    list of str
        Names of the files written.
    """
    ordered = sorted(recordings, key=lambda item: item.key)
    named = dict(zip(identifiers(ordered), ordered, strict=True))
    files = []
    for split in SPLITS:
        content = {
            name: entry(item) for name, item in named.items() if item.split == split
        }
        files.append(f"{split}_{kind}.json")
        write_json(folder / files[-1], content)
    return files
