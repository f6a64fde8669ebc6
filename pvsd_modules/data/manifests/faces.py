"""Talking-face manifests: the clips that preprocess.py made."""

import json
from pathlib import Path

from pvsd_modules.data.manifests.build import PREPROCESSED_AUDIO, Kind, escape
from pvsd_modules.data.manifests.speech import from_path
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.walking import walk


class Faces(Kind):
    """Clips with frames: folders `<folder>/<clip>/` of what preprocess.py wrote."""

    name = "faces"
    depends_on = (
        "seed valid_fraction test_fraction split_every_tenth min_seconds min_level_db"
    ).split()
    missing = "No talking-face clip was found"
    hint = "run preprocess.py on the videos first"

    def find(self, root, options, left_out):
        """Of each clip its audio.wav, with speaker and the corpus's own split."""
        if not root.is_dir():
            raise PvsdError(f"{root} is not a folder: give what preprocess.py wrote.")
        keys = walk(root, frozenset({".wav"}), left_out.fault)
        wanted = [key for key in keys if Path(key).name == PREPROCESSED_AUDIO]
        return [from_path(root, key) for key in wanted]

    def check(self, recordings, options, left_out, measure):
        """Leaves out incomplete clips before anything is decoded."""
        for item in recordings:
            try:
                item.frame_count = count_frames(item.path.parent)
            except PvsdError as error:
                left_out.fault(item.key, str(error))
        return super().check(left_out.kept(recordings), options, left_out, measure)

    def entry(self, item):
        """Sound, frames and their number, length in seconds, speaker."""
        wav = "{data_root}/" + escape(item.key)
        return {
            "wav": wav,
            "frames": wav.removesuffix("/" + PREPROCESSED_AUDIO),
            "frame_count": item.frame_count,
            "length": round(item.seconds, 4),
            "speaker": escape(item.group),
        }


def count_frames(clip: Path) -> int:
    """Number of frames of a clip as its info.json says; a missing frame is an error."""
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
