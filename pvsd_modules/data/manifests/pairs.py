"""Pre-mixed pairs: noisy recordings with the clean ones beside them."""

import re
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import entries, scan, splits, store
from pvsd_modules.data.manifests.scan import Recording, Skipped
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES

# VCTK's names (VoiceBank-DEMAND is made of it): p226_001.wav is speaker p226.
_VCTK = re.compile(r"^([ps]\d+)_\d+")
# Longest difference between two files of a pair that may still be an encoder's edge.
_TOLERANCE = 0.1


def prepare_pairs(
    root: str,
    output_folder: str,
    seed: int = 1234,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
    valid_speakers: tuple[str, ...] = (),
) -> bool:
    """Write train_pairs.json, valid_pairs.json and test_pairs.json.

    Arguments
    ---------
    root : str
        Folder in which every folder named clean... has one named noisy... with files
        of the same names, for example VoiceBank-DEMAND's clean_trainset_28spk_wav and
        noisy_trainset_28spk_wav. `{data_root}` stands for it.
    output_folder : str
        Where the manifests go.
    seed : int
        Seed of the split by speaker.
    valid_fraction : float
        Share of the seconds for a valid set, where the corpus has none.
    test_fraction : float
        Same for the test set.
    valid_speakers : tuple of str
        Speakers of the training set that become the valid set, instead of a share.

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.
    """
    root = Path(root).expanduser().resolve()
    if not root.is_dir():
        raise PvsdError(f"{root} is not a folder: give the folder of the pairs.")
    skipped = Skipped()
    recordings = find_pairs(root, skipped)
    both = [item.path for item in recordings]
    both += [root / noisy_of(item.key) for item in recordings]
    made_from = {
        "root": str(root),
        "data": store.fingerprint(both),
        "unmatched": sorted(skipped.reasons),
        "seed": seed,
        "fractions": [valid_fraction, test_fraction],
        "valid_speakers": sorted(valid_speakers),
    }
    record = store.Record(Path(output_folder).expanduser())
    if record.is_current("pairs", made_from):
        return False
    usable = _of_equal_length(root, scan.measure(recordings, skipped), skipped)
    if not usable:
        raise PvsdError(
            f"No pair can be used in {root}: it should hold folders such as "
            "clean_trainset_wav and noisy_trainset_wav with files of the same names."
        )
    _choose_speakers(usable, valid_speakers)
    shares = {"valid": valid_fraction, "test": test_fraction}
    splits.assign(usable, shares, seed, "speaker")
    entries.write_manifests("pairs", usable, skipped, record, made_from, _entry)
    return True


def noisy_of(key: str) -> str:
    """Path of the noisy file that belongs to a clean one.

    Arguments
    ---------
    key : str
        Path of the clean file.

    Returns
    -------
    str
        The same path with noisy for clean in the names of its folders.

    Example
    -------
    >>> noisy_of("clean_testset_wav/p232_001.wav")
    'noisy_testset_wav/p232_001.wav'
    """
    path = PurePosixPath(key)
    return (PurePosixPath(_swap(path.parent, "clean", "noisy")) / path.name).as_posix()


def find_pairs(root: Path, skipped: Skipped) -> list[Recording]:
    """List the clean files that have a noisy one; nothing is opened yet.

    Arguments
    ---------
    root : Path
        See `prepare_pairs`.
    skipped : Skipped
        Takes the files whose partner is missing.

    Returns
    -------
    list of Recording
        The clean files, with speaker and the corpus's own split.
    """
    keys = scan.walk(root, MEDIA_SUFFIXES)
    there = set(keys)
    recordings = []
    for key in keys:
        parent = PurePosixPath(key).parent.as_posix().lower()
        if "clean" in parent and noisy_of(key) in there:
            recordings.append(
                Recording(root / key, key, _speaker(key), _split(key), source=root.name)
            )
        elif "clean" in parent:
            skipped.add(key, f"there is no {noisy_of(key)}")
        elif "noisy" in parent and _clean_of(key) not in there:
            skipped.add(key, "there is no clean file for it")
    return recordings


def _swap(folder: PurePosixPath, old: str, new: str) -> str:
    text = folder.as_posix().replace(old, new)
    return text.replace(old.capitalize(), new.capitalize())


def _clean_of(key: str) -> str:
    path = PurePosixPath(key)
    return (PurePosixPath(_swap(path.parent, "noisy", "clean")) / path.name).as_posix()


def _speaker(key: str) -> str:
    path = PurePosixPath(key)
    named = _VCTK.match(path.stem)
    if named:
        return named.group(1)
    folder = path.parent.name
    return "unknown" if "clean" in folder.lower() else folder


def _split(key: str) -> str:
    """The set that a folder's name tells, as in clean_trainset_28spk_wav."""
    for part in PurePosixPath(key).parent.parts:
        for word in re.split(r"[_\-. ]", part.lower()):
            split = splits.own_split(word.removesuffix("set"))
            if split:
                return split
    return ""


def _of_equal_length(root, recordings, skipped):
    noisy = [
        Recording(root / noisy_of(item.key), noisy_of(item.key)) for item in recordings
    ]
    seconds = {item.key: item.seconds for item in scan.measure(noisy, skipped)}
    usable = []
    for item in recordings:
        other = seconds.get(noisy_of(item.key))
        if other is None:
            skipped.add(item.key, f"{noisy_of(item.key)} cannot be used")
        elif abs(other - item.seconds) > _TOLERANCE:
            lengths = f"{item.seconds:.2f} s clean, {other:.2f} s noisy"
            skipped.add(item.key, f"the pair is not aligned: {lengths}")
        else:
            usable.append(item)
    return usable


def _choose_speakers(recordings, valid_speakers):
    trained = {item.group for item in recordings if item.split in ("train", "")}
    unknown = sorted(set(valid_speakers) - trained)
    if unknown:
        raise PvsdError(
            f"--valid_speakers {' '.join(unknown)}: no such speaker is in the training "
            f"set, which has {', '.join(sorted(trained)[:8])}..."
        )
    for item in recordings:
        if item.group in valid_speakers and item.split != "test":
            item.split = "valid"


def _entry(item: Recording) -> dict:
    return {
        "clean": "{data_root}/" + entries.escape(item.key),
        "noisy": "{data_root}/" + entries.escape(noisy_of(item.key)),
        "length": round(item.seconds, 4),
        "speaker": entries.escape(item.group),
    }
