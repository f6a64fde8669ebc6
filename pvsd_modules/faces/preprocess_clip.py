"""Turns talking-face videos into what training reads: face crops and 16 kHz sound.

One video becomes one folder, ``<out>/<folder>/<clip>/``, with ``0.jpg`` to
``<n-1>.jpg`` (96 x 96 face crops, 25 a second), ``audio.wav`` (16 kHz mono PCM16,
exactly 640 samples a frame) and ``info.json``. A folder appears whole or not at all.
"""

import functools
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import FPS, SAMPLES_PER_FRAME
from pvsd_modules.errors import PvsdError
from pvsd_modules.faces import tracking
from pvsd_modules.faces.detectors import make_detector
from pvsd_modules.io import media, video_reading
from pvsd_modules.io.atomic import folder_written_whole
from pvsd_modules.io.sound_reading import read_mono
from pvsd_modules.io.suffixes import VIDEO_SUFFIXES
from pvsd_modules.io.walking import walk
from pvsd_modules.io.wav import wav_bytes
from pvsd_modules.models.protocols import Detector

SILENCE = 1e-3  # peak below which a track counts as silent (-60 dB)


class InvalidClip(PvsdError):
    """A video that can be read but is of no use: too short, silent, without a face."""


@dataclass(frozen=True)
class Settings:
    """What decides how a clip is made; stored with it.

    Arguments
    ---------
    detector : str or callable
        "haar", "s3fd", "centre", or any callable as in `pvsd_modules.faces.detectors`.
    detect_every : int
        Look for the face in one frame of this many; the others are interpolated.
    device : str
        torch device for s3fd.
    shortest : float
        Seconds below which a video is left out.
    least_seen : float
        Part of the frames looked at in which the face must have been found.
    longest_gap : float
        Seconds without a face that may be interpolated; a video with a longer gap
        (a turned head, grey pictures of a damaged file) is left out.
    quality : int
        Of the JPEG files, up to 100.
    """

    detector: str | Detector = "haar"
    detect_every: int = 1
    device: str = "cpu"
    shortest: float = 0.4
    least_seen: float = 0.2
    longest_gap: float = 0.4
    quality: int = 95

    def __post_init__(self):
        for name, least, most in (
            ("detect_every", 1, math.inf),
            ("shortest", 0, 3600),
            ("least_seen", 0, 1),
            ("longest_gap", 0, 3600),
            ("quality", 1, 100),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                limits = f"{least} to {most}" if most < math.inf else f"{least} or more"
                raise PvsdError(f"--{name} {value}: it must be {limits}.")

    @property
    def detector_name(self) -> str:
        """The detector's word, or the name of the callable."""
        if isinstance(self.detector, str):
            return self.detector
        return getattr(self.detector, "__name__", type(self.detector).__name__)

    def stored(self) -> dict:
        """The part of the settings that a finished clip is compared by."""
        return {
            "detector": self.detector_name,
            "detect_every": self.detect_every,
            "quality": self.quality,
        }


def find_clips(
    root: str | Path, report: Callable[[str, str], None] = lambda key, reason: None
) -> dict[str, Path]:
    """List the videos of a tree, each with the name of the folder it will become.

    Arguments
    ---------
    root : str or Path
        LRS3's tree (``folder/clip.mp4``, also with ``pretrain/`` above), any other
        tree, or a flat folder, whose name then becomes the clips' folder.
    report : callable
        Is given what cannot be looked at, and why; see `pvsd_modules.io.walking`.

    Returns
    -------
    clips : dict of str to Path
        Sorted; from "folder/clip" to the video. Two videos that differ by their
        suffix only keep it in the name.

    Raises
    ------
    PvsdError
        When the folder is missing or holds no video.
    """
    root = Path(root)
    if not root.is_dir():
        raise PvsdError(f"{root} is not a folder: give the folder of the videos.")
    videos = [root / key for key in walk(root, VIDEO_SUFFIXES, report)]
    if not videos:
        known = ", ".join(sorted(VIDEO_SUFFIXES))
        raise PvsdError(f"{root} holds no video ({known}).")
    stems = Counter(path.with_suffix("") for path in videos)
    clips = {}
    for path in videos:
        parent = path.relative_to(root).parent
        folder = root.resolve().name if parent == Path(".") else parent.as_posix()
        name = path.stem if stems[path.with_suffix("")] == 1 else path.name
        clips[f"{folder}/{name}"] = path
    return clips


def read_sound(info: media.MediaInfo, frames: int) -> np.ndarray:
    """A video's sound as 16 kHz mono, float32 ``[640 frames]``; its first frame is time
    0."""
    mono = read_mono(info, start=info.video.start)
    length = frames * SAMPLES_PER_FRAME
    return np.pad(mono.numpy()[:length], (0, max(0, length - mono.numel())))


@functools.cache
def _detector(name: str, device: str) -> Detector:
    """Loading a detector's weights once a process is enough."""
    return make_detector(name, device)


def preprocess_clip(path: Path, folder: Path, settings: Settings) -> dict:
    """Write one clip's folder.

    Arguments
    ---------
    path : Path
        Video file.
    folder : Path
        Folder to make. One that was made from here before, with other settings, is
        replaced once the new one is whole.
    settings : Settings

    Returns
    -------
    info : dict
        What ``info.json`` holds.

    Raises
    ------
    PvsdError
        When the video is unreadable; `InvalidClip` when it is too short, silent,
        without sound or without a face. Nothing is left on disk then.
    """
    if folder.exists() and not (folder / "info.json").is_file():
        raise PvsdError(f"{folder} exists and was not made from here: move it away")
    info = media.probe(path)
    if not info.has_video:
        raise InvalidClip("no picture that can be decoded")
    if not info.has_audio:
        raise InvalidClip("no sound")
    detector = settings.detector
    if isinstance(detector, str):
        detector = _detector(detector, settings.device)
    frames = video_reading.read_frames(info)
    found, count = tracking.find_faces(frames, detector, settings.detect_every)
    if count < settings.shortest * FPS:
        raise InvalidClip(f"too short: {count / FPS:.2f} s")
    sound = read_sound(info, count)
    if np.abs(sound).max() < SILENCE:
        raise InvalidClip("silent")
    track = tracking.main_track(found)
    if len(track) < max(1, settings.least_seen * len(found)):
        seen = f"in {len(track)} of {len(found)} frames looked at"
        raise InvalidClip(f"no face: found {seen}")
    gap = tracking.longest_gap(found, track) * settings.detect_every / FPS
    if gap > settings.longest_gap:
        raise InvalidClip(f"no face for {gap:.2f} s on end")
    boxes = tracking.smooth_track(track, count)
    record = {
        "source": path.name,
        "settings": settings.stored(),
        "source_fps": info.video.fps,
        "variable_rate": media.has_variable_rate(info),
        "source_size": [info.video.width, info.video.height],
        "frame_count": count,
        "length": count / FPS,
        "missing": [index for index in found if index not in track],
        "boxes": boxes.round(2).tolist(),
    }
    with folder_written_whole(folder) as part:
        crops = tracking.crop_faces(video_reading.read_frames(info), boxes)
        written = tracking.write_crops(crops, part, settings.quality)
        if written != count:
            raise PvsdError(f"read {count} frames at first and then {written}")
        (part / "audio.wav").write_bytes(wav_bytes(np.clip(sound, -1, 1)))
        (part / "info.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return record
