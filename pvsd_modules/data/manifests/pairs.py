"""Pre-mixed pairs: noisy recordings with the clean ones beside them."""

import re
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import scan
from pvsd_modules.data.manifests.build import Kind, escape
from pvsd_modules.data.manifests.scan import Recording
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk

# VCTK's names (VoiceBank-DEMAND is made of it): p226_001.wav is speaker p226.
_VCTK = re.compile(r"^([ps]\d+)_\d+")
# Longest difference between two files of a pair that may still be an encoder's edge.
_TOLERANCE = 0.1


class Pairs(Kind):
    """Clean recordings that have a noisy one.

    In a root every folder named clean... has one named noisy... with files of the same
    names, for example VoiceBank-DEMAND's clean_trainset_28spk_wav and
    noisy_trainset_28spk_wav.
    """

    name = "pairs"
    depends_on = (
        "seed valid_fraction test_fraction min_seconds min_level_db valid_speakers"
    ).split()
    missing = "No pair can be used"
    hint = (
        "it should hold folders such as clean_trainset_wav and noisy_trainset_wav with "
        "files of the same names"
    )

    def find(self, root, options, left_out):
        """The clean files, with speaker and the corpus's own split."""
        if not root.is_dir():
            raise PvsdError(f"{root} is not a folder: give the folder of the pairs.")
        keys = walk(root, MEDIA_SUFFIXES, left_out.fault)
        there, recordings = set(keys), []
        for key in keys:
            parent = PurePosixPath(key).parent.as_posix().lower()
            if "clean" in parent and noisy_of(key) in there:
                recordings.append(
                    Recording(
                        *(root / key, key, _speaker(key), _split(key)), source=root.name
                    )
                )
            elif "clean" in parent:
                left_out.add(key, f"there is no {noisy_of(key)}")
            elif "noisy" in parent and _clean_of(key) not in there:
                left_out.add(key, "there is no clean file for it")
        return recordings

    def files(self, item):
        """The clean file and the noisy one."""
        root = Path(item.path.as_posix().removesuffix(item.key))
        return [item.path, root / noisy_of(item.key)]

    def check(self, recordings, options, left_out, measure):
        """Leaves out pairs of which one is unusable, or of unequal lengths."""
        clean = super().check(recordings, options, left_out, measure)
        noisy = [Recording(self.files(r)[1], noisy_of(r.key)) for r in clean]
        noisy = measure(noisy, self.limits(options))
        seconds = {item.key: item.seconds for item in noisy}
        for item in clean:
            other = seconds.get(noisy_of(item.key))
            if other is None:
                left_out.add(item.key, f"{noisy_of(item.key)} cannot be used")
            elif abs(other - item.seconds) > _TOLERANCE:
                lengths = f"{item.seconds:.2f} s clean, {other:.2f} s noisy"
                left_out.add(item.key, f"the pair is not aligned: {lengths}")
        return left_out.kept(clean)

    def split(self, recordings, options):
        """The speakers that were asked for are the valid set."""
        _choose_speakers(recordings, options.valid_speakers)
        super().split(recordings, options)

    def entry(self, item):
        """Clean and noisy file, length in seconds, speaker."""
        return {
            "clean": "{data_root}/" + escape(item.key),
            "noisy": "{data_root}/" + escape(noisy_of(item.key)),
            "length": round(item.seconds, 4),
            "speaker": escape(item.group),
        }


def noisy_of(key: str) -> str:
    """Path of the noisy file of a clean one: noisy for clean in the names of its
    folders.

    Example
    -------
    >>> noisy_of("clean_testset_wav/p232_001.wav")
    'noisy_testset_wav/p232_001.wav'
    """
    path = PurePosixPath(key)
    return (PurePosixPath(_swap(path.parent, "clean", "noisy")) / path.name).as_posix()


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
    """The set from a folder's name, as in clean_trainset_28spk_wav."""
    for part in PurePosixPath(key).parent.parts:
        for word in re.split(r"[_\-. ]", part.lower()):
            split = scan.own_split(word.removesuffix("set"))
            if split:
                return split
    return ""


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
