"""Brings recordings of any level to the one that a model was trained at.

A recording that is known from its beginning on, a file or a batch, is multiplied by
one gain before the networks, and their output is divided by it: what comes out is the
same at any level, but for its level. Of a live stream the level is not known. Its gain
is 1, which the networks are made for as long as nobody is 35 dB too quiet or too loud;
then the stream begins anew at another gain. A constant offset is subtracted.
"""

from collections import deque
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLES_PER_FRAME
from pvsd_modules.inference.signals import cleaned

#: So much of a recording says what its level is.
SECONDS = 20
#: What is quieter (-200 dB) is digital silence, which has no level.
NOTHING = 1e-10
#: Samples further above the level (54 dB) are limited: a click of any height passes
#: without changing what follows.
CREST = 500.0
_FAR = 10 ** (35 / 20)  # from the level that the networks expect
_UNITS = 8  # of 40 ms that must be far from it
_OFFSET = 0.1  # of the level: a smaller mean is no offset


class Level(NamedTuple):
    """What is known of the rows of a signal: the root mean square where there is sound
    (0 where unknown), and the constant offset, both float64 ``[rows]``."""

    rms: Tensor
    offset: Tensor


def level_of(rows: Tensor, rate: int) -> Level:
    """Level of each row where there is sound, and its offset.

    Parts that are 60 dB quieter than the loud ones do not count, nor does what is 20 dB
    louder: clicks. Of a long signal the first 20 seconds count.

    Arguments
    ---------
    rows : torch.Tensor
        float32 ``[rows, time]``.
    rate : int
        Samples a second.

    Example
    -------
    >>> tone = torch.sin(torch.arange(16000) / 5)
    >>> level_of(torch.stack([tone, 0 * tone]), 16000).rms
    tensor([0.7071, 0.0000], dtype=torch.float64)
    """
    rows = cleaned(rows[:, : SECONDS * rate].detach().cpu())[0].double()
    size = max(1, min(rate // 100, rows.shape[1]))
    rows = rows[:, : rows.shape[1] // size * size]
    units = rows.unflatten(1, (-1, size))  # [rows, n, 10 ms]
    mean = units.mean(2).median(1).values  # a click is no offset
    powers = (units - mean[:, None, None]).square().mean(2).sqrt()  # [rows, n]
    audible = torch.where(powers > NOTHING, powers, torch.nan)
    loud = audible.nanquantile(0.97, dim=1, keepdim=True)
    counts = (powers > 1e-3 * loud) & (powers < 10 * loud)
    rms = (powers * counts).square().sum(1) / counts.sum(1).clamp(min=1)
    rms = rms.sqrt().nan_to_num(0.0)
    offset = torch.where(mean.abs() > _OFFSET * rms, mean, torch.zeros_like(mean))
    return Level(rms, offset)


class LevelControl:
    """Gains of the rows of a stream, from what is known of their level to the one that
    the networks expect."""

    def __init__(self, target: float, level: Level):
        levels, self.offsets = level.rms.tolist(), level.offset.tolist()
        self.target = target
        self.gains = [target / rms if rms > NOTHING else 1.0 for rms in levels]
        self._loudest = [rms if rms > NOTHING else 0.0 for rms in levels]
        self._recent: list[deque[float]] = [deque(maxlen=_UNITS) for _ in levels]
        self._means: list[deque[float]] = [deque(maxlen=_UNITS) for _ in levels]
        self._begun: Tensor | None = None  # samples of a unit that is not complete

    def pieces(self, chunk: Tensor) -> Iterator[tuple[Tensor, bool]]:
        """Cuts a chunk where gains change.

        Arguments
        ---------
        chunk : torch.Tensor
            ``[rows, n]`` at 16 kHz.

        Yields
        ------
        torch.Tensor
            The next samples, `applied` of which is to be fed.
        bool
            Whether a gain changes behind them, so that the networks must forget.
        """
        samples = chunk.detach()
        if self._begun is not None:
            samples = torch.cat([self._begun, samples], 1)
        whole = samples.shape[1] // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
        if not whole:
            self._begun = samples
            yield chunk, False
            return
        units = samples[:, :whole].unflatten(1, (-1, SAMPLES_PER_FRAME))
        self._begun = samples[:, whole:].clone()
        end = chunk.shape[1] - samples.shape[1]
        begin = 0
        means = units.mean(2)
        powers = (units - means[:, :, None]).square().mean(2).sqrt()
        for mean, power in zip(means.T.tolist(), powers.T.tolist(), strict=True):
            end += SAMPLES_PER_FRAME
            offsets, gains = self._offsets(mean, power), self._levels(power)
            if (offsets, gains) != (self.offsets, self.gains):
                yield chunk[:, begin:end], gains != self.gains
                begin, self.offsets, self.gains = end, offsets, gains
        yield chunk[:, begin:], False

    def applied(self, samples: Tensor) -> Tensor:
        """Samples at the level that the networks expect, none far above it."""
        limit = CREST * self.target
        samples = samples - samples.new_tensor(self.offsets)[:, None]
        return (samples * self._column(samples)).clamp(-limit, limit)

    def removed(self, enhanced: Tensor) -> Tensor:
        """What the networks made of it, at the recording's level."""
        return enhanced / self._column(enhanced)

    def _column(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.gains)[:, None]

    def _offsets(self, means: list[float], powers: list[float]) -> list[float]:
        """Offsets after the next 40 ms, whose means and levels are given."""
        offsets = self.offsets.copy()
        for row, mean in enumerate(means):
            recent = self._means[row]
            recent.append(mean)
            usual = median(recent)
            far = abs(usual - offsets[row]) > _OFFSET * max(
                powers[row], *self._recent[row], NOTHING
            )
            if far and len(recent) == _UNITS:
                offsets[row] = usual
        return offsets

    def _levels(self, unit: list[float]) -> list[float]:
        """Gains after the next 40 ms, whose levels are given."""
        gains = self.gains.copy()
        for row, level in enumerate(unit):
            recent = self._recent[row]
            if level > NOTHING:
                recent.append(level)
            if level <= NOTHING or len(recent) < _UNITS:
                continue
            usual = median(recent)
            loudest = self._loudest[row] = max(self._loudest[row], usual)
            too_loud = usual * gains[row] > _FAR * self.target
            if too_loud or loudest * gains[row] * _FAR < self.target:
                gains[row] = self.target / usual
                self._loudest[row] = usual
        return gains
