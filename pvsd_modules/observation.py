"""Gives recordings that are nearly clean some of what was taken from them back.

Where there is little noise, what an enhancer takes may as well be a faint part of the
recording: rumble, a bang, a breath. To add some of the observed signal to the enhanced
one is known as observation adding (Iwamoto et al. 2022, "How bad are artifacts?", for
speech recognition). Here the share follows from how much was taken.
"""

from collections import deque

import torch

from pvsd_modules.alignment import HOP, SAMPLE_RATE
from pvsd_modules.spectra import WINDOW, CausalSTFT

_HISTORY = WINDOW - HOP  # samples before a second that its first spectra see
_LOWEST_BIN = 4  # 133 Hz: what lies below says little of the noise in speech


class ObservationAdding:
    """Mixes enhanced audio with the noisy audio that it was made of, if that was clean.

    How clean a second of a recording is, the ratio of what was kept to what was taken
    in the minute before it, in it, and in the minute after it tells; of a recording of
    a minute that is the whole of it. The result does not depend on how the audio was
    cut into pieces. A little more than a minute of it is held.

    Arguments
    ---------
    share : float
        0 to 1, of the noisy audio, where it is clean. 0 holds nothing.
    from_db, full_db : float
        Ratio of kept to taken, dB, from which some is added, and from which ``share``.
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
        from_db: float = 21.0,
        full_db: float = 26.0,
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
        self.around = around
        self.stft = CausalSTFT()
        self._reset()

    def _reset(self) -> None:
        self._noisy = None  # whose enhanced audio has not come yet, [batch, n]
        self._pair = None  # noisy and enhanced, history first, [2, batch, 320 + n]
        self._seconds = deque()  # judged but not given, [2, batch, 16000]
        self._energies = deque()  # kept and taken in seconds still needed, [2, batch]
        self._given = 0  # seconds
        self._before = None  # share of the second given last, [batch]

    def push(self, noisy: torch.Tensor) -> None:
        """Take noisy audio ``[batch, n]`` at 16 kHz."""
        if self.share:
            noisy = noisy.float()
            held = noisy[:, :0] if self._noisy is None else self._noisy
            self._noisy = torch.cat([held, noisy], 1)

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
        count = enhanced.shape[1]
        pair = torch.stack([self._noisy[:, :count], enhanced])
        self._noisy = self._noisy[:, count:]
        if self._pair is None:
            self._pair = pair.new_zeros(2, pair.shape[1], _HISTORY)
        self._pair = torch.cat([self._pair, pair], 2)
        while self._pair.shape[2] >= _HISTORY + SAMPLE_RATE:
            self._judge(self._pair[:, :, : _HISTORY + SAMPLE_RATE])
            self._pair = self._pair[:, :, SAMPLE_RATE:]
        ready = []
        while len(self._seconds) > self.around:
            ready.append(self._give())
        return torch.cat([enhanced[:, :0], *ready], 1)

    def flush(self) -> torch.Tensor:
        """Give the rest ``[batch, k]``. The next `push` begins a new recording."""
        if self._pair is None:
            return torch.zeros(1, 0)
        if self._pair.shape[2] > _HISTORY:
            self._judge(self._pair)
        left = [self._give() for _ in range(len(self._seconds))]
        audio = torch.cat([self._pair[0, :, :0], *left], 1)
        self._reset()
        return audio

    def whole(self, noisy: torch.Tensor, enhanced: torch.Tensor) -> torch.Tensor:
        """Whole recordings at once, ``[batch, time]`` both."""
        if not self.share:
            return enhanced
        self.push(noisy)
        return torch.cat([self.pull(enhanced), self.flush()], 1)

    def _judge(self, pair: torch.Tensor) -> None:
        """Measure a second, or the last piece, that comes after its history."""
        self._seconds.append(pair[:, :, _HISTORY:])
        noisy, enhanced = torch.nn.functional.pad(pair, (0, -pair.shape[2] % HOP))
        signals = torch.cat([enhanced, noisy - enhanced])
        spectra = self.stft.to(signals.device).analyse(signals)[:, :, _LOWEST_BIN:]
        energies = spectra.double().square().sum((1, 2, 3))
        self._energies.append(energies.view(2, -1))

    def _give(self) -> torch.Tensor:
        """Mix the oldest second that was not given."""
        first = max(self._given - self.around, 0)
        place = self._given - first
        known = list(self._energies)[: place + self.around + 1]
        share = self._share(*torch.stack(known).sum(0))
        if self._given >= self.around:
            self._energies.popleft()
        self._given += 1
        noisy, enhanced = self._seconds.popleft()
        before = share if self._before is None else self._before
        self._before = share
        # From the share before to the new one within the second: no step is heard.
        ramp = torch.arange(1, noisy.shape[1] + 1, device=noisy.device) / SAMPLE_RATE
        weight = before[:, None] + (share - before)[:, None] * ramp
        return enhanced + weight * (noisy - enhanced)

    def _share(self, kept: torch.Tensor, taken: torch.Tensor) -> torch.Tensor:
        ratio = 10 * torch.log10((kept + 1e-30) / (taken + 1e-30))
        place = (ratio - self.from_db) / (self.full_db - self.from_db)
        return (self.share * place.clamp(0, 1)).float()
