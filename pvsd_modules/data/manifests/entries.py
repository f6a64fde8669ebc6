"""From recordings to the manifests of the three sets, and the report on them."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests.scan import Recording, Skipped
from pvsd_modules.data.manifests.splits import SPLITS
from pvsd_modules.data.manifests.store import Record, write_json, write_text

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
    # A preprocessed clip is named by its folder, not by the audio.wav in it.
    paths = [PurePosixPath(item.key.removesuffix("/audio.wav")) for item in recordings]
    short = [path.with_suffix("").as_posix() for path in paths]
    count = Counter(short)
    return [
        item.key if count[name] > 1 else name
        for item, name in zip(recordings, short, strict=True)
    ]


def write_manifests(
    kind: str,
    recordings: list[Recording],
    skipped: Skipped,
    record: Record,
    made_from: dict,
    entry: Callable,
) -> None:
    """Write the manifests of a kind, report on them, and note what they were made from.

    Arguments
    ---------
    kind : str
        As in `store.Record.is_current`.
    recordings : list of Recording
        With `split` filled in.
    skipped : Skipped
        What was left out, and why.
    record : Record
        Of the folder where the manifests go.
    made_from : dict
        As in `store.Record.is_current`.
    entry : Callable
        Turns a Recording into the dict of its manifest entry.
    """
    files = _write_splits(kind, recordings, record.folder, entry)
    files += _report(kind, recordings, skipped, record.folder)
    record.note(kind, made_from, files)


def _report(
    kind: str, recordings: list[Recording], skipped: Skipped, folder: Path
) -> list[str]:
    """Say how much there is of each set, and name what was left out.

    What was left out is written to `<kind>_skipped.txt`. Gives the names of the files.
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


def _write_splits(
    kind: str, recordings: list[Recording], folder: Path, entry: Callable
) -> list[str]:
    """Write `<split>_<kind>.json` for the three sets; give the names of the files."""
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
