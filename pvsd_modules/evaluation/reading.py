"""The signals of an item: mixed from a list, or read from folders."""

import os
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.datasets import cut_frames, mixture_dataset, read_lips
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.sound_reading import read_mono

# Longest difference in seconds that the frames of a program or the edges of an
# encoder may make; beyond, the files do not belong together.
TOLERANCE = 0.2
_KEPT = 8  # decoded files of a process; a mixture comes back to the same noise


class Reader:
    """Reads the signals of items at 16 kHz.

    Mixtures are made of sound rounded to 16 bits, as an audio store keeps it, so that
    a list is the same samples with and without one. Files of pairs are read as they
    are.

    Arguments
    ---------
    store_folder : str or None
        An audio store that holds decoded files; what it lacks is decoded.
    """

    def __init__(self, store_folder: str | None = None):
        self.store = AudioStore(store_folder) if store_folder else None
        self._decode = lru_cache(_KEPT)(_decoded)

    def read(self, path: str, start: int = 0, samples: int | None = None) -> Tensor:
        """A slice of a file of a mixture, float32 ``[samples]``, shorter at its end."""
        if self.store is not None and self._is_stored(path):
            return self.store.read(path, start, samples)
        stop = None if samples is None else start + samples
        return self._decode(str(path))[start:stop].clone()

    def _is_stored(self, path: str) -> bool:
        """Whether the store holds the file as it is now."""
        entry = self.store.index.get(str(path))
        if entry is None:
            return False
        status = os.stat(path)
        return entry[2:] == [status.st_size, status.st_mtime_ns]

    def pair(self, item: dict, face: dict | None = None, check: bool = True) -> dict:
        """The signals of one item.

        Arguments
        ---------
        item : dict
            A mixture or a pair; a pair may lack ``noisy``.
        face : dict or None
            Talking-face entry of the clean file: adds its ``lips``.
        check : bool
            Whether what cannot be scored is an error.

        Returns
        -------
        dict
            ``clean``, ``noisy`` (None where there is none), both ``[time]``, and
            ``lips``, ``[frames, 48, 96, 3]`` or None.

        Raises
        ------
        PvsdError
            If a file cannot be read, is no sound, or does not belong to the other.
        """
        if "noise" in item:
            faces = None if face is None else {"": face}
            try:
                data = mixture_dataset({"": item}, self, faces)[0]
            except OSError as error:
                raise PvsdError(f"a file cannot be read: {error}") from None
            signals = {name: data[f"{name}_sig"] for name in ("clean", "noisy")}
            signals["lips"] = data.get("lips")
        else:
            signals = {"clean": read_mono(item["clean"]), "noisy": None, "lips": None}
            if "noisy" in item:
                signals["noisy"] = read_mono(item["noisy"])
                self._to_one_length(signals)
            if face is not None:
                frames = read_lips(face["frames"], int(face["frame_count"]))
                signals["lips"] = cut_frames(frames, 0, len(signals["clean"]))
        for name in ("clean", "noisy"):
            if check and signals[name] is not None:
                check_signal(signals[name], f"the {name} sound")
        return signals

    def _to_one_length(self, signals: dict) -> None:
        lengths = [len(signals[name]) for name in ("clean", "noisy")]
        _check_lengths(lengths[1], lengths[0], "noisy")
        for name in ("clean", "noisy"):
            signals[name] = signals[name][: min(lengths)]


def _decoded(path: str) -> Tensor:
    return (read_mono(path).clamp(-1, 1) * 32767).round() / 32767


def fitted(signal: Tensor, samples: int) -> tuple[Tensor, int]:
    """An enhanced signal at the length of the clean one.

    Arguments
    ---------
    signal : Tensor
        ``[time]``.
    samples : int
        Wanted length.

    Returns
    -------
    Tensor, int
        The signal, cut or padded at its end, and the samples it was too long.

    Raises
    ------
    PvsdError
        If the lengths differ by more than 0.2 s.
    """
    _check_lengths(len(signal), samples, "enhanced")
    longer = len(signal) - samples
    if longer < 0:
        return torch.nn.functional.pad(signal, (0, -longer)), longer
    return signal[:samples], longer


def _check_lengths(given: int, wanted: int, name: str) -> None:
    if abs(given - wanted) > TOLERANCE * SAMPLE_RATE:
        raise PvsdError(
            f"the {name} sound has {given / SAMPLE_RATE:.2f} s, the clean one "
            f"{wanted / SAMPLE_RATE:.2f} s: they do not belong together"
        )


def check_signal(signal: Tensor, name: str) -> None:
    """Raises PvsdError for what cannot be scored at all."""
    values = signal.numpy()
    if not len(values):
        raise PvsdError(f"{name} is empty")
    if not np.isfinite(values).all():
        raise PvsdError(f"{name} holds values that are no numbers")
    if not np.ptp(values):
        raise PvsdError(f"{name} is silent")
