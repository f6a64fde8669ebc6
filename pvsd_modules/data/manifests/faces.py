"""Talking-face manifests: the clips that preprocess.py made."""

import json
from pathlib import Path

from pvsd_modules.data.manifests import entries, scan, splits, store
from pvsd_modules.data.manifests.scan import Recording, Skipped
from pvsd_modules.data.manifests.speech import PREPROCESSED_AUDIO, speaker_of
from pvsd_modules.errors import PvsdError


def prepare_faces(
    root: str,
    output_folder: str,
    seed: int = 1234,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
    split_every_tenth: bool = False,
) -> bool:
    """Write train_faces.json, valid_faces.json and test_faces.json.

    Arguments
    ---------
    root : str
        Folder with `<folder>/<clip>/` of frames, audio.wav and info.json.
        `{data_root}` stands for it.
    output_folder : str
        Where the manifests go.
    seed : int
        Seed of the split by speaker.
    valid_fraction : float
        Share of the seconds for a valid set, where the corpus has none.
    test_fraction : float
        Same for the test set.
    split_every_tenth : bool
        Split a single speaker's clips by name (see `splits.every_tenth`).

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.
    """
    root = Path(root).expanduser().resolve()
    if not root.is_dir():
        raise PvsdError(f"{root} is not a folder: give what preprocess.py wrote.")
    recordings = find_faces(root)
    made_from = {
        "root": str(root),
        "data": store.fingerprint([item.path for item in recordings]),
        "seed": seed,
        "fractions": [valid_fraction, test_fraction],
        "split_every_tenth": split_every_tenth,
    }
    record = store.Record(Path(output_folder).expanduser())
    if record.is_current("faces", made_from):
        return False
    skipped = Skipped()
    frames = {}
    for item in recordings:
        try:
            frames[item.key] = count_frames(item.path.parent)
        except PvsdError as error:
            skipped.add(item.key, str(error))
    usable = [item for item in recordings if item.key in frames]
    usable = scan.measure(usable, skipped)
    if not usable:
        reasons = list(skipped.reasons.values())
        raise PvsdError(
            f"No talking-face clip can be used in {root}: "
            + (reasons[0] if reasons else "run preprocess.py on the videos first.")
        )
    if not (split_every_tenth and splits.every_tenth(usable)):
        shares = {"valid": valid_fraction, "test": test_fraction}
        splits.assign(usable, shares, seed, "speaker")

    def entry(item):
        return _entry(item, frames[item.key])

    entries.write_manifests("faces", usable, skipped, record, made_from, entry)
    return True


def find_faces(root: Path) -> list[Recording]:
    """List the clips below a folder; nothing is opened yet.

    Arguments
    ---------
    root : Path
        See `prepare_faces`.

    Returns
    -------
    list of Recording
        Of each clip its audio.wav, with speaker and the corpus's own split.
    """
    recordings = []
    for key in scan.walk(root, frozenset({".wav"})):
        if Path(key).name == PREPROCESSED_AUDIO:
            split, speaker = speaker_of(key)
            recordings.append(
                Recording(
                    root / key, key, speaker or root.name, split, source=root.name
                )
            )
    return recordings


def count_frames(clip: Path) -> int:
    """Number of frames of a clip, all of which must be there.

    Arguments
    ---------
    clip : Path
        Folder with info.json and 0.jpg, 1.jpg, ...

    Returns
    -------
    int
        As info.json says; a missing frame is an error.
    """
    try:
        info = json.loads((clip / "info.json").read_text(encoding="utf-8"))
        count = int(info["frame_count"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PvsdError(
            f"{clip} has no usable info.json: preprocess the clip again."
        ) from error
    there = {path.name for path in clip.glob("*.jpg")}
    missing = [k for k in range(count) if f"{k}.jpg" not in there]
    if count < 1 or missing:
        raise PvsdError(
            f"{clip} lacks {len(missing)} of {count} frames: preprocess it again."
        )
    return count


def _entry(item: Recording, frame_count: int) -> dict:
    wav = "{data_root}/" + entries.escape(item.key)
    return {
        "wav": wav,
        "frames": wav.removesuffix("/" + PREPROCESSED_AUDIO),
        "frame_count": frame_count,
        "length": round(item.seconds, 4),
        "speaker": entries.escape(item.group),
    }
