"""What a recording goes through on its way to a user: rooms, microphones, levels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import fft
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.drawn import POINTS, Colour, Drawn, Finish, Pause, draw_burst
from pvsd_modules.data.effects import fast_length


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
        Chance that the whole mixture is low-passed.
    narrowband_hz : tuple of float
        Range of the frequency above which nothing is left then.
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
    narrowband_hz: tuple = (3000.0, 7000.0)
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

    def draw(
        self,
        random: np.random.Generator,
        samples: int,
        speech: Tensor,
        start: int,
        noise: Callable[[], Tensor],
        snr: Callable[[], float],
        bursts: bool,
    ) -> Drawn:
        """All choices of an item.

        Arguments
        ---------
        random : numpy.random.Generator
        samples : int
            Length of the item.
        speech : Tensor
            ``[read]``.
        start : int
            See `Drawn`.
        noise, snr : callable
            Draw a noise, ``[read]``, and a ratio in dB.
        bursts : bool
            Whether there is a burst.
        """
        room = random.random() < self.reverberation
        drawn = Drawn(start, speech, colours=[self.draw_colour(random, room)])

        def add_noise():
            """Draws a noise and its filter."""
            drawn.noises.append(noise())
            drawn.colours.append(self.draw_colour(random))

        add_noise()
        if random.random() < self.second_noise:
            add_noise()
            drawn.noise_ratio = random.uniform(-5, 15)
        chance = random.random()
        if chance < self.clean_only:
            drawn.content = "clean"
        elif chance < self.clean_only + self.noise_only:
            drawn.content = "noise"
        else:
            drawn.snr = snr()
        if bursts:
            drawn.burst = draw_burst(samples, random)
        drawn.interruption, drawn.silence = self.draw_pauses(random, samples)
        drawn.finish = self.draw_finish(random)
        return drawn

    def draw_colour(self, random: np.random.Generator, room: bool = False) -> Colour:
        """A random smooth filter and, if asked for, a random room."""
        decibels = random.uniform(-self.equaliser_db, self.equaliser_db, POINTS)
        return Colour(decibels, room_response(random) if room else None)

    def draw_pauses(self, random: np.random.Generator, samples: int):
        """Pauses of the noise, and of the whole recording at its beginning.

        A network that was trained on steady noise only takes what begins after a pause
        for speech.
        """
        interruption, silence = Pause(), Pause()
        if random.random() < self.intermittent:
            half = random.uniform(0.2, 2.0) / 2
            middle = random.uniform(0, samples / SAMPLE_RATE)
            rest = 0.0 if random.random() < 0.5 else 10 ** (-random.uniform(1, 2))
            interruption = Pause(middle - half, middle + half, rest)
        if random.random() < self.silent_start:
            silence = Pause(-1.0, random.uniform(0.1, 1.5), 0.0)
        return interruption, silence

    def draw_finish(self, random: np.random.Generator) -> Finish:
        """Bandwidth, level and clipping."""
        finish = Finish()
        if random.random() < self.narrowband:
            finish.cutoff = random.uniform(*self.narrowband_hz)
        finish.level_db = random.uniform(*self.level_db)
        if random.random() < self.clipping:
            finish.clip = random.uniform(0.2, 0.8)
        return finish

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


def room_response(random: np.random.Generator) -> Tensor:
    """Direct sound and an exponentially decaying tail, ``[n]`` (Polack 1988)."""
    return room_responses(random, 1)[0]


def room_responses(random: np.random.Generator, count: int) -> list[Tensor]:
    """Responses of one room at random distances: the tails decay equally fast."""
    decay = random.uniform(0.1, 0.6)  # seconds to -60 dB
    return [_room_response(random, decay) for _ in range(count)]


def _room_response(random: np.random.Generator, decay: float) -> Tensor:
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
    size = fast_length(samples)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    slope = random.uniform(-2.0, 1.0)
    shape = np.exp(np.log(np.maximum(hertz, 30.0)) * np.float32(slope / 2))
    turns = random.random(len(hertz), np.float32) * np.float32(2 * np.pi)
    spectrum = np.empty(len(hertz), np.complex64)
    spectrum.real, spectrum.imag = shape * np.cos(turns), shape * np.sin(turns)
    noise = fft.irfft(spectrum, size)[:samples]
    noise /= max(noise.std(), 1e-9)
    if random.random() < 0.5:
        base = 50.0 if random.random() < 0.5 else 60.0
        count = int(random.integers(1, 20))
        levels = 10 ** (-np.arange(count) * random.uniform(0.0, 6.0) / 20)
        levels *= random.uniform(0.1, 1.0, count)
        # Both 50 and 60 Hz repeat after 0.1 s, and so do all their harmonics.
        turns = np.arange(1, count + 1)[:, None] * base * np.arange(SAMPLE_RATE // 10)
        turns = turns / SAMPLE_RATE + random.random((count, 1))
        hum = (levels[:, None] * np.sin(2 * np.pi * turns)).sum(0)
        hum *= 10 ** (random.uniform(-10, 20) / 20) / max(hum.std(), 1e-9)
        noise += np.resize(hum.astype(np.float32), samples)
    return torch.from_numpy(np.float32(0.1) * noise)
