"""Noise manifests: VGGSound's flat folder, any tree, or a CSV table."""

import csv
import logging
import re
from importlib import resources
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import quality, scan
from pvsd_modules.data.manifests.build import Kind, escape
from pvsd_modules.data.manifests.scan import Recording
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk

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
    """The recording that a noise file was cut from, by its path below the data root;
    the path itself where the name does not say.

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
    """Labels and splits of VGGSound's own table (YouTube id, start in seconds, label,
    split; no header): ``<id>_<start, six digits>`` to (label, split)."""
    table = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file):
                if len(row) == 4 and row[1].strip().isdigit():
                    name = f"{row[0].strip()}_{int(row[1]):06d}"
                    table[name] = (row[2].strip(), scan.own_split(row[3]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PvsdError(f"{path} cannot be read: {error}") from error
    if not table:
        raise PvsdError(
            f"{path} is not VGGSound's table: its lines hold a YouTube id, a start in "
            "seconds, a label and train or test."
        )
    return table


class Noise(Kind):
    """Noise without speech.

    A root is a folder of noise files (VGGSound's, with its vggsound.csv in it, or any
    other tree), or a CSV manifest.
    """

    name = "noise"
    group = "noise recording"
    depends_on = (
        "seed valid_fraction test_fraction min_seconds min_level_db "
        "min_noise_bandwidth keep_speech_classes exclude_licences"
    ).split()
    missing = "No noise was found"
    hint = (
        "it should hold audio or video files (wav, flac, mp3, ogg, opus, m4a, mp4, "
        "mkv, ...), or be a .csv manifest with rows of type noise"
    )

    def tables(self, root, options):
        """The root if it is a table, and VGGSound's table if there is one."""
        labels = _labels_of(root, options)
        return super().tables(root, options) + ([labels] if labels else [])

    def find(self, root, options, left_out):
        """With source recording (`group`), class and split where they are known."""
        if scan.is_table(root):
            return [
                scan.row_recording(
                    root.parent, row, row.get("recording") or recording_of(row["path"])
                )
                for row in scan.read_table(root, "noise", left_out)
            ]
        keys = walk(root, MEDIA_SUFFIXES, left_out.fault)
        labels = _labels_of(root, options)
        videos = sum(bool(_VIDEO.match(PurePosixPath(key).stem)) for key in keys)
        if labels and (videos or labels.parent == root):
            table = read_vggsound(labels)
            return [_from_vggsound(root, key, table) for key in keys]
        if videos > len(keys) / 2:
            logger.warning(
                "The files of %s are named like VGGSound's, but there is no "
                "vggsound.csv: speech and singing cannot be left out. Put the table "
                "there, or name it with --vggsound_csv.",
                root,
            )
        return [_from_path(root, key) for key in keys]

    def limits(self, options):
        """Noise may be dull, but not a mere offset."""
        return quality.Limits(
            options.min_seconds, options.min_level_db, options.min_noise_bandwidth
        )

    def check(self, recordings, options, left_out, measure):
        """Leaves out people's voices before anything is decoded."""
        voices = () if options.keep_speech_classes else speech_classes()
        for item in recordings:
            if item.category is None:
                left_out.add(item.key, "VGGSound's table does not know it")
            elif item.category.lower() in voices:
                left_out.add(item.key, f"of the class {item.category}")
        return super().check(left_out.kept(recordings), options, left_out, measure)

    def entry(self, item):
        """The file, its length in seconds, its class, its corpus."""
        return {
            "wav": "{noise_root}/" + escape(item.key),
            "length": round(item.seconds, 4),
            "category": escape(item.category),
            "source": escape(item.source),
        }


def _labels_of(root: Path, options) -> Path | None:
    if options.vggsound_csv:
        return Path(options.vggsound_csv).expanduser().resolve()
    labels = root / "vggsound.csv"
    return labels if labels.is_file() else None


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
    split = scan.own_split(folders[0]) if folders else ""
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
