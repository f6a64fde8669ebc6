"""Find recordings in a folder or a table, and read how long they are."""

import csv
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from pvsd_modules.errors import PvsdError

# What libsndfile decodes by itself; PyAV (FFmpeg) reads everything else.
SOUNDFILE_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"})
PYAV_SUFFIXES = frozenset(
    {".m4a", ".aac", ".wma", ".mp4", ".mkv", ".avi", ".mpg", ".mpeg", ".mov", ".webm"}
)
MEDIA_SUFFIXES = SOUNDFILE_SUFFIXES | PYAV_SUFFIXES


@dataclass
class Recording:
    """One file of a corpus.

    Arguments
    ---------
    path : Path
        Where the file lies.
    key : str
        Path relative to the data root, with `/`: it names the file in manifests.
    group : str
        What must not be torn apart: the speaker, or the noise's source recording.
    split : str
        "train", "valid", "test", or "" where the corpus does not say.
    category : str
        Class of a noise, "" for speech.
    source : str
        Name of the corpus the file comes from.
    seconds : float
        Length; 0 until measured.
    """

    path: Path
    key: str
    group: str = ""
    split: str = ""
    category: str = ""
    source: str = ""
    seconds: float = 0.0


@dataclass
class Skipped:
    """The files left out, each with its reason, so that none is lost silently."""

    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, reason: str) -> None:
        """Note that the file `key` was left out for `reason`."""
        self.reasons[key] = reason


def is_table(path: Path) -> bool:
    """Tell a CSV manifest from a folder; neither is an error.

    Arguments
    ---------
    path : Path
        What the user gave as a data root.

    Returns
    -------
    bool
        True for a .csv file, False for a folder.
    """
    if path.is_dir():
        return False
    if path.is_file() and path.suffix.lower() == ".csv":
        return True
    if path.exists():
        raise PvsdError(f"{path} is neither a folder nor a .csv manifest.")
    raise PvsdError(f"{path} does not exist: give a folder or a .csv manifest.")


def walk(root: Path, suffixes: frozenset[str]) -> list[str]:
    """List the files below a folder, sorted, links followed, hidden names skipped.

    Arguments
    ---------
    root : Path
        Folder to look into.
    suffixes : frozenset of str
        File endings wanted, lower case with the dot.

    Returns
    -------
    list of str
        Paths relative to `root`, with `/`.
    """
    found = []
    seen = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if name[0] != ".")
        for name in names:
            if name[0] != "." and Path(name).suffix.lower() in suffixes:
                found.append((Path(folder) / name).relative_to(root).as_posix())
    return sorted(found)


def read_table(path: Path, kind: str) -> list[dict[str, str]]:
    """Read the rows of one kind from a CSV manifest.

    Arguments
    ---------
    path : Path
        Table with a header. Column `path` (relative to the table's folder) is needed;
        `type`, `speaker`, `category`, `source`, `split`, `recording` are used if there.
    kind : str
        "speech" or "noise": rows of another `type` are passed over.

    Returns
    -------
    list of dict
        The rows, in the table's order.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or []):
                raise PvsdError(
                    f"{path} has no column named path: a manifest needs a header line "
                    "with at least path, and may have type, speaker, category, source, "
                    "split and recording."
                )
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise PvsdError(f"{path} is not a readable CSV table: {error}") from error
    return [row for row in rows if (row.get("type") or kind).strip() == kind]


def measure(recordings: list[Recording], skipped: Skipped) -> list[Recording]:
    """Read every length from its header; leave out what cannot be used.

    Arguments
    ---------
    recordings : list of Recording
        Their `seconds` are filled in.
    skipped : Skipped
        Takes the files that are missing, unreadable or empty.

    Returns
    -------
    list of Recording
        Those with a positive length.
    """
    usable = []
    for recording in recordings:
        try:
            recording.seconds = duration(recording.path)
        except PvsdError as error:
            skipped.add(recording.key, str(error))
            continue
        usable.append(recording)
    return usable


def duration(path: Path) -> float:
    """Length of a file's sound in seconds, from its header where there is one.

    Arguments
    ---------
    path : Path
        Audio or video file.

    Returns
    -------
    float
        Seconds, more than 0; anything else is an error that says why.
    """
    if not path.is_file():
        raise PvsdError("the file does not exist")
    if path.stat().st_size == 0:
        raise PvsdError("the file is empty")
    if path.suffix.lower() in SOUNDFILE_SUFFIXES:
        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError:
            seconds = _duration_pyav(path)  # another format under this name
        else:
            seconds = info.frames / info.samplerate
    else:
        seconds = _duration_pyav(path)
    if not 0 < seconds < float("inf"):
        raise PvsdError("it holds no sound")
    return seconds


def _duration_pyav(path: Path) -> float:
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise PvsdError("it has no sound track")
            stream = container.streams.audio[0]
            if stream.duration:
                return float(stream.duration * stream.time_base)
            # Matroska and raw streams do not say: add up the packets.
            return float(
                sum(p.duration * p.time_base for p in container.demux(stream) if p.size)
            )
    except (av.FFmpegError, OSError, ValueError, TypeError) as error:
        raise PvsdError(f"it cannot be read as audio or video ({error})") from error


def decode(path: Path) -> tuple[np.ndarray, int]:
    """Whole sound of a file, averaged over its channels.

    Arguments
    ---------
    path : Path
        Audio or video file.

    Returns
    -------
    numpy.ndarray
        float32 [time].
    int
        Its sample rate in Hz.
    """
    if path.suffix.lower() in SOUNDFILE_SUFFIXES:
        try:
            wave, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            return _decode_pyav(path)
        return wave.mean(axis=1), rate
    return _decode_pyav(path)


def _decode_pyav(path: Path) -> tuple[np.ndarray, int]:
    import av

    try:
        with av.open(str(path)) as container:
            rate = container.streams.audio[0].codec_context.sample_rate
            to_mono = av.AudioResampler(format="flt", layout="mono", rate=rate)
            blocks = [
                block.to_ndarray()[0]
                for frame in container.decode(audio=0)
                for block in to_mono.resample(frame)
            ]
            blocks += [block.to_ndarray()[0] for block in to_mono.resample(None)]
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        raise PvsdError(f"it cannot be decoded ({error})") from error
    if not blocks:
        raise PvsdError("it holds no sound")
    return np.concatenate(blocks).astype(np.float32), rate


def folder_of(root: Path) -> Path:
    """The folder that `{data_root}` or `{noise_root}` stands for.

    Arguments
    ---------
    root : Path
        Folder or CSV manifest.

    Returns
    -------
    Path
        The folder itself, or the one the table lies in.
    """
    return root.parent if is_table(root) else root
