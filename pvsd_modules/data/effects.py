"""What random choices do to a signal: filters, rooms, speed, pauses, levels.

Everything is computed with transforms of the whole signal, of lengths that are quick to
transform; scipy's take a third of the time of torch's for a single signal.
"""

import functools
import math

import numpy as np
import torch
from scipy import fft
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.drawn import POINTS, Colour, Finish, Pause


def apply_colour(wav: Tensor, colour: Colour, samples: int) -> Tensor:
    """Filter, room and speed in one transform: ``[time]`` to ``[samples]``, the length
    in which the signal is played (see `at_speed`)."""
    read, size = padded_lengths(len(wav), samples, colour.tail)
    response = _smooth_response(colour.decibels, size)
    if colour.room is not None:
        response = response * fft.rfft(colour.room.numpy(), size)
    if read != size:
        response *= np.float32(size / read)
    spectrum = fft.rfft(wav.numpy(), read)
    bins = min(len(spectrum), len(response))
    coloured = fft.irfft(spectrum[:bins] * response[:bins], size)
    return torch.from_numpy(coloured[:samples])


def apply_pauses(noisy: Tensor, clean: Tensor, interruption: Pause, silence: Pause):
    """Noisy and clean, ``[time]``, with both of `Augmenter.draw_pauses`."""
    if interruption.rest != 1:
        noisy = clean + _gate(len(noisy), interruption) * (noisy - clean)
    if silence.rest != 1:
        gate = _gate(len(noisy), silence)
        noisy, clean = noisy * gate, clean * gate
    return noisy, clean


def apply_finish(noisy: Tensor, clean: Tensor, finish: Finish):
    """Bandwidth, level and clipping of noisy and clean ``[time]``, in the order in
    which a device applies them."""
    if finish.cutoff:
        noisy, clean = (low_pass(x, finish.cutoff) for x in (noisy, clean))
    power = float(noisy.square().mean())
    if finish.level_db is not None and power > 1e-12:
        gain = 10 ** (finish.level_db / 20) / power**0.5
        # A mixture beyond full scale is what clipping is for: keep the peak.
        gain = min(gain, 0.99 / float(noisy.abs().max()))
        noisy, clean = noisy * gain, clean * gain
    if finish.clip < 1:
        limit = float(noisy.abs().max()) * finish.clip
        noisy = noisy.clamp(-limit, limit)
    return noisy, clean


def at_speed(wav: Tensor, samples: int) -> Tensor:
    """Plays ``[time]`` in ``[samples]``: band-limited interpolation by FFT."""
    if len(wav) == samples:
        return wav
    spectrum = fft.rfft(wav.numpy()) * np.float32(samples / len(wav))
    return torch.from_numpy(fft.irfft(spectrum, samples))


def _gate(length: int, pause: Pause) -> Tensor:
    """Gains, ``[length]``, with ramps of 5 ms."""
    time = torch.arange(length) / SAMPLE_RATE
    inside = torch.minimum(time - pause.begin, pause.end - time) / 0.005
    return 1 - (1 - pause.rest) * inside.clamp(0, 1)


def low_pass(wav: Tensor, cutoff: float) -> Tensor:
    """Removes what lies above ``cutoff`` Hz (raised-cosine edge of 300 Hz)."""
    size = fast_length(len(wav) + 800)
    hertz = np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, dtype=np.float32)
    edge = np.clip((hertz - np.float32(cutoff)) / 300, 0, 1)
    return _filtered(wav, 0.5 + 0.5 * np.cos(np.float32(np.pi) * edge), size)


def _filtered(wav: Tensor, response: np.ndarray, size: int) -> Tensor:
    """Filters by FFT; scipy's takes a third of the time of torch's for one signal."""
    spectrum = fft.rfft(wav.numpy(), size) * response
    return torch.from_numpy(fft.irfft(spectrum, size)[: len(wav)])


@functools.lru_cache(maxsize=16)
def between_points(size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each bin the point below it, and how far it is from there to the next."""
    place = np.linspace(0, 1, size // 2 + 1) ** 0.5 * (POINTS - 1)
    below = np.minimum(place.astype(np.intp), POINTS - 2)
    return below, (place - below).astype(np.float32)


def _smooth_response(decibels: np.ndarray, size: int) -> np.ndarray:
    """Gains of an FFT's bins, in dB interpolated linearly between points."""
    below, part = between_points(size)
    points = (decibels * np.log(10) / 20).astype(np.float32)
    return np.exp(points[below] + np.diff(points)[below] * part)


def padded_lengths(read: int, samples: int, tail: int) -> tuple[int, int]:
    """Lengths of the two transforms, in the ratio of ``read`` to ``samples``.

    The output's is ``samples`` and at least ``tail`` more, for what a filter adds at
    the end, and both are quick to transform where the signal's lengths are multiples
    of 640, as those of `Augmenter.source_samples` are.
    """
    if read == samples:
        return (fast_length(samples + tail),) * 2
    common = math.gcd(read, samples)
    step = -(-(samples + tail) * common // samples // 64) * 64
    return read // common * step, samples // common * step


def fast_length(n: int) -> int:
    """The next multiple of a large power of two: quick to transform."""
    return -(-n // 4096) * 4096
