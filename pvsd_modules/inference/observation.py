"""Gives recordings that are nearly clean some of what was removed from them back.

Where there is little noise, what an enhancer removes may as well be a faint part of the
recording: rumble, a hum, a breath. To add some of the observed signal to the enhanced
one is known as observation adding (Iwamoto et al. 2022, "How bad are artifacts?", for
speech recognition). Here the share depends on how much was removed. A constant offset
is no part of a recording, and none of it comes back.
"""

from collections import deque
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from pvsd_modules.alignment import HOP, SAMPLE_RATE
from pvsd_modules.inference.pending import HISTORY
from pvsd_modules.models.open.spectra import CausalSTFT

_LOWEST_BIN = 4  # 133 Hz: what lies below says little of the noise in speech
_PIECE = (
    SAMPLE_RATE // 10
)  # samples over which the level of what was removed is measured
# An offset is subtracted from this part of the amplitude of what was removed on, and
# wholly from twice of it on: the mean of noise is no offset.
_OFFSET = 0.1


class _Measured(NamedTuple):
    """Powers of a second, summed over frequencies."""

    kept: Tensor  # [pieces, batch]
    removed: Tensor  # [pieces, batch]
    steps: Tensor  # [pieces, 1], of 10 ms
    sums: Tensor  # [1, batch], of the samples removed
    energies: Tensor  # [1, batch], of the same
    samples: Tensor  # [1, 1]


