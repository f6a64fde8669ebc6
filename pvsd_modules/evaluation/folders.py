"""Finds which files of two or three folders belong together."""

import csv
import math
import re
from collections import defaultdict
from pathlib import Path

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk

# The DNS challenges' names: clnsp1_..._snr15_tl-21_fileid_158 and clean_fileid_158.
_FILE_ID = re.compile(r"fileid_(\d+)$")
_SNR = re.compile(r"_snr(-?\d+)_")
# VCTK's names, of which VoiceBank-DEMAND is made: p232_001 is speaker p232.
_VCTK = re.compile(r"^([ps]\d+)_\d+$")


class Folder:
    """Sound files of a folder and its sub-folders, by name.

    The files of other folders in it, ``without``, are not its own. A `PvsdError` if it
    is no folder, holds no sound, or has two files of one name.
    """

    def __init__(self, root: str | Path, without: list[Path] = ()):
        self.root = Path(root)
        if not self.root.is_dir():
            raise PvsdError(f"{root} is not a folder: name a folder of sound files.")
        others = [
            other.resolve()
            for other in without
            if other.resolve() != self.root.resolve()
        ]
        self.files: dict[str, Path] = {}
        self.faults: dict[str, str] = {}  # reasons, by names of unreadable folders
        self.by_stem, self.by_id = defaultdict(list), defaultdict(list)
        odd = []  # names that are not UTF-8

        def report(key: str, reason: str) -> None:
            if (self.root / key).is_file():
                odd.append(key)
            else:
                self.faults[key] = reason

        for name in [*walk(self.root, MEDIA_SUFFIXES, report), *odd]:
            path = self.root / name
            if not any(other in path.resolve().parents for other in others):
                self._add(name, path)
        if not self.files:
            raise PvsdError(f"{root} holds no sound files.")

    def _add(self, name: str, path: Path) -> None:
        key = str(Path(name).with_suffix(""))
        if key in self.files:
            raise PvsdError(
                f"{self.files[key]} and {path} have the same name: leave one of them."
            )
        self.files[key] = path
        stem = path.stem
        self.by_stem[stem].append(key)
        number = _FILE_ID.search(stem)
        if number:
            self.by_id[int(number[1])].append(key)

    def find(self, name: str) -> str | None:
        """The key of the file that belongs to a name.

        Arguments
        ---------
        name : str
            Path without suffix, relative to the folder that it is of.

        Returns
        -------
        str or None
            That of the same relative path, or the only one with the same file name,
            with ``_enhanced`` added to or taken from it, or with the same
            ``fileid_<number>``.
        """
        if name in self.files:
            return name
        stem = Path(name).name
        number = _FILE_ID.search(stem)
        for keys in (
            self.by_stem.get(stem, []),
            self.by_stem.get(f"{stem}_enhanced", []),
            self.by_stem.get(stem.removesuffix("_enhanced"), []),
            self.by_id.get(int(number[1]), []) if number else [],
        ):
            if len(keys) == 1:
                return keys[0]
        return None


def match_folders(
    clean: str | Path | None,
    noisy: str | Path | None = None,
    enhanced: str | Path | None = None,
    conditions: dict | None = None,
) -> dict:
    """The items of folders, to be scored by `pvsd_modules.evaluation.evaluate`.

    Arguments
    ---------
    clean, noisy, enhanced : str, Path or None
        Folders; of the last two at least one. Without clean files only measures
        without a reference are possible.
    conditions : dict or None
        Of `read_conditions`.

    Returns
    -------
    dict
        ``{name: {"clean": path, "noisy": path, "enhanced": path, "snr": dB, ...}}``. A
        file that has no partner is an item with a ``failure``.

    Raises
    ------
    PvsdError
        If nothing belongs together.
    """
    named = {"clean": clean, "noisy": noisy, "enhanced": enhanced}
    roots = {name: Path(root) for name, root in named.items() if root is not None}
    folders = {name: Folder(root, [*roots.values()]) for name, root in roots.items()}
    leading = "noisy" if noisy is not None else "enhanced"
    items, used = {}, {name: set() for name in folders}
    for key, path in folders[leading].files.items():
        item = {leading: str(path), **_about(key, conditions or {})}
        for other in folders.keys() - {leading}:
            partner = folders[other].find(key)
            if partner is None:
                item["failure"] = f"there is no {other} file for it in {roots[other]}"
            else:
                item[other] = str(folders[other].files[partner])
                used[other].add(partner)
        items[key] = item
    if all("failure" in item for item in items.values()):
        raise PvsdError(_nothing(folders))
    for name in folders.keys() - {leading}:
        for key in folders[name].files.keys() - used[name]:
            missing = f"there is no {leading} file for it in {roots[leading]}"
            item = {name: str(folders[name].files[key]), "failure": missing}
            items[key if key not in items else f"{name}/{key}"] = item
    for folder in folders.values():
        for key, reason in folder.faults.items():
            items[str(folder.root / key)] = {"failure": reason}
    return dict(sorted(items.items()))


