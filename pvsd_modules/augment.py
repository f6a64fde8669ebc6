"""What a recording goes through on its way to a user: rooms, microphones, levels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE


@dataclass
class Augmenter:
    """Chances and ranges of everything that may happen to a training item.

    Arguments
    ---------
    equaliser_db : float
        Largest boost or cut of the random smooth filters on speech and on noise.
    reverberation : float
        Chance of a synthetic room on the speech (the target hears the same room:
        the denoiser is not asked to dereverberate).
    narrowband : float
        Chance that the whole mixture is low-passed somewhere from 3 to 7 kHz.
    clipping : float
        Chance that the noisy signal is clipped.
    level_db : tuple of float
        Range of the mixture's root mean square level, dB relative to full scale.
    second_noise : float
        Chance of a second noise on top of the first.
    clean_only, noise_only : float
        Chances of an item without noise and of one without speech.
    intermittent : float
        Chance that the noise pauses for up to 2 s.
    silent_start : float
        Chance that the recording begins with up to 1.5 s of digital silence.
    """

    equaliser_db: float = 6.0
    reverberation: float = 0.25
    narrowband: float = 0.1
    clipping: float = 0.05
    level_db: tuple = (-50.0, -10.0)
    second_noise: float = 0.2
    clean_only: float = 0.03
    noise_only: float = 0.02
    intermittent: float = 0.2
    silent_start: float = 0.1

    def colour(self, wav: Tensor, random: np.random.Generator, room=False) -> Tensor:
        """A random smooth filter and, if asked for, a random room on ``[time]``."""
        size = _fast_length(len(wav) + (8000 if room else 800))
        spectrum = torch.fft.rfft(wav, n=size)
        points = random.uniform(-self.equaliser_db, self.equaliser_db, 8)
        curve = np.interp(
            np.linspace(0, 1, len(spectrum)) ** 0.5, np.linspace(0, 1, 8), points
        )
        response = torch.from_numpy(10 ** (curve / 20)).float()
        if room:
            response = response * torch.fft.rfft(room_response(random), n=size)
        return torch.fft.irfft(spectrum * response, n=size)[: len(wav)]

    def interrupt(self, noisy: Tensor, clean: Tensor, random: np.random.Generator):
        """Noise that comes and goes, and recordings that begin with silence.

        A network that only ever heard steady noise takes what begins after a pause for
        speech.

        Arguments
        ---------
        noisy, clean : Tensor
            ``[time]``.
        random : numpy.random.Generator

        Returns
        -------
        Tensor, Tensor
            Noisy and clean, ``[time]``.
        """
        length = len(noisy)
        if random.random() < self.intermittent:
            seconds = random.uniform(0.2, 2.0)
            middle = random.uniform(0, length / SAMPLE_RATE)
            rest = 0.0 if random.random() < 0.5 else 10 ** (-random.uniform(1, 2))
            gate = _pause(length, middle - seconds / 2, middle + seconds / 2, rest)
            noisy = clean + gate * (noisy - clean)
        if random.random() < self.silent_start:
            gate = _pause(length, -1.0, random.uniform(0.1, 1.5), 0.0)
            noisy, clean = noisy * gate, clean * gate
        return noisy, clean

    def finish(self, noisy: Tensor, clean: Tensor, random: np.random.Generator):
        """Bandwidth, level and clipping, in the order in which a device applies them.

        Arguments
        ---------
        noisy, clean : Tensor
            ``[time]``.
        random : numpy.random.Generator

        Returns
        -------
        Tensor, Tensor
            Noisy and clean, ``[time]``.
        """
        if random.random() < self.narrowband:
            cutoff = random.uniform(3000, 7000)
            noisy, clean = (low_pass(x, cutoff) for x in (noisy, clean))
        power = float(noisy.square().mean())
        if power > 1e-12:
            level = random.uniform(*self.level_db)
            gain = 10 ** (level / 20) / power**0.5
            # A mixture beyond full scale is what `clipping` is for: keep the peak.
            gain = min(gain, 0.99 / float(noisy.abs().max()))
            noisy, clean = noisy * gain, clean * gain
        if random.random() < self.clipping:
            limit = float(noisy.abs().max()) * random.uniform(0.2, 0.8)
            noisy = noisy.clamp(-limit, limit)
        return noisy, clean


def room_response(random: np.random.Generator) -> Tensor:
    """Direct sound and an exponentially decaying tail, ``[n]`` (Polack 1988)."""
    decay = random.uniform(0.1, 0.6)  # seconds to -60 dB
    samples = int(min(decay, 0.5) * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    tail = random.standard_normal(samples) * 10 ** (-3 * time / decay)
    tail[: int(0.0025 * SAMPLE_RATE)] = 0.0
    ratio = 10 ** (-random.uniform(0, 15) / 20)  # tail against direct sound
    tail *= ratio / max(np.sqrt((tail**2).sum()), 1e-9)
    tail[0] = 1.0
    return torch.from_numpy(tail).float()


def _pause(length: int, begin: float, end: float, rest: float) -> Tensor:
    """Gains, ``[length]``: ``rest`` from ``begin`` to ``end`` s, ramps of 5 ms."""
    time = torch.arange(length) / SAMPLE_RATE
    inside = torch.minimum(time - begin, end - time) / 0.005
    return 1 - (1 - rest) * inside.clamp(0, 1)


def low_pass(wav: Tensor, cutoff: float) -> Tensor:
    """Removes what lies above ``cutoff`` Hz (raised-cosine edge of 300 Hz)."""
    size = _fast_length(len(wav) + 800)
    spectrum = torch.fft.rfft(wav, n=size)
    hertz = torch.linspace(0, SAMPLE_RATE / 2, len(spectrum))
    edge = ((hertz - cutoff) / 300).clamp(0, 1)
    kept = spectrum * (0.5 + 0.5 * torch.cos(torch.pi * edge))
    return torch.fft.irfft(kept, n=size)[: len(wav)]


def _fast_length(n: int) -> int:
    """The next multiple of a large power of two: quick to transform."""
    return -(-n // 4096) * 4096
