"""Finds the talking face, follows it through a video and crops it.

A detector is any callable that takes one RGB picture, uint8 [height, width, 3], and
returns the boxes of its faces, [faces, 4], as (left, top, right, bottom) in pixels:
forehead to chin, cheek to cheek. The three below give boxes of that meaning, so
that the mouth is in the lower half of the crop whoever found the face.
"""

import os
from pathlib import Path
from typing import Callable, Iterable, Iterator

import numpy as np

from pvsd_modules.alignment import FACE_SIZE, FPS
from pvsd_modules.errors import PvsdError

Detector = Callable[[np.ndarray], np.ndarray]

# The Haar cascade answers with a square from the hair line to below the lips. These
# are the edges of the face itself (forehead, cheeks, chin) in parts of its side,
# read off pictures; order left, top, right, bottom.
_HAAR_TO_FACE = np.array([0.10, 0.10, 0.90, 1.12])
# Part of the box's height added below the chin: an open mouth lowers it.
CHIN_PADDING = 0.06


def _import_cv2():
    try:
        import cv2
    except ImportError as error:
        raise PvsdError(
            f"Handling faces needs OpenCV, which does not load here ({error}). "
            "Install it with `pip install 'pvsd[train]'`; if libGL is what is "
            "missing, install your system's package for it (Debian: libgl1)."
        ) from error
    return cv2


class HaarDetector:
    """OpenCV's frontal-face cascade: offline, small, for faces that look ahead.

    Viola and Jones, "Rapid object detection using a boosted cascade of simple
    features" (CVPR 2001), with the cascade file inside the OpenCV wheel.

    Arguments
    ---------
    smallest : float
        Smallest face to look for, as a part of the picture's shorter side.
    """

    def __init__(self, smallest: float = 0.15):
        cv2 = _import_cv2()
        file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        self.cascade = cv2.CascadeClassifier(str(file))
        if self.cascade.empty():
            raise PvsdError(f"{file} is missing: install opencv-python 4, not 5.")
        self.smallest = smallest

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Boxes of the faces in a picture, float64 [faces, 4]."""
        cv2 = _import_cv2()
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        side = max(24, round(self.smallest * min(gray.shape)))
        found = self.cascade.detectMultiScale(gray, 1.1, 4, minSize=(side, side))
        found = np.asarray(found, dtype=np.float64).reshape(-1, 4)
        corner, size = found[:, [0, 1, 0, 1]], found[:, [2, 3, 2, 3]]
        return corner + size * _HAAR_TO_FACE


class S3FDDetector:
    """The S3FD network through the face-alignment package: any pose, slow on a CPU.

    Zhang et al., "S3FD: Single shot scale-invariant face detector" (ICCV 2017). Its
    weights are never downloaded from here.

    Arguments
    ---------
    device : str
        torch device that runs the network.
    threshold : float
        Score from which a face counts.
    """

    def __init__(self, device: str = "cpu", threshold: float = 0.5):
        weights = s3fd_weights()
        if not weights.is_file():
            raise PvsdError(
                f"The weights of the S3FD detector are not at {weights}: put "
                f"{weights.name} of the face-alignment project there, or choose "
                "--detector haar."
            )
        _import_cv2()
        try:
            from face_alignment.detection.sfd import FaceDetector
        except ImportError as error:
            raise PvsdError(
                f"The S3FD detector needs face-alignment ({error}): install it with "
                "`pip install 'pvsd[train]'`, or choose --detector haar."
            ) from error
        self.network = FaceDetector(
            device, path_to_detector=str(weights), filter_threshold=threshold
        )

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Boxes of the faces in a picture, float64 [faces, 4]."""
        found = self.network.detect_from_image(picture)
        return np.asarray(found, dtype=np.float64).reshape(-1, 5)[:, :4]


