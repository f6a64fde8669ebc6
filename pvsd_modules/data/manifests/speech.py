"""Speech manifests: LRS3 (raw or preprocessed), any tree, or a CSV table."""

import re
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import entries, scan, splits, store
from pvsd_modules.data.manifests.scan import Recording, Skipped
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES

# LibriSpeech's <speaker>/<chapter>/<speaker>-<chapter>-<utterance>: the folder of a
# file is a chapter there, and its speaker one level up.
_LIBRISPEECH = re.compile(r"(?:^|/)(\d+)/(\d+)/\1-\2-\d+\.\w+$")

PREPROCESSED_AUDIO = "audio.wav"


def find_speech(root: Path) -> list[Recording]:
    """List the speech below a data root; nothing is opened yet.

    Arguments
    ---------
    root : Path
        LRS3's tree (pretrain, trainval, test, each with folders of clips), the same
        after preprocessing (folders with `audio.wav`), any other tree of audio or
        video files, or a CSV manifest.

    Returns
    -------
    list of Recording
        With speaker (`group`) and the corpus's own split where there is one.
    """
    if scan.is_table(root):
        return _from_table(root)
    keys = scan.walk(root, MEDIA_SUFFIXES)
    clips = [key for key in keys if PurePosixPath(key).name == PREPROCESSED_AUDIO]
    # Beside an audio.wav only frames are expected; its folder is the clip.
    return [_from_path(root, key) for key in clips or keys]


def speaker_of(key: str) -> tuple[str, str]:
    """Split and speaker that a path in a speech tree tells.

    Arguments
    ---------
    key : str
        Path relative to the data root.

    Returns
    -------
    split : str
        "train", "valid", "test", or "".
    speaker : str
        The folder of the clip below the set's folder; "" at the top level.

    Example
    -------
    >>> speaker_of("pretrain/00j9bKdiOjk/50001.mp4")
    ('train', '00j9bKdiOjk')
    >>> speaker_of("test/0Fi83BHQsMA/00002/audio.wav")
    ('test', '0Fi83BHQsMA')
    >>> speaker_of("dev-clean/84/121123/84-121123-0001.flac")
    ('valid', '84')
    """
    path = PurePosixPath(key)
    if path.name == PREPROCESSED_AUDIO:
        path = path.parent
    folders = list(path.parent.parts)
    split = splits.own_split(folders[0]) if folders else ""
    if split:
        folders = folders[1:]
    libri = _LIBRISPEECH.search(key)
    if libri:
        return split, libri.group(1)
    return split, "/".join(folders)


def prepare_speech(
    root: str,
    output_folder: str,
    seed: int = 1234,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
    min_seconds: float = 0.5,
    split_every_tenth: bool = False,
) -> bool:
    """Write train_speech.json, valid_speech.json and test_speech.json.

    Arguments
    ---------
    root : str
        See `find_speech`. `{data_root}` stands for this folder (a table's own folder).
    output_folder : str
        Where the manifests go.
    seed : int
        Seed of the split by speaker.
    valid_fraction : float
        Share of the seconds for a valid set, where the corpus has none.
    test_fraction : float
        Same for the test set.
    min_seconds : float
        Shorter recordings are left out and counted.
    split_every_tenth : bool
        Split a single speaker's recordings by name (see `splits.every_tenth`).

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.
    """
    root = Path(root).expanduser().resolve()
    recordings = find_speech(root)
    made_from = {
        "root": str(root),
        "data": store.fingerprint([item.path for item in recordings]),
        "splits": store.fingerprint([root]) if root.is_file() else "",
        "seed": seed,
        "fractions": [valid_fraction, test_fraction],
        "min_seconds": min_seconds,
        "split_every_tenth": split_every_tenth,
    }
    record = store.Record(Path(output_folder).expanduser())
    if record.is_current("speech", made_from):
        return False
    skipped = Skipped()
    usable = scan.measure(recordings, skipped)
    for item in usable:
        if item.seconds < min_seconds:
            skipped.add(item.key, f"shorter than {min_seconds} s")
    usable = [item for item in usable if item.key not in skipped.reasons]
    if not usable:
        raise PvsdError(nothing_found("speech", root, skipped))
    if not (split_every_tenth and splits.every_tenth(usable)):
        shares = {"valid": valid_fraction, "test": test_fraction}
        splits.assign(usable, shares, seed, "speaker")
    entries.write_manifests("speech", usable, skipped, record, made_from, _entry)
    return True


def nothing_found(kind: str, root: Path, skipped: Skipped) -> str:
    """The sentence for a data root in which nothing can be used.

    Arguments
    ---------
    kind : str
        "speech" or "noise".
    root : Path
        The data root.
    skipped : Skipped
        What was found and left out.

    Returns
    -------
    str
        The sentence.
    """
    if skipped.reasons:
        key, reason = next(iter(skipped.reasons.items()))
        return (
            f"None of the {len(skipped.reasons)} files of {kind} in {root} can be "
            f"used, the first one ({key}) because {reason}."
        )
    return (
        f"No {kind} was found in {root}: it should hold audio or video files "
        "(wav, flac, mp3, ogg, opus, m4a, mp4, mkv, ...), or be a .csv manifest "
        f"with rows of type {kind}."
    )


def _from_table(table: Path) -> list[Recording]:
    rows = scan.read_table(table, "speech")
    return [
        Recording(
            path=table.parent / row["path"],
            key=row["path"],
            group=(row.get("speaker") or "").strip()
            or speaker_of(row["path"])[1]
            or table.parent.name,
            split=splits.own_split(row.get("split") or ""),
            source=(row.get("source") or "").strip() or table.parent.name,
        )
        for row in rows
    ]


def _from_path(root: Path, key: str) -> Recording:
    split, speaker = speaker_of(key)
    return Recording(
        path=root / key,
        key=key,
        group=speaker or root.name,
        split=split,
        source=root.name,
    )


def _entry(item: Recording) -> dict:
    return {
        "wav": "{data_root}/" + entries.escape(item.key),
        "length": round(item.seconds, 4),
        "speaker": entries.escape(item.group),
        "source": entries.escape(item.source),
    }
