"""Finds faces in one picture.

A detector is any callable that takes one RGB picture, uint8 [height, width, 3], and
returns the boxes of its faces, [faces, 4], as (left, top, right, bottom) in pixels:
forehead to chin, cheek to cheek. The three below give boxes of that meaning, so
that the mouth is in the lower half of the crop whoever found the face.
"""

import os
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np

from pvsd_modules.errors import PvsdError
from pvsd_modules.models.protocols import Detector

# The Haar cascade answers with a square from the hair line to below the lips. These
# are the edges of the face itself (forehead, cheeks, chin) in parts of its side,
# read off pictures; order left, top, right, bottom.
_HAAR_TO_FACE = np.array([0.10, 0.10, 0.90, 1.12])


def import_cv2():
    """OpenCV, or a sentence that says how to get it."""
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

    Viola and Jones, "Rapid object detection using a boosted cascade of simple features"
    (CVPR 2001), with the cascade file inside the OpenCV wheel. Faces smaller than a
    part of the picture's shorter side are passed over.
    """

    def __init__(self, smallest: float = 0.15):
        cv2 = import_cv2()
        file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
        self.cascade = cv2.CascadeClassifier(str(file))
        if self.cascade.empty():
            raise PvsdError(f"{file} is missing: install opencv-python 4, not 5.")
        self.smallest = smallest

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Boxes of the faces in a picture, float64 [faces, 4]."""
        cv2 = import_cv2()
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        # A face of some 70 pixels is enough, and large pictures take seconds.
        scale = min(1.0, 480 / min(gray.shape))
        if scale < 1:
            gray = cv2.resize(
                gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
            )
        side = max(24, round(self.smallest * min(gray.shape)))
        found = self.cascade.detectMultiScale(gray, 1.1, 4, minSize=(side, side))
        found = np.asarray(found, dtype=np.float64).reshape(-1, 4)
        corner, size = found[:, [0, 1, 0, 1]], found[:, [2, 3, 2, 3]]
        return (corner + size * _HAAR_TO_FACE) / scale


class S3FDDetector:
    """The S3FD network through the face-alignment package: any pose, slow on a CPU.

    Zhang et al., "S3FD: Single shot scale-invariant face detector" (ICCV 2017). Its
    weights are never downloaded from here. A face counts from a score of ``threshold``
    on.
    """

    def __init__(self, device: str = "cpu", threshold: float = 0.5):
        weights = s3fd_weights()
        if not weights.is_file():
            raise PvsdError(
                f"The weights of the S3FD detector are not at {weights}: put "
                f"{weights.name} of the face-alignment project there, or choose "
                "--detector haar."
            )
        import_cv2()
        try:
            from face_alignment.detection.sfd import FaceDetector
        except ImportError as error:
            raise PvsdError(
                f"The S3FD detector needs face-alignment ({error}): install it with "
                "`pip install 'pvsd[train]'`, or choose --detector haar."
            ) from error
        try:
            self.network = FaceDetector(
                device, path_to_detector=str(weights), filter_threshold=threshold
            )
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise PvsdError(
                f"The S3FD detector cannot be set up from {weights} on {device} "
                f"({str(error).splitlines()[0]}): is the file whole, the device there?"
            ) from error

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

    ``part`` is its side over the picture's shorter side; ``[height, width, 3]`` to
    float64 ``[1, 4]``.

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


def best_detector(device: str = "cpu") -> Detector:
    """S3FD where its package and weights are there, else the Haar cascade."""
    if s3fd_weights().is_file():
        with suppress(PvsdError):
            return S3FDDetector(device)
    return HaarDetector()


def limit_threads() -> None:
    """Keep OpenCV to the calling thread, for programs with a process per core."""
    import_cv2().setNumThreads(1)
