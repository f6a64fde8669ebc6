"""Reads the sound of any file block by block, placed by its time stamps.

A block is a float32 tensor ``[channels, n]`` at the track's own rate, full scale is 1,
in the order of channels that FFmpeg and WAV use, whatever order the codec has.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import MediaInfo, probe_audio
from pvsd_modules.io.resampling import resample
from pvsd_modules.io.shared import SharedFile
from pvsd_modules.io.sound_pieces import sound_pieces


def sound_blocks(
    source: str | Path | MediaInfo,
    block: int = 65536,
    start: float | None = None,
    shared: SharedFile | None = None,
) -> Iterator[torch.Tensor]:
    """Read a file's sound in blocks; at most one block and one packet are held.

    Sound that begins before ``start`` is cut, sound that begins later is preceded by
    zeros; gaps are filled with zeros and overlaps cut, so the last sample is where
    it is in the file. Joined files (chained ogg, mp3 after mp3) are read to the end.

    Arguments
    ---------
    source : str, Path or MediaInfo
        File; its selected track is read.
    block : int
        Samples of a block; the last one is shorter.
    start : float
        Time stamp in seconds of sample 0; None for time 0 of the file, which is
        where its first picture or its first sound begins, whichever is first.
    shared : SharedFile
        A video whose pictures are read, too.

    Yields
    ------
    torch.Tensor
        float32 ``[channels, n]``.

    Raises
    ------
    PvsdError
        When the file holds no sound or is damaged.
    """
    info = probe_audio(source)
    held, size = [], 0
    for piece in sound_pieces(info, info.start if start is None else start, shared):
        held.append(piece)
        size += piece.shape[1]
        if size >= block:
            joined = np.concatenate(held, axis=1)
            whole = size - size % block
            for begin in range(0, whole, block):
                part = joined[:, begin : begin + block]
                yield torch.from_numpy(np.ascontiguousarray(part))
            held, size = [joined[:, whole:]], size - whole
    if size:
        yield torch.from_numpy(np.concatenate(held, axis=1))


def read_audio(
    source: str | Path | MediaInfo, start: float | None = None
) -> tuple[torch.Tensor, int]:
    """A file's whole sound, float32 ``[channels, time]``, and its own sample rate in
    hertz.

    ``start`` is as in `sound_blocks`, which says how sound is placed and what raises.
    """
    info = probe_audio(source)
    blocks = list(sound_blocks(info, start=start))
    return torch.cat([torch.zeros(info.channels, 0), *blocks], 1), info.sample_rate


def to_mono(samples: torch.Tensor) -> torch.Tensor:
    """Mix ``[channels, time]`` to ``[time]``; where channels cancel out, the loudest is
    taken.

    Example
    -------
    >>> to_mono(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])).tolist()
    [1.0, -1.0]
    """
    mixed, energies = samples.mean(0), samples.square().sum(1)
    if mixed.square().sum() < 0.05 * energies.mean():
        return samples[energies.argmax()]
    return mixed


def read_mono(
    source: str | Path | MediaInfo, start: float | None = None
) -> torch.Tensor:
    """A file's whole sound as one channel at 16 kHz, float32 ``[time]``; see
    `read_audio`."""
    samples, rate = read_audio(source, start)
    if samples.shape[1] == 0:
        raise PvsdError(f"{probe_audio(source).path} holds no sound.")
    return resample(to_mono(samples)[None], rate, SAMPLE_RATE)[0]