def _about(key: str, conditions: dict) -> dict:
    """What is known of a recording from the table, else from its name."""
    stem = Path(key).name
    about = {}
    snr, speaker = _SNR.search(stem), _VCTK.match(stem)
    if snr:
        about["snr"] = float(snr[1])
    if speaker:
        about["speaker"] = speaker[1]
    return about | (conditions.get(key) or conditions.get(stem) or {})


def _nothing(folders: dict[str, Folder]) -> str:
    examples = " and ".join(
        str(next(iter(folder.files.values()))) for folder in folders.values()
    )
    return (
        f"No files belong together: names such as {examples} have nothing in common. "
        "The same file has the same name in each folder, or the same fileid_<number>."
    )


def add_enhanced(items: dict, folder: str | Path) -> dict:
    """A copy of the items of a list with the enhanced files that another program made.

    They are named like the items, or like the noisy files of pairs. An item without a
    file has a ``failure``; if none has one it is a `PvsdError`.
    """
    found = Folder(folder)
    result = {}
    for name, item in items.items():
        key = found.find(name)
        if key is None and "noisy" in item:
            key = found.find(Path(item["noisy"]).stem)
        if key is None:
            missing = f"there is no enhanced file for it in {folder}"
            result[name] = {**item, "failure": item.get("failure") or missing}
        else:
            result[name] = {**item, "enhanced": str(found.files[key])}
    if not any("enhanced" in item for item in result.values()):
        raise PvsdError(
            f"{folder} holds no file of the list: they are named like its items, such "
            f"as {next(iter(items))}.wav."
        )
    return result


def read_conditions(path: str | Path) -> dict:
    """What is known of recordings: class of noise, SNR, speaker.

    Arguments
    ---------
    path : str or Path
        CSV with a column ``file`` and some of ``snr``, ``category`` and ``speaker``,
        or lines of name, noise and dB as in VoiceBank-DEMAND's log_testset.txt.

    Returns
    -------
    dict
        ``{name: {"snr": dB, "category": ..., "speaker": ...}}``

    Raises
    ------
    PvsdError
        If the file is absent or something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        if Path(path).suffix.lower() == ".csv":
            rows = list(csv.DictReader(text.splitlines()))
        else:
            fields = [line.split() for line in text.splitlines() if line.strip()]
            rows = [
                dict(zip(("file", "category", "snr"), f, strict=True)) for f in fields
            ]
        if not rows:
            raise ValueError("it is empty")
        return {str(Path(row["file"]).with_suffix("")): _known(row) for row in rows}
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise PvsdError(
            f"{path} is no table of conditions ({error}): it has columns file, snr and "
            "category, or lines of name, noise and dB."
        ) from None


def _known(row: dict) -> dict:
    known = {key: row[key] for key in ("category", "speaker") if row.get(key)}
    snr = float(row.get("snr") or 0)
    if not math.isfinite(snr):
        raise ValueError(f"the SNR of {row['file']} is {snr}")
    return known | ({"snr": snr} if row.get("snr") else {})
