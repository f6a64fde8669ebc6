"""Noise manifests: VGGSound's flat folder, any tree, or a CSV table."""

import csv
import logging
import re
from importlib import resources
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import entries, scan, splits, store
from pvsd_modules.data.manifests.scan import Recording, Skipped
from pvsd_modules.data.manifests.speech import nothing_found
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES

logger = logging.getLogger(__name__)

# Names that tell from which recording a file was cut:
# VGGSound and AudioSet, <YouTube id>_<start in seconds>;
_VIDEO = re.compile(r"^([\w-]{11})_(\d{1,7})(?:_\d{1,7})?$", re.ASCII)
# ESC-50, <fold>-<Freesound id>-<take>, with or without a class before it;
_ESC50 = re.compile(r"(?:^|_)\d-(\d+)-[A-Z](?:-\d+)?$")
# DEMAND, one folder a recording with a file for each of 16 microphones;
_DEMAND = re.compile(r"^ch\d\d$")
# and pieces that say they are pieces.
_PIECE = re.compile(
    r"[_\-. ]?(?:seg|segment|part|piece|chunk|take|ch)[_\- ]?\d+$", re.I
)


def speech_classes() -> frozenset[str]:
    """VGGSound's classes of people speaking or singing, left out of the noise.

    Returns
    -------
    frozenset of str
        Labels, lower case, from `vggsound_speech_classes.txt`.
    """
    text = resources.files(__package__).joinpath("vggsound_speech_classes.txt")
    lines = text.read_text(encoding="utf-8").splitlines()
    return frozenset(
        line.strip().lower() for line in lines if line.strip() and line[0] != "#"
    )


def recording_of(key: str) -> str:
    """The source recording that a noise file was cut from, where its name tells.

    Arguments
    ---------
    key : str
        Path relative to the data root.

    Returns
    -------
    str
        Name shared by all pieces of a recording; the path itself when nothing tells.

    Example
    -------
    >>> recording_of("video/--4gqARaEJE_000012.mp4")
    '--4gqARaEJE'
    >>> recording_of("1-172649-A.wav") == recording_of("dog_1-172649-B.wav")
    True
    >>> recording_of("DKITCHEN/ch01.wav")
    'DKITCHEN'
    """
    path = PurePosixPath(key)
    stem = path.stem
    video = _VIDEO.match(stem)
    if video:
        return video.group(1)
    esc50 = _ESC50.search(stem)
    if esc50:
        return f"freesound {esc50.group(1)}"
    if _DEMAND.match(stem):
        return path.parent.as_posix()
    return (path.parent / (_PIECE.sub("", stem) or stem)).as_posix()


