"""Turns talking-face videos into what training reads: face crops and 16 kHz sound.

One video becomes one folder, ``<out>/<folder>/<clip>/``, with ``0.jpg`` to
``<n-1>.jpg`` (96 x 96 face crops, 25 a second), ``audio.wav`` (16 kHz mono PCM16,
exactly 640 samples a frame) and ``info.json``. A folder appears whole or not at all.
"""

import functools
import json
import multiprocessing
import os
import shutil
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from tqdm import tqdm

from pvsd_modules import faces, video
from pvsd_modules.alignment import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from pvsd_modules.errors import PvsdError

VIDEO_SUFFIXES = {".mp4", ".mkv", ".avi", ".mpg", ".mpeg", ".mov", ".m4v", ".webm"}
SILENCE = 1e-3  # peak below which a track counts as silent (-60 dB)


@dataclass(frozen=True)
class Settings:
    """What decides how a clip is made; stored with it.

    Arguments
    ---------
    detector : str or callable
        "haar", "s3fd", "centre", or any callable as in `pvsd_modules.faces`.
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

    detector: str | faces.Detector = "haar"
    detect_every: int = 1
    device: str = "cpu"
    shortest: float = 0.4
    least_seen: float = 0.2
    longest_gap: float = 0.4
    quality: int = 95

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


@dataclass
class Outcome:
    """What became of one clip: ``status`` is done, skipped or failed."""

    clip: str
    status: str
    reason: str = ""
    notes: list[str] = field(default_factory=list)


def find_clips(root: str | Path) -> dict[str, Path]:
    """List the videos of a tree, each with the name of the folder it will become.

    Arguments
    ---------
    root : str or Path
        LRS3's tree (``folder/clip.mp4``, also with ``pretrain/`` above), any other
        tree, or a flat folder, whose name then becomes the clips' folder.

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
    videos = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    )
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


def to_mono(samples: np.ndarray) -> np.ndarray:
    """Mix channels to one; where they cancel out, the loudest channel is taken.

    Arguments
    ---------
    samples : np.ndarray
        float32 [channels, time].

    Returns
    -------
    mono : np.ndarray
        float32 [time].

    Example
    -------
    >>> to_mono(np.array([[1.0, -1.0], [-1.0, 1.0]])).tolist()
    [1.0, -1.0]
    """
    mixed = samples.mean(axis=0)
    energies = np.square(samples).sum(axis=1)
    if np.square(mixed).sum() < 0.05 * energies.mean():
        return samples[energies.argmax()]
    return mixed


def read_sound(path: Path, start: float, frames: int) -> np.ndarray:
    """A video's sound as 16 kHz mono, exactly as long as its frames.

    Arguments
    ---------
    path : Path
        Video file.
    start : float
        Time stamp in seconds of the first frame.
    frames : int
        Number of frames at 25 a second.

    Returns
    -------
    mono : np.ndarray
        float32 [640 * frames].
    """
    samples, rate = video.read_audio(path, start=start)
    mono = torch.from_numpy(np.ascontiguousarray(to_mono(samples)))
    if rate != SAMPLE_RATE:
        mono = torchaudio.functional.resample(mono, rate, SAMPLE_RATE)
    length = frames * SAMPLES_PER_FRAME
    return np.pad(mono.numpy()[:length], (0, max(0, length - mono.numel())))


@functools.cache
def _detector(name: str, device: str) -> faces.Detector:
    """Loading a detector's weights once a process is enough."""
    return faces.make_detector(name, device)


def preprocess_clip(path: Path, folder: Path, settings: Settings) -> dict:
    """Write one clip's folder.

    Arguments
    ---------
    path : Path
        Video file.
    folder : Path
        Folder to make; it must not exist.
    settings : Settings

    Returns
    -------
    info : dict
        What ``info.json`` holds.

    Raises
    ------
    PvsdError
        When the video is unreadable, too short, silent, without sound or without a
        face. Nothing is left on disk then.
    """
    info = video.probe(path)
    if not info.has_video:
        raise PvsdError("no picture that can be decoded")
    if not info.has_audio:
        raise PvsdError("no sound")
    detector = settings.detector
    if isinstance(detector, str):
        detector = _detector(detector, settings.device)
    frames = video.read_frames(path)
    found, count = faces.find_faces(frames, detector, settings.detect_every)
    if count < settings.shortest * FPS:
        raise PvsdError(f"too short: {count / FPS:.2f} s")
    sound = read_sound(path, info.video_start, count)
    if np.abs(sound).max() < SILENCE:
        raise PvsdError("silent")
    track = faces.main_track(found)
    if len(track) < max(1, settings.least_seen * len(found)):
        seen = f"in {len(track)} of {len(found)} frames looked at"
        raise PvsdError(f"no face: found {seen}")
    gap = faces.longest_gap(found, track) * settings.detect_every / FPS
    if gap > settings.longest_gap:
        raise PvsdError(f"no face for {gap:.2f} s on end")
    boxes = faces.smooth_track(track, count)
    record = {
        "source": path.name,
        "settings": settings.stored(),
        "source_fps": info.fps,
        "variable_rate": video.has_variable_rate(path),
        "source_size": [info.width, info.height],
        "frame_count": count,
        "length": count / FPS,
        "missing": [index for index in found if index not in track],
        "boxes": boxes.round(2).tolist(),
    }
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        crops = faces.crop_faces(video.read_frames(path), boxes)
        written = faces.write_crops(crops, part, settings.quality)
        if written != count:
            raise PvsdError(f"read {count} frames at first and then {written}")
        sound = np.clip(sound, -1, 1)
        soundfile.write(part / "audio.wav", sound, SAMPLE_RATE, subtype="PCM_16")
        (part / "info.json").write_text(json.dumps(record) + "\n", encoding="utf-8")
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return record


