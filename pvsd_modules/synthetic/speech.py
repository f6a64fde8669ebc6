"""Synthetic speech: random syllables, and how far each of their sounds opens the mouth.

Glottal pulses and noise go through moving resonances, as in Klatt, "Software for a
cascade/parallel formant synthesizer" (JASA 1980). Nobody is recorded. Everything is
a function of speaker and seed.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from pvsd_modules.alignment import FPS, SAMPLE_RATE, frame_count
from pvsd_modules.synthetic.babble import Word, plan

_STEP = 80  # samples that one setting of the synthesiser lasts: 5 ms
_STEPS_PER_FRAME = SAMPLE_RATE // FPS // _STEP
_BANDWIDTHS = (80.0, 100.0, 140.0, 220.0, 300.0)  # of the five resonances, Hz


@dataclass(frozen=True)
class Utterance:
    """What `utter` makes: sound, float32 ``[samples]`` at 16 kHz; the opening of the
    mouth, float32 ``[frames]``, 25 a second, 0 (shut) to 1 (wide open); and words."""

    wave: np.ndarray
    opening: np.ndarray
    words: list[Word]


def _generator(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([abs(n) for n in numbers]))


@dataclass(frozen=True)
class _Voice:
    """What distinguishes a speaker."""

    pitch: float  # Hz
    tract: float  # scales the resonances: about 0.9 for long, 1.15 for short tracts
    pace: float  # scales the lengths of sounds
    breath: float


def _voice(speaker: int) -> _Voice:
    rng = _generator(speaker, 101)
    high = speaker % 2
    return _Voice(
        pitch=rng.uniform(165, 230) if high else rng.uniform(90, 140),
        tract=rng.uniform(1.05, 1.17) if high else rng.uniform(0.92, 1.03),
        pace=rng.uniform(0.85, 1.15),
        breath=rng.uniform(0.5, 1.5),
    )


def _smoothed(track: np.ndarray, seconds: float) -> np.ndarray:
    """Running Hann mean along time, [steps] or [steps, values]."""
    reach = max(1, round(seconds * SAMPLE_RATE / _STEP / 2))
    weights = np.hanning(2 * reach + 3)[1:-1]
    weights /= weights.sum()
    columns = track.reshape(len(track), -1)
    padded = np.pad(columns, ((reach, reach), (0, 0)), mode="edge")
    smooth = [np.convolve(column, weights, "valid") for column in padded.T]
    return np.stack(smooth, axis=1).reshape(track.shape)


def _resonator(frequency: float, bandwidth: float) -> tuple[float, float, float]:
    """Gain and feedback of a two-pole resonance with unit gain at 0 Hz."""
    radius = math.exp(-math.pi * bandwidth / SAMPLE_RATE)
    turn = 2 * math.pi * min(frequency, 0.48 * SAMPLE_RATE) / SAMPLE_RATE
    first, second = -2 * radius * math.cos(turn), radius * radius
    return 1 + first + second, first, second


def _through_resonances(source, frequencies, bandwidths) -> np.ndarray:
    """Filter [steps * 80] by resonances in a row that are set anew every step."""
    out = np.array(source)
    for row, bandwidth in zip(frequencies.T, bandwidths, strict=True):
        state = np.zeros(2)
        for step, frequency in enumerate(row):
            part = slice(step * _STEP, (step + 1) * _STEP)
            gain, first, second = _resonator(frequency, bandwidth)
            out[part], state = lfilter([gain], [1, first, second], out[part], zi=state)
    return out


def _glottis(pitch: np.ndarray) -> np.ndarray:
    """Derivative of Rosenberg's glottal pulse for a pitch in Hz a sample."""
    phase = np.cumsum(pitch / SAMPLE_RATE) % 1.0
    opened, closed = 0.40, 0.56
    rise = np.sin(np.pi * phase / opened) * (phase < opened)
    falling = (phase >= opened) & (phase < closed)
    fall = -1.6 * np.sin(np.pi / 2 * (phase - opened) / (closed - opened)) * falling
    return 0.5 * rise + fall


def _per_sample(track: np.ndarray) -> np.ndarray:
    middles = (np.arange(len(track)) + 0.5) * _STEP
    return np.interp(np.arange(len(track) * _STEP), middles, track)


