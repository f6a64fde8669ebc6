"""What a recording goes through on its way to a user: rooms, microphones, levels."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE


@dataclass
class Augmenter:
    """Probabilities and ranges of the changes to a training item.

    Arguments
    ---------
    equaliser_db : float
        Largest boost or cut of the random smooth filters on speech and on noise.
    reverberation : float
        Chance of a synthetic room on the speech (the target has the same room:
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
    noise_speed, speech_speed : tuple of float
        Ranges of the factor by which the playing speed, and with it pitch and
        formants, of noise and of speech is changed.
    noise_speed_chance, speech_speed_chance : float
        How often that happens.
    machine_noise : float
        Chance that a noise is not a recording but `synthetic hiss and hum
        <pvsd_modules.data.augmentation.machine_noise>`.
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
    noise_speed: tuple = (0.6, 1.6)
    noise_speed_chance: float = 0.4
    speech_speed: tuple = (0.87, 1.15)
    speech_speed_chance: float = 0.25
    machine_noise: float = 0.06

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

    def source_samples(
        self, samples: int, random: np.random.Generator, speech: bool
    ) -> int:
        """How many samples are to be read for ``samples`` at a random speed."""
        chance = self.speech_speed_chance if speech else self.noise_speed_chance
        if random.random() >= chance:
            return samples
        low, high = self.speech_speed if speech else self.noise_speed
        factor = low * (high / low) ** random.random()
        # A multiple of 640 has no large prime factors: quick to transform.
        return max(1, round(factor * samples / 640)) * 640

    def interrupt(self, noisy: Tensor, clean: Tensor, random: np.random.Generator):
        """Noise that comes and goes, and recordings that begin with silence.

        A network that was trained on steady noise only takes what begins after a
        pause for speech.

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


def machine_noise(samples: int, random: np.random.Generator) -> Tensor:
    """Hiss of a random slope, and often hum of the mains, ``[samples]``.

    What recorders and cables add. The slope of the power lies between that of Brownian
    and that of blue noise; the hum has 50 or 60 Hz and harmonics that fade.
    """
    size = _fast_length(samples)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    slope = random.uniform(-2.0, 1.0)
    shape = np.maximum(hertz, 30.0) ** (slope / 2)
    phases = random.uniform(0, 2 * np.pi, len(hertz))
    noise = np.fft.irfft(shape * np.exp(1j * phases), size)[:samples]
    noise /= max(noise.std(), 1e-9)
    if random.random() < 0.5:
        base = 50.0 if random.random() < 0.5 else 60.0
        count = int(random.integers(1, 20))
        levels = 10 ** (-np.arange(count) * random.uniform(0.0, 6.0) / 20)
        levels *= random.uniform(0.1, 1.0, count)
        turns = np.arange(1, count + 1)[:, None] * base * np.arange(samples)
        turns = turns / SAMPLE_RATE + random.random((count, 1))
        hum = (levels[:, None] * np.sin(2 * np.pi * turns)).sum(0)
        hum /= max(hum.std(), 1e-9)
        noise += hum * 10 ** (random.uniform(-10, 20) / 20)
    return torch.from_numpy(0.1 * noise).float()


def at_speed(wav: Tensor, samples: int) -> Tensor:
    """Plays ``[time]`` in ``[samples]``: band-limited interpolation by FFT."""
    if len(wav) == samples:
        return wav
    spectrum = torch.fft.rfft(wav)
    return torch.fft.irfft(spectrum, samples) * (samples / len(wav))


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
