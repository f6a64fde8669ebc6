"""Follows the talking face through a video and crops it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import FACE_SIZE
from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import Detector, import_cv2

# Part of the box's height added below the chin: an open mouth lowers it.
CHIN_PADDING = 0.06
# How far on either side `smooth_track` looks: for the median, in boxes that were found
# (two wrong ones in a row are dropped), and for the mean, in frames (0.4 s in all).
MEDIAN_REACH = 2
MEAN_REACH = 5


def find_faces(
    frames: Iterable[np.ndarray], detector: Detector, every: int = 1
) -> tuple[dict[int, np.ndarray], int]:
    """Boxes ``[faces, 4]`` of one frame, uint8 ``[height, width, 3]``, in ``every``, by
    its number; and the number of frames."""
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


def matched(
    last: Sequence[np.ndarray], boxes: np.ndarray, least_overlap: float = 0.3
) -> dict[int, int]:
    """Which face, by its number, each of some new boxes shows, by its place.

    A box shows the face whose last box, one of ``last``, it overlaps most, by an
    intersection over union of ``least_overlap`` at least; a box that is not among the
    keys shows a new face.
    """
    pairs = [
        (_overlap(one, box), number, place)
        for number, one in enumerate(last)
        for place, box in enumerate(boxes)
    ]
    shown: dict[int, int] = {}
    for overlap, number, place in sorted(pairs, reverse=True):
        free = place not in shown and number not in shown.values()
        if free and overlap >= least_overlap:
            shown[place] = number
    return shown


def face_tracks(found: dict[int, np.ndarray]) -> list[dict[int, np.ndarray]]:
    """Follow every face through the video.

    Takes what `find_faces` found; returns of each face one box ``[4]`` for each frame
    it was found in, see `matched`.
    """
    tracks: list[dict[int, np.ndarray]] = []
    for index in sorted(found):
        shown = matched([track[max(track)] for track in tracks], found[index])
        for place, box in enumerate(found[index]):
            if place in shown:
                tracks[shown[place]][index] = box
            else:
                tracks.append({index: box})
    return tracks


def main_track(found: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The largest, longest seen face of a video.

    The track with the largest sum of areas wins, so neither a big face that flashes by
    nor a small one in the background takes over, and the crop never jumps between two
    people.

    Arguments
    ---------
    found : dict of int to np.ndarray
        Boxes, [faces, 4], of each frame that was looked at.

    Returns
    -------
    track : dict of int to np.ndarray
        One box, [4], for each frame the face was found in; empty without a face.
    """

    def weight(track):
        """Sum of the areas of a track's boxes."""
        return sum(np.prod(box[2:] - box[:2]) for box in track.values())

    return max(face_tracks(found), key=weight, default={})


def longest_gap(found: dict[int, np.ndarray], track: dict[int, np.ndarray]) -> int:
    """Most frames looked at in a row without the tracked face.

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


def smooth_track(track: dict[int, np.ndarray], count: int) -> np.ndarray:
    """A box for every frame, float64 ``[count, 4]``: gaps filled in, outliers and
    trembling removed.

    A box far from the median of its neighbours is wrong and takes the median. Frames
    without a box are interpolated (before the first and after the last box, that box
    stays), and a running Hann-weighted mean stills the rest.
    """
    seen = sorted(track)
    known = np.stack([track[index] for index in seen])
    padded = np.pad(known, ((MEDIAN_REACH, MEDIAN_REACH), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, 2 * MEDIAN_REACH + 1, axis=0
    )
    usual = np.median(windows, axis=-1)
    far = 0.25 * (usual[:, 2:] - usual[:, :2]).mean(axis=1, keepdims=True)
    wrong = (np.abs(known - usual) > far).any(axis=1, keepdims=True)
    known = np.where(wrong, usual, known)
    line = np.arange(count)
    boxes = np.stack([np.interp(line, seen, known[:, i]) for i in range(4)], axis=1)
    weights = np.hanning(2 * MEAN_REACH + 3)[1:-1]
    weights /= weights.sum()
    padded = np.pad(boxes, ((MEAN_REACH, MEAN_REACH), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, i], weights, "valid") for i in range(4)], 1)


def crop_face(
    picture: np.ndarray, box: np.ndarray, size: int = FACE_SIZE
) -> np.ndarray:
    """Cut a box (left, top, right, bottom, in pixels) out of a picture, to fractions of
    a pixel, and scale it to a square: uint8 ``[size, size, 3]``.

    Rounding the box to pixels would make a still face tremble. What lies outside the
    picture repeats its border; `CHIN_PADDING` is added below.
    """
    cv2 = import_cv2()
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
    for frame, box in zip(frames, boxes, strict=True):
        yield crop_face(frame, box, size)


def write_crops(crops: Iterable[np.ndarray], folder: Path, quality: int = 95) -> int:
    """Write RGB pictures, uint8 ``[height, width, 3]``, as ``0.jpg``, ``1.jpg``, ... of
    a JPEG quality up to 100; returns how many there were."""
    cv2 = import_cv2()
    count = 0
    for crop in crops:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
        encoded, data = cv2.imencode(".jpg", crop[..., ::-1], flags)
        if not encoded:
            raise PvsdError(f"Frame {count} cannot be written as JPEG.")
        (folder / f"{count}.jpg").write_bytes(data.tobytes())
        count += 1
    return count
