"""Gives recordings that are nearly clean some of what was taken from them back.

Where there is little noise, what an enhancer takes may as well be a faint part of the
recording: rumble, a hum, a breath. To add some of the observed signal to the enhanced
one is known as observation adding (Iwamoto et al. 2022, "How bad are artifacts?", for
speech recognition). Here the share follows from how much was taken.
"""

from collections import deque
from typing import NamedTuple

import torch
from torch.nn.functional import pad

from pvsd_modules.alignment import HOP, SAMPLE_RATE
from pvsd_modules.models.open.spectra import WINDOW, CausalSTFT

_HISTORY = WINDOW - HOP  # samples before a second that its first spectra see
_LOWEST_BIN = 4  # 133 Hz: what lies below says little of the noise in speech
_PIECE = SAMPLE_RATE // 10  # samples over which the loudness of what was taken is told


class _Measured(NamedTuple):
    """What is known of a second: powers, summed over frequencies."""

    kept: torch.Tensor  # [pieces, batch]
    taken: torch.Tensor  # [pieces, batch]
    steps: torch.Tensor  # [pieces, 1], of 10 ms


class ObservationAdding:
    """Mixes enhanced audio with the noisy audio that it was made of, if that was clean.

    How clean a second of a recording is, the minute before it, itself and the minute
    after it tell; of a recording of a minute that is the whole of it. The measure is
    the ratio of the mean power of what was kept to the squared mean amplitude of what
    was taken, in pieces of 100 ms: a bang counts less than a noise that stays. But
    where a bang was taken, no more comes back than ``loudest_db`` allows.

    The result does not depend on how the audio was cut into pieces. A little more than
    a minute of it is held.

    Arguments
    ---------
    share : float
        0 to 1, of the noisy audio, where it is clean. 0 holds nothing.
    from_db, full_db : float
        Ratio of kept to taken, dB, from which some is added, and from which ``share``.
    loudest_db : float
        The most that comes back in 100 ms, dB relative to the mean power of what was
        kept.
    around : int
        Seconds before and after a second that it is judged by.

    Example
    -------
    >>> adding = ObservationAdding(share=0.5)
    >>> noisy = torch.randn(1, 50000)
    >>> enhanced = noisy * 0.98  # 34 dB less was taken than kept
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
        self.stft = CausalSTFT()
        self._reset()

    def _reset(self) -> None:
        # Noisy audio whose enhanced audio has not come yet, [batch, n].
        self._noisy: torch.Tensor | None = None
        # Noisy and enhanced audio, history first, [2, batch, 320 + n].
        self._pair: torch.Tensor | None = None
        # Seconds that were measured, [2, batch, 16000].
        self._waiting: deque[torch.Tensor] = deque()
        # What was measured of these, and of as many before as are needed.
        self._measured: deque[_Measured] = deque()
        self._past = 0  # how many of the measured do not wait any more
        # Share at the end of the second given last, [batch].
        self._edge: torch.Tensor | None = None

    def push(self, noisy: torch.Tensor) -> None:
        """Take noisy audio ``[batch, n]`` at 16 kHz."""
        held = noisy[:, :0].float() if self._noisy is None else self._noisy
        self._noisy = torch.cat([held, noisy.float()], 1) if self.share else held

    def pull(self, enhanced: torch.Tensor) -> torch.Tensor:
        """Take the next enhanced audio, give what is finished.

        Arguments
        ---------
        enhanced : torch.Tensor
            ``[batch, m]``, no more than was pushed.

        Returns
        -------
        torch.Tensor
            ``[batch, k]``: whole seconds, none within the first minute.
        """
        if not self.share:
            return enhanced
        if self._noisy is None:
            raise ValueError("Nothing was pushed.")
        count = enhanced.shape[1]
        pair = torch.stack([self._noisy[:, :count], enhanced])
        self._noisy = self._noisy[:, count:]
        if self._pair is None:
            self._pair = pair.new_zeros(2, pair.shape[1], _HISTORY)
        self._pair = torch.cat([self._pair, pair], 2)
        while self._pair.shape[2] >= _HISTORY + SAMPLE_RATE:
            self._measure(self._pair[:, :, : _HISTORY + SAMPLE_RATE])
            self._pair = self._pair[:, :, SAMPLE_RATE:]
        ready = []
        while len(self._waiting) > self.around + 1:  # the next one's share is needed
            ready.append(self._give())
        return torch.cat([enhanced[:, :0], *ready], 1)

    def flush(self) -> torch.Tensor:
        """Give the rest ``[batch, k]``. The next `push` begins a new recording."""
        if self._noisy is None:
            raise ValueError("Nothing was pushed.")
        nothing = self._noisy[:, :0]
        if self._pair is not None and self._pair.shape[2] > _HISTORY:
            self._measure(self._pair)
        left = [self._give() for _ in range(len(self._waiting))]
        audio = torch.cat([nothing, *left], 1)
        self._reset()
        return audio

    def whole(self, noisy: torch.Tensor, enhanced: torch.Tensor) -> torch.Tensor:
        """Whole recordings at once, ``[batch, time]`` both."""
        if not self.share:
            return enhanced
        self.push(noisy)
        return torch.cat([self.pull(enhanced), self.flush()], 1)

    def _measure(self, pair: torch.Tensor) -> None:
        """Measure a second, or the last part of one, that comes after its history."""
        self._waiting.append(pair[:, :, _HISTORY:])
        noisy, enhanced = pad(pair, (0, -pair.shape[2] % HOP))
        signals = torch.cat([enhanced, noisy - enhanced])
        spectra = self.stft.to(signals.device).analyse(signals)[:, :, _LOWEST_BIN:]
        powers = spectra.double().square().sum((2, 3))  # [2 * batch, steps]
        powers = powers.split(_PIECE // HOP, 1)
        means = torch.stack([power.mean(1) for power in powers])
        steps = [[float(power.shape[1])] for power in powers]
        kept, taken = means.chunk(2, 1)
        self._measured.append(_Measured(kept, taken, means.new_tensor(steps)))

    def _give(self) -> torch.Tensor:
        """Mix the oldest second that was not given."""
        shares = following = self._shares(self._past)
        if len(self._waiting) > 1:
            following = self._shares(self._past + 1)[:1]
        # Where two pieces meet the lesser share counts; from edge to edge it is a line.
        ends = torch.minimum(shares, torch.cat([shares[1:], following[-1:]]))
        first = shares[:1] if self._edge is None else self._edge
        self._edge = ends[-1:]
        begins = torch.cat([first, ends[:-1]])
        noisy, enhanced = self._waiting.popleft()
        self._past += 1
        if self._past > self.around:
            self._measured.popleft()
            self._past -= 1
        place = torch.arange(1, _PIECE + 1, device=noisy.device) / _PIECE
        weight = begins[..., None] + (ends - begins)[..., None] * place
        weight = weight.transpose(0, 1).flatten(1)[:, : noisy.shape[1]].float()
        return enhanced + weight * (noisy - enhanced)

    def _shares(self, place: int) -> torch.Tensor:
        """Shares of the pieces of a measured second, ``[pieces, batch]``."""
        first = max(place - self.around, 0)
        near = list(self._measured)[first : place + self.around + 1]
        kept, taken, steps = (torch.cat(column) for column in zip(*near, strict=True))
        kept = (kept * steps).sum(0) / steps.sum() + 1e-30
        amplitude = (taken.sqrt() * steps).sum(0) / steps.sum()
        ratio = 10 * torch.log10(kept / (amplitude.square() + 1e-30))
        clean = (ratio - self.from_db) / (self.full_db - self.from_db)
        loudest = 10 ** (self.loudest_db / 20)
        limit = loudest * (kept / (self._measured[place].taken + 1e-30)).sqrt()
        return torch.minimum(self.share * clean.clamp(0, 1), limit)
