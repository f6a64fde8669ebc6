"""Writes drawn frames with their sound as a video."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pvsd_modules.alignment import FPS
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.containers import VIDEO_OUTPUTS, container_of
from pvsd_modules.io.encoders import PictureEncoder, SoundEncoder, new_container
from pvsd_modules.io.encoding import encoding_of
from pvsd_modules.io.media import AudioTrack


def write_lips(
    chunks: Iterable[tuple[Any, Any]],
    rate: int,
    output: str | Path,
    fps: int = FPS,
    enlarge: int = 4,
) -> None:
    """Write drawn frames and their sound as a video.

    Arguments
    ---------
    chunks : iterable of (frames, samples)
        Arrays or tensors: frames [frames, height, width, 3], uint8 or float 0..1, and
        samples, float [time] or [channels, time]. Either may be empty in any chunk
        but the first frames decide the size; both begin at time 0.
    rate : int
        Samples a second.
    output : str or Path
        File to write; the suffix decides the container: H.264 and AAC in .mp4.
    fps : int
        Frames a second.
    enlarge : int
        Factor by which the pictures are enlarged, for viewing.

    Raises
    ------
    PvsdError
        When there are no frames or the file cannot be written.
    """
    output = Path(output)
    container = container_of(output)
    if not container.pictures:
        known = ", ".join(VIDEO_OUTPUTS)
        raise PvsdError(
            f"{output} is no video: name a file that ends in one of {known}."
        )
    with new_container(output, container) as target:
        pictures: PictureEncoder | None = None
        sound: SoundEncoder | None = None
        early = []  # sound must wait until both streams are known
        for frames, samples in chunks:
            frames, samples = np.asarray(frames), np.atleast_2d(np.asarray(samples))
            if pictures is None or sound is None:
                early.append(samples)
                if len(frames) == 0:
                    continue
                names, size = container.pictures, frames.shape[1:3]
                pictures = PictureEncoder(target, names, size, fps, enlarge)
                track = AudioTrack(0, rate, len(samples), 0)
                sound = SoundEncoder(
                    target, encoding_of(track, output), rate, len(samples)
                )
                samples = np.concatenate(early, axis=1)
            for frame in frames:
                pictures.add(frame)
            sound.add(np.clip(samples, -1, 1))
        if pictures is None or sound is None:
            raise PvsdError(f"{output} is not written: there are no frames to show.")
        pictures.close()
        sound.close()
