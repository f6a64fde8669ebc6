"""Measured room responses: a room is drawn first, then one of its positions."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.audio_store import AudioStore

#: Reflections that come later than this after the direct sound count as late.
EARLY_SECONDS = 0.05


class MeasuredRooms:
    """Impulse responses by room, read from an audio store.

    A room with a hundred measured positions is drawn as often as one with a single
    position: the number of positions says nothing of how common a room is.

    Arguments
    ---------
    store : AudioStore
        Holds every response.
    rooms : dict
        ``{room: [path, ...]}``.
    longest : float
        Responses are cut after so many seconds.

    Example
    -------
    >>> import tempfile, soundfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/a.wav"
    >>> soundfile.write(path, np.array([0.0, 0.0, -0.5, 0.1]), 16000)
    >>> store = AudioStore(folder.name)
    >>> store.add([path], progress=False)
    >>> response = MeasuredRooms(store, {"hall": [path]})(np.random.default_rng(0))
    >>> [round(float(value), 2) for value in response]
    [1.0, -0.2]
    """

    def __init__(
        self, store: AudioStore, rooms: dict[str, Sequence[str]], longest: float = 1.0
    ):
        self.store = store
        self.rooms = [sorted(rooms[name]) for name in sorted(rooms)]
        self.longest = int(longest * SAMPLE_RATE)

    def __call__(self, random: np.random.Generator) -> Tensor:
        """A response ``[n]`` that begins with its direct sound, which is 1."""
        positions = self.rooms[int(random.integers(len(self.rooms)))]
        response = self.store.read(positions[int(random.integers(len(positions)))])
        start = int(response.abs().argmax())
        response = response[start : start + self.longest]
        return response / response[0]


def early_part(response: Tensor, late_share: float) -> Tensor:
    """The same response with its late part made weaker.

    Arguments
    ---------
    response : Tensor
        ``[n]``, the direct sound first.
    late_share : float
        Factor on everything from 80 ms on; it is reached in a smooth fall from 50 ms.

    Returns
    -------
    Tensor
        ``[n]``.

    Example
    -------
    >>> early_part(torch.ones(16000), 0.5)[[0, 799, 1280, 15999]].tolist()
    [1.0, 1.0, 0.5, 0.5]
    """
    time = torch.arange(len(response)) / SAMPLE_RATE
    fall = ((time - EARLY_SECONDS) / 0.03).clamp(0, 1)
    return response * (1 - (1 - late_share) * fall)


def rooms_of_table(rows, root: str = "") -> dict[str, list[str]]:
    """Groups the responses of a manifest by room.

    Arguments
    ---------
    rows : iterable of dict
        Rows of a CSV manifest with ``type`` "rir", ``path`` and ``category``, the
        name of the room before a remark such as "t60=0.5".
    root : str
        Put before each path.

    Returns
    -------
    dict
        ``{room: [path, ...]}``.

    Example
    -------
    >>> row = {"type": "rir", "path": "a.flac", "category": "hall t60=1.2"}
    >>> rooms_of_table([row], "data/")
    {'hall': ['data/a.flac']}
    """
    rooms: dict[str, list[str]] = {}
    for row in rows:
        if row["type"] == "rir":
            name = row["category"].split(" t60=")[0]
            rooms.setdefault(name, []).append(root + row["path"])
    return rooms


def convolve(wav: Tensor, *responses: Tensor) -> list[Tensor]:
    """``[time]`` played in rooms: one ``[time]`` for each of the responses."""
    size = -(-(len(wav) + max(map(len, responses))) // 4096) * 4096
    spectrum = torch.fft.rfft(wav, n=size)
    stack = torch.stack([torch.fft.rfft(response, n=size) for response in responses])
    return list(torch.fft.irfft(spectrum * stack, n=size)[:, : len(wav)])