class ObservationAdding:
    """Mixes enhanced audio with the noisy audio that it was made of, if that was clean.

    How clean a second of a recording is depends on it, the minute before and the
    minute after it; of a recording of a minute that is the whole of it. The measure is
    the ratio of the mean power of what was kept to the squared mean amplitude of what
    was removed, in pieces of 100 ms: a bang counts less than a constant noise. But
    where a bang was removed, no more comes back than ``loudest_db`` allows.

    The result does not depend on how the audio was cut into pieces. A little more than
    a minute of it is held.

    Arguments
    ---------
    share : float
        0 to 1, of the noisy audio, where it is clean. 0 holds nothing.
    from_db, full_db : float
        Ratio of kept to removed, dB, from which some is added, and from which the
        whole ``share``.
    loudest_db : float
        The most that comes back in 100 ms, dB relative to the mean power of what was
        kept.
    around : int
        Seconds before and after a second that it is judged by.

    Example
    -------
    >>> adding = ObservationAdding(share=0.5)
    >>> noisy = torch.randn(1, 50000)
    >>> enhanced = noisy * 0.98  # 34 dB less was removed than kept
    >>> adding.push(noisy)
    >>> mixed = torch.cat([adding.pull(enhanced), adding.flush()], 1)
    >>> bool(torch.allclose(mixed, noisy * 0.99))
    True
    """

    def __init__(
        self,
        share: float = 0.3,
        from_db: float = 23.0,
        full_db: float = 28.0,
        loudest_db: float = -20.0,
        around: int = 60,
    ):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share is a number from 0 to 1, not {share}")
        if not from_db < full_db or around < 0:
            raise ValueError(
                f"from_db {from_db} must be less than full_db {full_db}, and around "
                f"{around} not less than 0"
            )
        self.share, self.from_db, self.full_db = share, from_db, full_db
        self.loudest_db, self.around = loudest_db, around
        self.stft = CausalSTFT().float()
        self._reset()

    def _reset(self) -> None:
        self._noisy: Tensor | None = None  # whose enhanced audio has not come yet
        # Noisy and enhanced, history first, [2, batch, 320 + n].
        self._pair: Tensor | None = None
        # Seconds that were measured, [2, batch, 16000].
        self._waiting: deque[Tensor] = deque()
        # Of these, and of as many before as are needed.
        self._measured: deque[_Measured] = deque()
        self._past = 0  # how many of the measured do not wait any more
        self._edge: Tensor | None = None  # share at the end of the last second, [batch]
        self._offset_edge: Tensor | None = None  # and offset

    def push(self, noisy: Tensor) -> None:
        """Take noisy audio ``[batch, n]`` at 16 kHz."""
        noisy = noisy.float()
        if self._noisy is None:
            self._noisy = noisy[:, :0]
        if self.share:
            self._noisy = torch.cat([self._noisy, noisy], 1)

    def pull(self, enhanced: Tensor) -> Tensor:
        """Take the next enhanced audio, ``[batch, m]``, no more than was pushed; return
        what is finished, ``[batch, k]``: whole seconds, none within the first minute.
        """
        if not self.share or self._noisy is None:
            return enhanced
        count = enhanced.shape[1]
        pair = torch.stack([self._noisy[:, :count], enhanced])
        self._noisy = self._noisy[:, count:]
        if self._pair is None:
            self._pair = pair.new_zeros(2, pair.shape[1], HISTORY)
        self._pair = torch.cat([self._pair, pair], 2)
        while self._pair.shape[2] >= HISTORY + SAMPLE_RATE:
            self._measure(self._pair[:, :, : HISTORY + SAMPLE_RATE])
            self._pair = self._pair[:, :, SAMPLE_RATE:]
        ready = []
        while len(self._waiting) > self.around + 1:  # the next one's share is needed
            ready.append(self._next())
        return torch.cat([enhanced[:, :0], *ready], 1)

    def flush(self) -> Tensor:
        """Return the rest ``[batch, k]``. The next `push` begins a new recording."""
        if self._noisy is None:
            raise ValueError("Nothing was pushed.")
        nothing = self._noisy[:, :0]
        if self._pair is not None and self._pair.shape[2] > HISTORY:
            self._measure(self._pair)
        left = [self._next() for _ in range(len(self._waiting))]
        audio = torch.cat([nothing, *left], 1)
        self._reset()
        return audio

    def whole(self, noisy: Tensor, enhanced: Tensor) -> Tensor:
        """Whole recordings at once, ``[batch, time]`` both."""
        if not self.share:
            return enhanced
        self.push(noisy)
        return torch.cat([self.pull(enhanced), self.flush()], 1)

    def _measure(self, pair: Tensor) -> None:
        """Measure a second, or the last part of one, that comes after its history."""
        self._waiting.append(pair[:, :, HISTORY:])
        enhanced, removed = pair[1], pair[0] - pair[1]
        new = removed[:, HISTORY:].double()
        removed = removed - new.mean(1, keepdim=True).to(removed)
        signals = pad(torch.cat([enhanced, removed]), (0, -pair.shape[2] % HOP))
        spectra = self.stft.to(signals.device).analyse(signals)[:, :, _LOWEST_BIN:]
        powers = spectra.double().square().sum((2, 3))  # [2 * batch, steps]
        pieces = powers.split(_PIECE // HOP, 1)
        means = torch.stack([power.mean(1) for power in pieces])
        kept, taken = means.chunk(2, 1)
        steps = means.new_tensor([[float(power.shape[1])] for power in pieces])
        sums, energies = new.sum(1)[None], new.square().sum(1)[None]
        samples = means.new_tensor([[float(new.shape[1])]])
        self._measured.append(_Measured(kept, taken, steps, sums, energies, samples))

    def _next(self) -> Tensor:
        """Mix the oldest second that was not returned."""
        shares = following = self._shares(self._past)
        offset = next_offset = self._offset(self._past)
        if len(self._waiting) > 1:
            following = self._shares(self._past + 1)[:1]
            next_offset = self._offset(self._past + 1)
        # Where two pieces meet the lesser share counts; from edge to edge it is a line.
        ends = torch.minimum(shares, torch.cat([shares[1:], following[-1:]]))
        first = shares[:1] if self._edge is None else self._edge
        self._edge = ends[-1:]
        noisy, enhanced = self._waiting.popleft()
        place = torch.arange(1, _PIECE + 1, device=noisy.device) / _PIECE
        weight = _lines(torch.cat([first, ends]), place)[:, : noisy.shape[1]]
        begin = offset if self._offset_edge is None else self._offset_edge
        self._offset_edge = (offset + next_offset) / 2
        place = torch.arange(1, noisy.shape[1] + 1, device=noisy.device) / SAMPLE_RATE
        offsets = _lines(torch.stack([begin, self._offset_edge]), place)
        self._past += 1
        if self._past > self.around:
            self._measured.popleft()
            self._past -= 1
        return enhanced + weight * (noisy - enhanced - offsets)

    def _near(self, place: int) -> list[Tensor]:
        """What was measured around a second, the columns of `_Measured`."""
        near = list(self._measured)[max(place - self.around, 0) :][
            : min(place, self.around) + self.around + 1
        ]
        return [torch.cat(column) for column in zip(*near, strict=True)]

    def _offset(self, place: int) -> Tensor:
        """Constant offset that was removed around a second, ``[batch]``; mostly 0."""
        *_, sums, energies, samples = self._near(place)
        count = samples.sum()
        mean, power = sums.sum(0) / count, energies.sum(0) / count + 1e-30
        chance = 16 / count  # the square of a mean of so many samples, 4 sigma
        part = (mean.square() / power - chance).clamp(min=0).sqrt()
        return mean * (part / _OFFSET - 1).clamp(0, 1)

    def _shares(self, place: int) -> Tensor:
        """Shares of the pieces of a measured second, ``[pieces, batch]``."""
        kept, removed, steps, *_ = self._near(place)
        kept = (kept * steps).sum(0) / steps.sum() + 1e-30
        amplitude = (removed.sqrt() * steps).sum(0) / steps.sum()
        ratio = 10 * torch.log10(kept / (amplitude.square() + 1e-30))
        clean = (ratio - self.from_db) / (self.full_db - self.from_db)
        loudest = 10 ** (self.loudest_db / 20)
        limit = loudest * (kept / (self._measured[place].removed + 1e-30)).sqrt()
        return torch.minimum(self.share * clean.clamp(0, 1), limit)


def _lines(corners: Tensor, place: Tensor) -> Tensor:
    """Between corners ``[n + 1, batch]``, at places 0..1: ``[batch, n places]``."""
    begins, ends = corners[:-1, :, None], corners[1:, :, None]
    return (begins + (ends - begins) * place).transpose(0, 1).flatten(1).float()