def _is_done(folder: Path, settings: Settings) -> bool:
    try:
        record = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return record.get("settings") == settings.stored()


def try_clip(clip: str, path: Path, out: Path, settings: Settings) -> Outcome:
    """Preprocess one clip unless it is done; whatever goes wrong is reported.

    Arguments
    ---------
    clip : str
        "folder/clip", below ``out``.
    path : Path
        Video file.
    out : Path
        Root of the preprocessed tree.
    settings : Settings

    Returns
    -------
    outcome : Outcome
    """
    folder = out / clip
    if _is_done(folder, settings):
        return Outcome(clip, "skipped")
    try:
        if folder.exists():  # made with other settings: replaced
            shutil.rmtree(folder)
        record = preprocess_clip(path, folder, settings)
    except (PvsdError, OSError, ValueError, MemoryError) as error:
        return Outcome(clip, "failed", str(error) or type(error).__name__)
    notes = []
    if record["variable_rate"]:
        notes.append("variable frame rate, resampled by time stamps")
    if record["missing"]:
        notes.append(f"face interpolated in {len(record['missing'])} frames looked at")
    return Outcome(clip, "done", notes=notes)


def _one_thread_each() -> None:
    """Processes share the cores already; OpenCV's own threads would only fight."""
    torch.set_num_threads(1)
    faces.limit_threads()


def preprocess_clips(
    clips: dict[str, Path],
    out: str | Path,
    settings: Settings | None = None,
    workers: int = 1,
) -> list[Outcome]:
    """Preprocess many clips, with a progress bar, over processes.

    Arguments
    ---------
    clips : dict of str to Path
        As `find_clips` gives.
    out : str or Path
        Root of the preprocessed tree.
    settings : Settings
    workers : int
        Processes; 1 works in this one (where any callable can be the detector).

    Returns
    -------
    outcomes : list of Outcome
        In the order of ``clips``.
    """
    settings = settings or Settings()
    out = Path(out)
    jobs = [(clip, path, out, settings) for clip, path in clips.items()]
    outcomes = {}
    with tqdm(total=len(jobs), unit="clip", desc="preprocess") as bar:

        def note(outcome):
            outcomes[outcome.clip] = outcome
            bar.update()
            bar.set_postfix(failed=_count(outcomes.values(), "failed"))

        if workers <= 1:
            for job in jobs:
                note(try_clip(*job))
            return list(outcomes.values())
        left = _in_processes(jobs, workers, note)
        for job in left:  # one of them took its worker down: each gets its own
            for lost in _in_processes([job], 1, note):
                note(Outcome(lost[0], "failed", "its worker process died"))
    return [outcomes[clip] for clip in clips]


def _in_processes(jobs: list, workers: int, note) -> list:
    """Run jobs, return those that a dying worker process left undone."""
    left = {job[0]: job for job in jobs}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _one_thread_each) as pool:
        futures = [pool.submit(try_clip, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                del left[outcome.clip]
                note(outcome)
        except BrokenProcessPool:
            pass
        finally:
            pool.shutdown(cancel_futures=True)
    return list(left.values())


def _count(outcomes, status: str) -> int:
    return sum(outcome.status == status for outcome in outcomes)


def summarise(outcomes: list[Outcome]) -> dict:
    """Count what became of the clips and list failures and notes by clip.

    Arguments
    ---------
    outcomes : list of Outcome

    Returns
    -------
    summary : dict
        Keys done, skipped, failed (counts), failures, notes (by clip).
    """
    counts = {word: _count(outcomes, word) for word in ("done", "skipped", "failed")}
    failures = {o.clip: o.reason for o in outcomes if o.status == "failed"}
    notes = {o.clip: o.notes for o in outcomes if o.notes}
    return counts | {"failures": failures, "notes": notes}
