"""Synthetic noise of several kinds; a function of kind and seed."""

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.synthetic.speech import utter

NOISE_KINDS = ("white", "pink", "hum", "babble", "clatter")


def noise_like(seconds: float, kind: str = "pink", seed: int = 0) -> np.ndarray:
    """Noise of one kind at an RMS of 0.08: float32 ``[samples]``, 16 kHz, within -1..1.

    Kinds are white; pink (falls by 3 dB an octave, with slow swells); hum (a machine:
    harmonics of one pitch and some hiss); babble (six voices at once); clatter (short
    ringing blows). Another one is a ValueError.

    Example
    -------
    >>> noise_like(0.5, "hum", seed=1).shape
    (8000,)
    """
    if kind not in NOISE_KINDS:
        raise ValueError(f"noise kind {kind!r} is none of {', '.join(NOISE_KINDS)}")
    samples = round(seconds * SAMPLE_RATE)
    if samples == 0:
        return np.zeros(0, np.float32)
    rng = np.random.default_rng([303, seed, NOISE_KINDS.index(kind)])
    line = np.arange(samples) / SAMPLE_RATE
    if kind == "white":
        wave = rng.normal(0, 1, samples)
    elif kind == "pink":
        wave = _pink(samples, rng)
        wave *= 1 + 0.5 * np.sin(2 * np.pi * 0.7 * line + rng.uniform(0, 6))
    elif kind == "hum":
        pitch, orders = rng.uniform(50, 120), np.arange(1, 30)
        phases = rng.uniform(0, 2 * np.pi, len(orders))
        weights = rng.uniform(0.2, 1, len(orders)) / orders**0.7
        wave = sum(
            weight * np.sin(2 * np.pi * pitch * order * line + phase)
            for order, weight, phase in zip(orders, weights, phases, strict=True)
        )
        wave = wave + 0.3 * _pink(samples, rng)
    elif kind == "babble":
        wave = sum(
            utter(seconds, speaker=int(rng.integers(1000)), seed=seed * 10 + i).wave
            for i in range(6)
        )
    else:
        wave = _clatter(samples, rng)
    wave = 0.08 * wave / max(float(np.sqrt(np.mean(np.square(wave)))), 1e-9)
    return np.clip(wave, -1, 1).astype(np.float32)


def _pink(samples: int, rng) -> np.ndarray:
    spectrum = np.fft.rfft(rng.normal(0, 1, samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20 * samples / 16000))
    wave = np.fft.irfft(spectrum, samples)
    return wave / wave.std() if samples > 1 else wave


def _clatter(samples: int, rng) -> np.ndarray:
    wave = 0.02 * _pink(samples, rng)
    ring = np.arange(SAMPLE_RATE // 5) / SAMPLE_RATE
    for _ in range(max(1, round(6 * samples / SAMPLE_RATE))):
        begin = int(rng.integers(samples))
        tones = rng.uniform(500, 5000, 4)
        blow = sum(np.sin(2 * np.pi * tone * ring) for tone in tones)
        blow = blow * np.exp(-ring / rng.uniform(0.01, 0.05)) * rng.uniform(0.3, 1)
        length = min(len(blow), samples - begin)
        wave[begin : begin + length] += blow[:length]
    return wave
