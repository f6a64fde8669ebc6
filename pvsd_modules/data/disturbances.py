"""Sounds that are no recordings of noise: wind, handling, clicks, offsets, gaps.

All take the length in samples and a generator of random numbers, and give a signal
``[time]`` of root mean square 0.1 (but for `clicks`, whose loudest sample is 1).
"""

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE


def wind(samples: int, random: np.random.Generator) -> Tensor:
    """Wind at a microphone: noise below a few hundred Hz that swells in gusts.

    The power falls with the frequency, steeper above a corner that moves from
    recording to recording (after Nelke & Vary, "Measurement, Analysis and Simulation
    of Wind Noise Signals", 2014); gusts last from a quarter to some seconds.
    """
    corner = random.uniform(60, 500)
    noise = _shaped(
        samples,
        random,
        lambda hertz: (
            1 / np.maximum(hertz, 15.0) ** 0.5 / (1 + (hertz / corner) ** 4) ** 0.5
        ),
    )
    return _unit(noise * _gusts(samples, random, random.uniform(0.25, 2.0)))


def rumble(samples: int, random: np.random.Generator) -> Tensor:
    """What lies below speech: traffic and machines, 5 to 80 Hz, steady or in bumps."""
    top = random.uniform(25, 90)
    noise = _shaped(
        samples,
        random,
        lambda hertz: (hertz > 4) / (1 + (hertz / top) ** 8),
    )
    if random.random() < 0.5:
        noise = noise * _gusts(samples, random, random.uniform(0.1, 1.0))
    return _unit(noise)


def handling(samples: int, random: np.random.Generator) -> Tensor:
    """Knocks and rubbing on the device: bursts below some hundred Hz that decay."""
    out = np.zeros(samples)
    for _ in range(int(random.integers(1, 6))):
        length = int(random.uniform(0.03, 0.4) * SAMPLE_RATE)
        top = random.uniform(80, 600)
        burst = _shaped(
            length, random, lambda hertz, top=top: 1 / (1 + (hertz / top) ** 4)
        )
        burst *= np.exp(-np.arange(length) / (length * random.uniform(0.1, 0.4)))
        burst *= 10 ** (-random.uniform(0, 15) / 20)
        start = int(random.integers(samples))
        out[start : start + length] += burst[: samples - start]
    return _unit(out)


def clicks(samples: int, random: np.random.Generator) -> Tensor:
    """1 to 12 clicks, from single samples to 10 ms long."""
    out = np.zeros(samples)
    for _ in range(int(random.integers(1, 13))):
        length = int(SAMPLE_RATE * 0.01 ** random.uniform(1.0, 2.0)) + 1
        click = random.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
        click[0] = random.choice([-1.0, 1.0])
        start = int(random.integers(samples))
        gain = 10 ** (-random.uniform(0, 20) / 20) / np.abs(click).max()
        out[start : start + length] += gain * click[: samples - start]
    return torch.from_numpy(out / max(np.abs(out).max(), 1e-9)).float()


def gaps(
    samples: int,
    random: np.random.Generator,
    shortest: float,
    longest: float,
    most: int,
) -> Tensor:
    """Gains, ``[time]``: 1, and 0 in one to ``most`` gaps with edges of 2 ms, whose
    lengths in seconds are between the two."""
    gain = np.ones(samples, np.float32)
    edge = SAMPLE_RATE // 500
    for _ in range(int(random.integers(1, most + 1))):
        length = int(random.uniform(shortest, longest) * SAMPLE_RATE)
        start = int(random.integers(max(1, samples - length)))
        rest = np.zeros(length, np.float32)
        ramp = np.linspace(1, 0, edge, dtype=np.float32)[: length // 2]
        rest[: len(ramp)], rest[length - len(ramp) :] = ramp, ramp[::-1]
        part = gain[start : start + length]
        part *= rest[: len(part)]
    return torch.from_numpy(gain)


def _shaped(samples: int, random: np.random.Generator, shape) -> np.ndarray:
    """Gaussian noise with the spectral magnitudes ``shape(hertz)``."""
    size = -(-samples // 512) * 512
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    # Nothing is left of these sounds above 4 kHz: do not draw it.
    kept = int(np.searchsorted(hertz, 4000.0))
    spectrum = np.zeros(len(hertz), complex)
    spectrum[:kept] = random.standard_normal(2 * kept).view(complex)
    spectrum[:kept] *= shape(hertz[:kept])
    return np.fft.irfft(spectrum, size)[:samples]


def _gusts(samples: int, random: np.random.Generator, seconds: float) -> np.ndarray:
    """Slowly changing gains, one support point every ``seconds``."""
    count = int(samples / SAMPLE_RATE / seconds) + 3
    points = 10 ** (random.uniform(-25, 0, count) / 20)
    where = (np.arange(count) - random.random()) * seconds * SAMPLE_RATE
    return np.interp(np.arange(samples), where, points)


def _unit(noise: np.ndarray) -> Tensor:
    return torch.from_numpy(0.1 * noise / max(noise.std(), 1e-9)).float()
