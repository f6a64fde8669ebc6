"""The signals of an item: mixed from a list, or read from folders."""

import os
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.datasets import mixture_dataset
from pvsd_modules.data.lips import read_segment
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.sound_reading import read_mono

# Longest difference in seconds that the frames of a program or the edges of an
# encoder may make; beyond, the files do not belong together.
TOLERANCE = 0.2
_KEPT = 8  # decoded files of a process: mixtures share noise files


class Reader:
    """Reads the signals of items at 16 kHz.

    Mixtures are made of sound rounded to 16 bits, as an audio store keeps it, so that a
    list is the same samples with and without one; what a store lacks is decoded. Files
    of pairs are read as they are.
    """

    def __init__(self, store_folder: str | None = None):
        self.store = AudioStore(store_folder) if store_folder else None
        self._decode = lru_cache(_KEPT)(_decoded)

    def read(self, path: str, start: int = 0, samples: int | None = None) -> Tensor:
        """A slice of a file of a mixture, float32 ``[samples]``, shorter at its end."""
        if self.store is not None and self.store.holds(str(path)):
            return self.store.read(path, start, samples)
        stop = None if samples is None else start + samples
        return self._decode(str(path))[start:stop].clone()

    def samples(self, path: str) -> int:
        """Length of a file of a mixture in samples."""
        return len(self.read(path))

    def pair(self, item: dict, face: dict | None = None, check: bool = True) -> dict:
        """The signals of one item.

        Arguments
        ---------
        item : dict
            A mixture or a pair; a pair may lack ``noisy`` or ``clean``.
        face : dict or None
            Talking-face entry of the clean file: adds its ``lips``.
        check : bool
            Whether what cannot be scored is an error.

        Returns
        -------
        dict
            ``clean`` and ``noisy``, ``[time]``, equally long, and ``lips``,
            ``[frames, 48, 96, 3]``; None for what there is not.

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
        else:
            given = [name for name in ("clean", "noisy") if name in item]
            signals = {name: sound(item[name]) for name in given}
            data = {}
        wanted = len(next(iter(signals.values())))
        shortest = min(len(signal) for signal in signals.values())
        for name, signal in signals.items():
            _check_length(len(signal), wanted, name)
            signals[name] = signal[:shortest]
            if check:
                check_signal(signals[name], f"the {name} signal")
        if face is not None and "lips" not in data:
            count = int(face["frame_count"])
            data["lips"] = read_segment(face["frames"], count, 0, shortest)
        lips = data.get("lips")
        return {"clean": None, "noisy": None, **signals, "lips": lips}


def sound(path: str) -> Tensor:
    """A file's sound at 16 kHz, float32 ``[time]``, one channel."""
    if not os.path.isfile(path):  # to open a pipe would wait for ever
        raise PvsdError(f"{path} is no file: give an existing sound or video file.")
    return read_mono(path)


def _decoded(path: str) -> Tensor:
    return (sound(path).clamp(-1, 1) * 32767).round() / 32767


def fitted(signal: Tensor, samples: int) -> tuple[Tensor, int]:
    """An enhanced signal ``[time]``, cut or padded at its end to the length of the
    clean one, and the samples it was too long; a `PvsdError` if these are more than 0.2
    s."""
    _check_length(len(signal), samples, "enhanced")
    longer = len(signal) - samples
    return torch.nn.functional.pad(signal, (0, -longer)), longer


def _check_length(given: int, wanted: int, name: str) -> None:
    if abs(given - wanted) > TOLERANCE * SAMPLE_RATE:
        raise PvsdError(
            f"the {name} signal has {given / SAMPLE_RATE:.2f} s, the clean one "
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
