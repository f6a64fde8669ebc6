"""Lip frames as JPEG pictures of a hundred each, which a browser draws from."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

COLUMNS, ROWS = 10, 10
SHEET = COLUMNS * ROWS  # frames


def write_sheets(frames: Sequence[np.ndarray], folder: Path) -> int:
    """Write uint8 frames ``[n, height, width, 3]`` row by row as `lips0.jpg`,
    `lips1.jpg`, ...; their number is returned."""
    if not frames:
        return 0
    all_frames = np.concatenate(frames)
    count, height, width, _ = all_frames.shape
    for number, begin in enumerate(range(0, count, SHEET)):
        cells = np.zeros((SHEET, height, width, 3), np.uint8)
        part = all_frames[begin : begin + SHEET]
        cells[: len(part)] = part
        sheet = cells.reshape(ROWS, COLUMNS, height, width, 3).swapaxes(1, 2)
        sheet = np.ascontiguousarray(sheet).reshape(ROWS * height, COLUMNS * width, 3)
        (folder / f"lips{number}.jpg").write_bytes(_jpeg(sheet))
    return count


def _jpeg(picture: np.ndarray) -> bytes:
    height, width, _ = picture.shape
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj444p"
    encoder.framerate = 25
    encoder.options = {"qmin": "2", "qmax": "2"}
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuvj444p")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    return b"".join(map(bytes, packets))
