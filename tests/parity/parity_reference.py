"""The reference run's input, weights and pictures, written anew from their formulas."""

import numpy as np
import torch

SAMPLES = 40000  # 2.5 s at 16 kHz


def hash32(values):
    """An integer hash of 32 bits, so that no random library is needed."""
    v = np.asarray(values, dtype=np.uint64)
    for multiplier, shift in ((0x7FEB352D, 16), (0x846CA68B, 15)):
        v = (v ^ (v >> np.uint64(shift))) * np.uint64(multiplier)
        v &= np.uint64(0xFFFFFFFF)
    return v ^ (v >> np.uint64(16))


def unit(count, seed):
    """Numbers in [-1, 1), float64, a function of their position and the seed."""
    positions = np.arange(count, dtype=np.uint64) + hash32(seed)
    return 2.0 * hash32(positions & np.uint64(0xFFFFFFFF)) / 2.0**32 - 1


def clean_wave():
    """Two chirps, a wobbling tone and a noise floor: float32, 2.5 s."""
    t = np.arange(SAMPLES) / 16000
    tau = 2 * np.pi
    slow = 0.5 + 0.5 * np.sin(tau * 3 * t)
    fast = 0.5 + 0.5 * np.cos(tau * 5 * t)
    wave = 0.30 * slow * np.sin(tau * (200 * t + 150 * t**2))
    wave += 0.20 * fast * np.sin(tau * (1200 * t - 100 * t**2))
    wave += 0.10 * np.sin(tau * 3100 * t + 2 * np.sin(tau * 2 * t))
    wave += 0.02 * np.sin(tau * 7000 * t) + 0.01 * unit(SAMPLES, 12345)
    return torch.from_numpy(wave.astype(np.float32))


def noise_wave():
    return torch.from_numpy((0.2 * unit(SAMPLES, 777)).astype(np.float32))


def _gain(name, shape):
    if name == "output_block.1.weight":
        return 0.12
    if name == "decoder.15.weight":
        return 0.04
    block = name.split(".")
    is_upsampling = name.endswith(".0.conv_block.0.weight") and block[2] == "0"
    if block[0] == "face_decoder_blocks" and block[1] in "123456" and is_upsampling:
        return 2.4
    if name.startswith("time_upsampler"):
        return 2.0
    if shape[0] == shape[1] and np.prod(shape[2:]) > 1:
        return 0.7
    return 1.5


def weights(shapes):
    """State dict of the reference run.

    ``shapes`` maps names to shapes; a tensor's seed is its place among the
    sorted names.
    """
    state = {}
    for seed, name in enumerate(sorted(shapes)):
        shape = tuple(shapes[name])
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=torch.int64)
            continue
        u = unit(int(np.prod(shape)), seed)
        if name.endswith("running_var"):
            u = 1 + 0.1 * np.abs(u)
        elif name.endswith(("running_mean", "bias")):
            u = 0.02 * u
        elif len(shape) == 1:
            u = 1 + 0.1 * u
        else:
            u = u * np.sqrt(3 / np.prod(shape[1:])) * _gain(name, shape)
        state[name] = torch.from_numpy(u.reshape(shape).astype(np.float32))
    return state


def teacher_face():
    """Face input of the teacher, ``[6, 5, 96, 96]``: masked copy and reference."""
    c, t, y, x = np.ogrid[:3, :5, :96, :96]
    face = 0.5 + 0.25 * np.sin(0.11 * x + 0.07 * y + 1.3 * c)
    face = face + 0.25 * np.cos(0.05 * x - 0.13 * y + 0.4 * t + 0.9 * c)
    masked = face.copy()
    masked[:, :, 48:] = 0
    both = np.concatenate([masked, face]).astype(np.float32)
    return torch.from_numpy(both)


def mel_windows(wave, starts, frames):
    """The student's view of 1 s windows: ``[len(starts), frames, 3200]``."""
    return torch.stack(
        [
            wave[start - 1280 : start + 1920 + 640 * (frames - 1)].unfold(0, 3200, 640)
            for start in starts
        ]
    )