def _levelled(wave: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scale [steps * 80] so that its RMS over 30 ms follows a target a step."""
    power = _smoothed(np.square(wave).reshape(-1, _STEP).mean(axis=1), 0.03)
    return wave * _per_sample(target / np.sqrt(power + 1e-12))


def utter(seconds: float, speaker: int = 0, seed: int = 0) -> Utterance:
    """Babble for some seconds in one speaker's voice.

    The speaker decides pitch, vocal tract, pace and breath (odd speakers are
    high-pitched), the seed what is said.

    Example
    -------
    >>> said = utter(1.0, speaker=3, seed=7)
    >>> said.wave.shape, said.opening.shape
    ((16000,), (25,))
    """
    samples = round(seconds * SAMPLE_RATE)
    frames = frame_count(samples)
    steps = frames * _STEPS_PER_FRAME
    if frames == 0:
        return Utterance(np.zeros(0, np.float32), np.zeros(0, np.float32), [])
    voice, rng = _voice(speaker), _generator(speaker, seed, 202)
    sounds, words = plan(seconds, voice.pace, rng)
    ends = np.cumsum([sound.seconds for sound in sounds]) * SAMPLE_RATE / _STEP
    which = np.searchsorted(ends, np.arange(steps), side="right")
    which = np.minimum(which, len(sounds) - 1)

    def track(pick, reach):
        """A property of the sounds, smoothed over time."""
        values = np.array([pick(sound) for sound in sounds], dtype=float)
        return _smoothed(values[which], reach)

    resonances = track(lambda s: s.resonances, 0.06) * voice.tract
    upper = np.tile([3500.0 * voice.tract, 4500.0 * voice.tract], (steps, 1))
    loud = track(lambda s: s.voice, 0.035)
    breath = track(lambda s: s.breath, 0.03) * voice.breath
    hiss = track(lambda s: s.hiss, 0.015)
    hiss_centre = track(lambda s: s.hiss_centre or 4000.0, 0.03)
    opening = track(lambda s: s.opening, 0.09)

    line = np.arange(steps) * _STEP / SAMPLE_RATE
    melody = 1 + 0.12 * np.sin(2 * np.pi * 0.45 * line + rng.uniform(0, 6))
    melody += 0.05 * np.sin(2 * np.pi * 1.7 * line + rng.uniform(0, 6))
    melody *= 1 + _smoothed(rng.normal(0, 0.03, steps), 0.02)
    pulses = _glottis(_per_sample(voice.pitch * melody))
    noise = rng.normal(0, 1, (2, steps * _STEP))
    source = _per_sample(loud) * pulses + 0.3 * _per_sample(breath) * noise[0]
    throat = np.concatenate([resonances, upper], axis=1)
    voiced = _through_resonances(source, throat, _BANDWIDTHS)
    # A wider mouth is louder, whatever gain the resonances happen to have.
    voiced = _levelled(voiced, (loud + breath) * (0.2 + 0.8 * opening))
    wide = np.maximum(0.25 * hiss_centre, 600)
    rough = _per_sample(hiss) * np.diff(noise[1], prepend=0.0)
    hissed = _through_resonances(rough, hiss_centre[:, None], [float(wide.mean())])
    wave = voiced + _levelled(hissed, 0.6 * hiss)
    # Lips radiate: weaken what is below the first harmonic, then set the level.
    wave = sosfilt(butter(2, 70, "highpass", fs=SAMPLE_RATE, output="sos"), wave)
    wave *= 0.08 / max(float(np.sqrt(np.mean(wave**2))), 1e-9)
    wave = 0.95 * np.tanh(wave / 0.95)
    shown = opening.reshape(frames, _STEPS_PER_FRAME).mean(axis=1)
    return Utterance(
        wave[:samples].astype(np.float32),
        np.clip(shown, 0, 1).astype(np.float32),
        words,
    )


def speech_like(
    seconds: float, speaker: int = 0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Speech-like sound, float32 ``[samples]``, 16 kHz, RMS about 0.08, within -1..1,
    and the mouth's opening, float32 ``[frames]``, 25 a second, 0..1; see `utter`."""
    said = utter(seconds, speaker, seed)
    return said.wave, said.opening
