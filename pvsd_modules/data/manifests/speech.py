"""Speech manifests: LRS3 (raw or preprocessed), any tree, or a CSV table."""

import re
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import quality, scan
from pvsd_modules.data.manifests.build import PREPROCESSED_AUDIO, Kind, escape
from pvsd_modules.data.manifests.scan import Recording
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk

# LibriSpeech's <speaker>/<chapter>/<speaker>-<chapter>-<utterance>: the folder of a
# file is a chapter there, and its speaker one level up.
_LIBRISPEECH = re.compile(r"(?:^|/)(\d+)/(\d+)/\1-\2-\d+\.\w+$")


def speaker_of(key: str) -> tuple[str, str]:
    """Split and speaker from a path below the root of a speech tree.

    The split is "train", "valid", "test", or ""; the speaker is the folder of the clip
    below the set's folder, "" at the top level.

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
    split = scan.own_split(folders[0]) if folders else ""
    if split:
        folders = folders[1:]
    libri = _LIBRISPEECH.search(key)
    if libri:
        return split, libri.group(1)
    return split, "/".join(folders)


class Speech(Kind):
    """Clean speech.

    A root is LRS3's tree (pretrain, trainval, test, each with folders of clips), the
    same after preprocessing (folders with `audio.wav`), any other tree of audio or
    video files, or a CSV manifest.
    """

    name = "speech"
    depends_on = (
        "seed valid_fraction test_fraction split_every_tenth min_seconds min_level_db "
        "min_speech_bandwidth exclude_licences"
    ).split()
    missing = "No speech was found"
    hint = (
        "it should hold audio or video files (wav, flac, mp3, ogg, opus, m4a, mp4, "
        "mkv, ...), or be a .csv manifest with rows of type speech"
    )

    def find(self, root, options, left_out):
        """With the speaker (`group`), and the corpus's own split where there is one."""
        if scan.is_table(root):
            folder, rows = root.parent, scan.read_table(root, "speech", left_out)
            return [
                scan.row_recording(folder, row, _speaker_of_row(row) or folder.name)
                for row in rows
            ]
        keys = walk(root, MEDIA_SUFFIXES, left_out.fault)
        clips = [key for key in keys if PurePosixPath(key).name == PREPROCESSED_AUDIO]
        # Beside an audio.wav only frames are expected; its folder is the clip.
        return [from_path(root, key) for key in clips or keys]

    def limits(self, options):
        """Speech of a telephone's bandwidth is kept by default."""
        return quality.Limits(
            options.min_seconds, options.min_level_db, options.min_speech_bandwidth
        )

    def entry(self, item):
        """The file, its length in seconds, its speaker, its corpus."""
        return {
            "wav": "{data_root}/" + escape(item.key),
            "length": round(item.seconds, 4),
            "speaker": escape(item.group),
            "source": escape(item.source),
        }


def from_path(root: Path, key: str) -> Recording:
    """A recording of a tree: its folders tell the speaker and perhaps the set."""
    split, speaker = speaker_of(key)
    return Recording(root / key, key, speaker or root.name, split, source=root.name)


def _speaker_of_row(row: dict[str, str]) -> str:
    return row.get("speaker") or speaker_of(row["path"])[1]