def s3fd_weights() -> Path:
    """Where face-alignment keeps the S3FD weights (torch hub's checkpoint folder)."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.environ.get("TORCH_HOME", Path(cache) / "torch")).expanduser()
    return home / "hub" / "checkpoints" / "s3fd-619a316812.pth"


def centre_detector(picture: np.ndarray, part: float = 0.7) -> np.ndarray:
    """One square box in the middle, for videos that are cropped to the face already.

    Arguments
    ---------
    picture : np.ndarray
        [height, width, 3].
    part : float
        Side of the box as a part of the picture's shorter side.

    Returns
    -------
    boxes : np.ndarray
        float64 [1, 4].

    Example
    -------
    >>> centre_detector(np.zeros((100, 200, 3), np.uint8), part=0.5).tolist()
    [[75.0, 25.0, 125.0, 75.0]]
    """
    height, width = picture.shape[:2]
    half = part * min(height, width) / 2
    middle = np.array([width, height, width, height]) / 2
    return (middle + half * np.array([-1, -1, 1, 1]))[None]


def make_detector(name: str, device: str = "cpu") -> Detector:
    """The detector of a command line's word: haar, s3fd or centre.

    Arguments
    ---------
    name : str
        One of "haar", "s3fd", "centre".
    device : str
        torch device for s3fd.

    Returns
    -------
    detector : callable

    Raises
    ------
    PvsdError
        When the name is none of these, or what the detector needs is missing.
    """
    if name == "haar":
        return HaarDetector()
    if name == "s3fd":
        return S3FDDetector(device)
    if name == "centre":
        return centre_detector
    raise PvsdError(f"There is no detector '{name}': choose haar, s3fd or centre.")


def find_faces(
    frames: Iterable[np.ndarray], detector: Detector, every: int = 1
) -> tuple[dict[int, np.ndarray], int]:
    """Run a detector over a video.

    Arguments
    ---------
    frames : iterable of np.ndarray
        uint8 [height, width, 3].
    detector : callable
        See the top of this file.
    every : int
        Look at one frame in this many.

    Returns
    -------
    found : dict of int to np.ndarray
        Boxes, [faces, 4], of each frame that was looked at.
    count : int
        Number of frames.
    """
    found, count = {}, 0
    for index, frame in enumerate(frames):
        if index % every == 0:
            found[index] = np.asarray(detector(frame), dtype=float).reshape(-1, 4)
        count = index + 1
    return found, count


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    common = np.prod(np.clip(sides, 0, None))
    union = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common
    return float(common / union) if union > 0 else 0.0


def main_track(
    found: dict[int, np.ndarray], least_overlap: float = 0.3
) -> dict[int, np.ndarray]:
    """Follow every face through the video and keep the largest, longest seen one.

    A box joins the track whose last box it overlaps most; the track with the largest
    sum of areas wins, so neither a big face that flashes by nor a small one in the
    background takes over, and the crop never jumps between two people.

    Arguments
    ---------
    found : dict of int to np.ndarray
        Boxes, [faces, 4], of each frame that was looked at.
    least_overlap : float
        Intersection over union from which a box belongs to a track.

    Returns
    -------
    track : dict of int to np.ndarray
        One box, [4], for each frame the face was found in; empty without a face.
    """
    tracks: list[dict[int, np.ndarray]] = []
    for index in sorted(found):
        pairs = [
            (_overlap(track[max(track)], box), number, place)
            for number, track in enumerate(tracks)
            for place, box in enumerate(found[index])
        ]
        used_tracks, used_boxes = set(), set()
        for overlap, number, place in sorted(pairs, reverse=True):
            if overlap < least_overlap:
                break
            if number not in used_tracks and place not in used_boxes:
                tracks[number][index] = found[index][place]
                used_tracks.add(number)
                used_boxes.add(place)
        for place, box in enumerate(found[index]):
            if place not in used_boxes:
                tracks.append({index: box})

    def weight(track):
        return sum(np.prod(box[2:] - box[:2]) for box in track.values())

    return max(tracks, key=weight, default={})


def longest_gap(found: dict[int, np.ndarray], track: dict[int, np.ndarray]) -> int:
    """Most frames looked at in a row without the tracked face.

    Arguments
    ---------
    found : dict of int to np.ndarray
        Boxes of each frame that was looked at.
    track : dict of int to np.ndarray
        One box for each frame the face was found in.

    Returns
    -------
    frames : int

    Example
    -------
    >>> longest_gap({0: [], 1: [], 2: [], 3: []}, {1: []})
    2
    """
    longest = run = 0
    for index in sorted(found):
        run = 0 if index in track else run + 1
        longest = max(longest, run)
    return longest


def smooth_track(
    track: dict[int, np.ndarray], count: int, seconds: float = 0.4, fps: float = FPS
) -> np.ndarray:
    """A box for every frame: gaps filled in, outliers and trembling taken out.

    Frames without a box are interpolated (before the first and after the last box,
    that box stays). Then a running median drops single wrong boxes and a running
    Hann-weighted mean stills the rest.

    Arguments
    ---------
    track : dict of int to np.ndarray
        One box, [4], for each frame the face was found in; not empty.
    count : int
        Number of frames of the video.
    seconds : float
        Reach of the median and of the mean.
    fps : float
        Frames a second.

    Returns
    -------
    boxes : np.ndarray
        float64 [count, 4].
    """
    seen = sorted(track)
    known = np.stack([track[index] for index in seen])
    median_reach = 2  # found boxes each side: two wrong ones in a row are dropped
    padded = np.pad(known, ((median_reach, median_reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, 2 * median_reach + 1, axis=0
    )
    known = np.median(windows, axis=-1)
    line = np.arange(count)
    boxes = np.stack([np.interp(line, seen, known[:, i]) for i in range(4)], axis=1)
    reach = max(1, round(seconds * fps / 2))
    weights = np.hanning(2 * reach + 3)[1:-1]
    weights /= weights.sum()
    padded = np.pad(boxes, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, i], weights, "valid") for i in range(4)], 1)


def crop_face(
    picture: np.ndarray, box: np.ndarray, size: int = FACE_SIZE
) -> np.ndarray:
    """Cut a box out of a picture, to fractions of a pixel, and scale it to a square.

    Rounding the box to pixels would make a still face tremble. What lies outside the
    picture repeats its border; `CHIN_PADDING` is added below.

    Arguments
    ---------
    picture : np.ndarray
        uint8 [height, width, 3].
    box : np.ndarray
        (left, top, right, bottom) in pixels.
    size : int
        Side of the result.

    Returns
    -------
    face : np.ndarray
        uint8 [size, size, 3].
    """
    cv2 = _import_cv2()
    left, top, right, bottom = (float(edge) for edge in box)
    bottom += CHIN_PADDING * (bottom - top)
    # Sample finer than the picture's own pixels, then average: no aliasing.
    finer = max(1, int(np.ceil(max(right - left, bottom - top) / size)))
    side = size * finer
    across, down = (right - left) / side, (bottom - top) / side
    back = np.array(
        [[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]]
    )
    fine = cv2.warpAffine(
        picture,
        back,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if finer == 1:
        return fine
    return cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)


def crop_faces(
    frames: Iterable[np.ndarray], boxes: np.ndarray, size: int = FACE_SIZE
) -> Iterator[np.ndarray]:
    """Crop one box from each frame, uint8 [size, size, 3]; see `crop_face`."""
    for frame, box in zip(frames, boxes):
        yield crop_face(frame, box, size)


def write_crops(crops: Iterable[np.ndarray], folder: Path, quality: int = 95) -> int:
    """Write RGB pictures as ``0.jpg``, ``1.jpg``, ... and return how many there were.

    Arguments
    ---------
    crops : iterable of np.ndarray
        uint8 [height, width, 3].
    folder : Path
        Existing folder.
    quality : int
        JPEG quality, up to 100.

    Returns
    -------
    count : int
    """
    cv2 = _import_cv2()
    count = 0
    for crop in crops:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        encoded, data = cv2.imencode(".jpg", crop[..., ::-1], flags)
        if not encoded:
            raise PvsdError(f"Frame {count} cannot be written as JPEG.")
        (folder / f"{count}.jpg").write_bytes(data.tobytes())
        count += 1
    return count


def limit_threads() -> None:
    """Keep OpenCV to the calling thread, for programs with a process per core."""
    _import_cv2().setNumThreads(1)
