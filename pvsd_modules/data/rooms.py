"""Measured room responses: a room is drawn first, then one of its positions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.manifests.rooms import files_by_room
from pvsd_modules.io.sound_reading import read_mono

#: Reflections that come later than this after the direct sound count as late.
EARLY_SECONDS = 0.05


class MeasuredRooms:
    """Impulse responses by room; they are read once and kept.

    A room with a hundred measured positions is drawn as often as one with a single
    position: the number of positions says nothing of how common a room is.

    Arguments
    ---------
    rooms : dict
        ``{room: [path, ...]}``, the direct sound anywhere in a file.
    longest : float
        Responses are cut after so many seconds.

    Example
    -------
    >>> import tempfile, soundfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/a.wav"
    >>> soundfile.write(path, np.array([0.0, 0.0, -0.5, 0.1]), 16000)
    >>> [response] = MeasuredRooms({"hall": [path]})(np.random.default_rng(0))
    >>> [round(float(value), 2) for value in response]
    [1.0, -0.2]
    """

    def __init__(self, rooms: dict[str, Sequence[str]], longest: float = 1.0):
        samples = int(longest * SAMPLE_RATE)
        self.rooms = []
        for name in sorted(rooms):
            responses = [read_mono(path) for path in sorted(rooms[name])]
            starts = [int(response.abs().argmax()) for response in responses]
            self.rooms.append(
                [
                    response[start : start + samples] / response[start]
                    for response, start in zip(responses, starts, strict=True)
                ]
            )

    def __call__(self, random: np.random.Generator, count: int = 1) -> list[Tensor]:
        """Responses ``[n]`` of ``count`` positions of one room, each of which begins
        with its direct sound, which is 1. Positions repeat where a room has fewer."""
        positions = self.rooms[int(random.integers(len(self.rooms)))]
        order = random.permutation(len(positions))
        return [positions[order[index % len(order)]] for index in range(count)]


def early_part(response: Tensor, late_share: float) -> Tensor:
    """The response ``[n]``, its direct sound first, with its late part made weaker: by
    a factor of ``late_share`` from 80 ms on, which is reached smoothly from 50 ms.

    Example
    -------
    >>> early_part(torch.ones(16000), 0.5)[[0, 799, 1280, 15999]].tolist()
    [1.0, 1.0, 0.5, 0.5]
    """
    time = torch.arange(len(response)) / SAMPLE_RATE
    fall = ((time - EARLY_SECONDS) / 0.03).clamp(0, 1)
    return response * (1 - (1 - late_share) * fall)


def measured_rooms(manifest: str | Path | None, rooms_root: str = ""):
    """The rooms of a manifest.

    Arguments
    ---------
    manifest : str, Path or None
        ``train_rooms.json`` of ``prepare.py --rooms``; None for no measured rooms.
    rooms_root : str
        What ``{rooms_root}`` stands for in it.

    Returns
    -------
    MeasuredRooms or None
    """
    if manifest is None:
        return None
    return MeasuredRooms(files_by_room(load_manifest(manifest, rooms_root=rooms_root)))
