"""Cuts a signal into whole units, each with the samples before it."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from pvsd_modules.alignment import HOP
from pvsd_modules.models.open.spectra import WINDOW

HISTORY = WINDOW - HOP


class Pending:
    """Samples that wait for a whole unit, after ``HISTORY`` old ones."""

    def __init__(self, unit: int, batch: int, like: Tensor):
        self.unit = unit
        self.samples = like.new_zeros(batch, HISTORY)

    def take(self, chunk: Tensor) -> Tensor:
        """The history and all units that are complete: ``[batch, 320 + unit n]``."""
        self.samples = torch.cat([self.samples, chunk], 1)
        ready = (self.samples.shape[1] - HISTORY) // self.unit * self.unit
        complete = self.samples[:, : HISTORY + ready]
        self.samples = self.samples[:, ready:].clone()
        return complete

    def end(self, units: int) -> Tensor:
        """The history and the last ``units``, filled up with zeros."""
        missing = HISTORY + units * self.unit - self.samples.shape[1]
        return pad(self.samples, (0, missing))
