"""Brings recordings of any level to the one that a model was trained at.

A recording that is known from its beginning on, a file or a batch, is multiplied by
one gain before the networks, and their output is divided by it: what comes out is the
same at any level, but for its level. Of a live stream the level is not known. Its gain
is 1, which the networks are made for as long as nobody is 30 dB too quiet or too loud;
then the stream begins anew at another gain.
"""

from collections import deque
from collections.abc import Iterator
from statistics import median

import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLES_PER_FRAME

#: What is quieter (-200 dB) is digital silence, which has no level.
NOTHING = 1e-10
#: Samples further above the level (54 dB) are limited: a click of any height passes
#: without changing what follows.
CREST = 500.0
_FAR = 10 ** (35 / 20)  # from the level that the networks expect
_UNITS = 8  # of 40 ms that must be far from it


def level_of(rows: Tensor, rate: int) -> Tensor:
    """Root mean square of each row where there is sound.

    Parts that are 60 dB quieter than the loud ones do not count, nor does a constant
    offset, and a click counts no more than three times as much as what is loud.

    Arguments
    ---------
    rows : torch.Tensor
        float32 ``[rows, time]``.
    rate : int
        Samples a second.

    Returns
    -------
    torch.Tensor
        ``[rows]``, float64, 0 for digital silence.

    Example
    -------
    >>> tone = torch.sin(torch.arange(16000) / 5)
    >>> level_of(torch.stack([tone, 0 * tone]), 16000)
    tensor([0.7071, 0.0000], dtype=torch.float64)
    """
    size = max(1, min(rate // 100, rows.shape[1]))
    rows = rows[:, : rows.shape[1] // size * size].detach().cpu().double()
    rows = rows - rows.median(1, keepdim=True).values
    units = rows.unflatten(1, (-1, size)).square().mean(2).sqrt()  # [rows, n]
    audible = torch.where(units > NOTHING, units, torch.nan)
    loud = audible.nanquantile(0.9, dim=1, keepdim=True)
    counts = units > 1e-3 * loud
    units = units.minimum(3 * loud) * counts
    level = (units.square().sum(1) / counts.sum(1).clamp(min=1)).sqrt()
    return level.nan_to_num(0.0)


class LevelControl:
    """Gains of the rows of a stream.

    Arguments
    ---------
    target : float
        Level that the networks expect, full scale being 1.
    levels : list of float
        Level of each row; 0 where it is not known.
    """

    def __init__(self, target: float, levels: list[float]):
        self.target = target
        self.gains = [target / level if level > NOTHING else 1.0 for level in levels]
        self._loudest = [level if level > NOTHING else 0.0 for level in levels]
        self._recent: list[deque[float]] = [deque(maxlen=_UNITS) for _ in levels]
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
            Whether the gains change behind them.
        """
        samples = chunk.detach()
        if self._begun is not None:
            samples = torch.cat([self._begun, samples], 1)
        whole = samples.shape[1] // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME
        units = samples[:, :whole].unflatten(1, (-1, SAMPLES_PER_FRAME))
        self._begun = samples[:, whole:].clone()
        end = chunk.shape[1] - samples.shape[1]
        begin = 0
        for unit in units.square().mean(2).sqrt().T.tolist():
            end += SAMPLES_PER_FRAME
            gains = self._observe(unit)
            if gains != self.gains:
                yield chunk[:, begin:end], True
                begin, self.gains = end, gains
        yield chunk[:, begin:], False

    def applied(self, samples: Tensor) -> Tensor:
        """Samples at the level that the networks expect, none far above it."""
        limit = CREST * self.target
        return (samples * self._column(samples)).clamp(-limit, limit)

    def removed(self, enhanced: Tensor) -> Tensor:
        """What the networks made of it, at the recording's level."""
        return enhanced / self._column(enhanced)

    def _column(self, like: Tensor) -> Tensor:
        return like.new_tensor(self.gains)[:, None]

    def _observe(self, unit: list[float]) -> list[float]:
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