def read_vggsound(path: Path) -> dict[str, tuple[str, str]]:
    """Labels and splits of VGGSound's own table.

    Arguments
    ---------
    path : Path
        vggsound.csv: YouTube id, start in seconds, label, split; no header.

    Returns
    -------
    dict
        `<id>_<start, six digits>` to (label, split).
    """
    table = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file):
                if len(row) == 4 and row[1].strip().isdigit():
                    name = f"{row[0].strip()}_{int(row[1]):06d}"
                    table[name] = (row[2].strip(), splits.own_split(row[3]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PvsdError(f"{path} cannot be read: {error}") from error
    if not table:
        raise PvsdError(
            f"{path} is not VGGSound's table: its lines hold a YouTube id, a start in "
            "seconds, a label and train or test."
        )
    return table


def find_noise(root: Path, vggsound_csv: Path | None = None) -> list[Recording]:
    """List the noise below a data root; nothing is opened yet.

    Arguments
    ---------
    root : Path
        Folder of noise files (VGGSound's, with its vggsound.csv in it, or any other
        tree), or a CSV manifest.
    vggsound_csv : Path, optional
        VGGSound's table when it lies elsewhere.

    Returns
    -------
    list of Recording
        With source recording (`group`), class and split where they are known. A file
        that VGGSound's table does not know has the category None.
    """
    if scan.is_table(root):
        return _from_table(root)
    keys = scan.walk(root, MEDIA_SUFFIXES)
    if vggsound_csv is None and (root / "vggsound.csv").is_file():
        vggsound_csv = root / "vggsound.csv"
    if vggsound_csv is not None:
        labels = read_vggsound(vggsound_csv)
        return [_from_vggsound(root, key, labels) for key in keys]
    videos = sum(bool(_VIDEO.match(PurePosixPath(key).stem)) for key in keys)
    if videos > len(keys) / 2:
        logger.warning(
            "The files of %s are named like VGGSound's, but there is no vggsound.csv: "
            "speech and singing cannot be left out. Put the table there, or name it "
            "with --vggsound_csv.",
            root,
        )
    return [_from_path(root, key) for key in keys]


def prepare_noise(
    root: str,
    output_folder: str,
    seed: int = 1234,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
    vggsound_csv: str | None = None,
    keep_speech_classes: bool = False,
) -> bool:
    """Write train_noise.json, valid_noise.json and test_noise.json.

    Arguments
    ---------
    root : str
        See `find_noise`. `{noise_root}` stands for this folder (a table's own folder).
    output_folder : str
        Where the manifests go.
    seed : int
        Seed of the split by source recording.
    valid_fraction : float
        Share of the seconds for a valid set, where the corpus has none.
    test_fraction : float
        Same for the test set.
    vggsound_csv : str, optional
        VGGSound's table when it does not lie in `root`.
    keep_speech_classes : bool
        Keep the classes of `speech_classes` among the noise.

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.
    """
    root = Path(root).expanduser().resolve()
    labels = Path(vggsound_csv).expanduser().resolve() if vggsound_csv else None
    recordings = find_noise(root, labels)
    tables = [path for path in (root, root / "vggsound.csv", labels) if path]
    made_from = {
        "root": str(root),
        "data": store.fingerprint([item.path for item in recordings]),
        "tables": store.fingerprint([path for path in tables if path.is_file()]),
        "seed": seed,
        "fractions": [valid_fraction, test_fraction],
        "left_out": [] if keep_speech_classes else sorted(speech_classes()),
    }
    record = store.Record(Path(output_folder).expanduser())
    if record.is_current("noise", made_from):
        return False
    skipped = Skipped()
    for item in recordings:
        if item.category is None:
            skipped.add(item.key, "VGGSound's table does not know it")
        elif not keep_speech_classes and item.category.lower() in speech_classes():
            skipped.add(item.key, f"of the class {item.category}")
    wanted = [item for item in recordings if item.key not in skipped.reasons]
    usable = scan.measure(wanted, skipped)
    if not usable:
        raise PvsdError(nothing_found("noise", root, skipped))
    shares = {"valid": valid_fraction, "test": test_fraction}
    splits.assign(usable, shares, seed, "noise recording")
    entries.write_manifests("noise", usable, skipped, record, made_from, _entry)
    return True


def _from_table(table: Path) -> list[Recording]:
    return [
        Recording(
            path=table.parent / row["path"],
            key=row["path"],
            group=(row.get("recording") or "").strip() or recording_of(row["path"]),
            split=splits.own_split(row.get("split") or ""),
            category=(row.get("category") or "").strip(),
            source=(row.get("source") or "").strip() or table.parent.name,
        )
        for row in scan.read_table(table, "noise")
    ]


def _from_vggsound(root: Path, key: str, labels: dict) -> Recording:
    label, split = labels.get(PurePosixPath(key).stem, (None, ""))
    return Recording(
        path=root / key,
        key=key,
        group=recording_of(key),
        split=split,
        category=label,
        source="vggsound",
    )


def _from_path(root: Path, key: str) -> Recording:
    folders = list(PurePosixPath(key).parent.parts)
    split = splits.own_split(folders[0]) if folders else ""
    if split:
        folders = folders[1:]
    return Recording(
        path=root / key,
        key=key,
        group=recording_of(key),
        split=split,
        category=folders[-1] if folders else "",
        source=root.name,
    )


def _entry(item: Recording) -> dict:
    return {
        "wav": "{noise_root}/" + entries.escape(item.key),
        "length": round(item.seconds, 4),
        "category": entries.escape(item.category),
        "source": entries.escape(item.source),
    }
