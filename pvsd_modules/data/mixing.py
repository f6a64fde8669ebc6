"""Mixing speech with noise: exact levels, seeded per item and epoch."""

import zlib

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.data.drawn import Burst

# Gains of speech and noise in the three kinds of bursts.
BURST_GAINS = ((0.0, 0.0), (0.1, 1.0), (1.0, 2.0))
SILENCE = 1e-10  # mean square below which a signal counts as silent


def item_generator(seed: int, epoch: int, item_id: str) -> np.random.Generator:
    """Random numbers of one item in one epoch.

    They depend on nothing else, so a batch is the same with any number of workers, on
    any rank and after a resume.

    Example
    -------
    >>> a, b = item_generator(1, 2, "x"), item_generator(1, 2, "x")
    >>> float(a.random()) == float(b.random())
    True
    """
    return np.random.default_rng([seed, epoch, zlib.crc32(item_id.encode())])


def mix_at_snr(clean: Tensor, noise: Tensor, snr_db) -> Tensor:
    """Adds noise to speech at an exact signal-to-noise ratio.

    The speech keeps its level; the noise is scaled so that the ratio of the mean
    powers over the whole signals is ``snr_db``. If either is silent no ratio exists
    and the noise is added as it is.

    Arguments
    ---------
    clean : Tensor
        Speech, ``[..., time]``.
    noise : Tensor
        Noise of the same shape.
    snr_db : float or Tensor
        Ratio in dB, one number or ``[...]``.

    Returns
    -------
    Tensor
        Noisy speech, ``[..., time]``.

    Example
    -------
    >>> clean, noise = torch.ones(4), torch.tensor([2.0, -2.0, 2.0, -2.0])
    >>> (mix_at_snr(clean, noise, 0.0) - clean).tolist()
    [1.0, -1.0, 1.0, -1.0]
    """
    snr_db = torch.as_tensor(snr_db, dtype=torch.float64, device=clean.device)
    clean_power = clean.double().square().mean(-1)
    noise_power = noise.double().square().mean(-1)
    gain = (clean_power / noise_power / 10 ** (snr_db / 10)).sqrt()
    defined = (clean_power > SILENCE) & (noise_power > SILENCE)
    gain = torch.where(defined, gain, torch.ones_like(gain))
    return clean + gain[..., None].to(noise.dtype) * noise


def loop_from(noise: Tensor, start: int, samples: int) -> Tensor:
    """``[samples]`` of noise ``[time]``, looped, from a start taken modulo its length.

    Example
    -------
    >>> loop_from(torch.tensor([1, 2, 3]), 2, 5).tolist()
    [3, 1, 2, 3, 1]
    """
    start %= len(noise)
    rounds = -(-(start + samples) // len(noise))
    return noise.repeat(rounds)[start : start + samples]


def read_looped(store, path: str, start: int, samples: int) -> Tensor:
    """As `loop_from`, of a stored file, without reading more of it than is needed."""
    begin = store.read(path, start % store.samples(path), samples)
    rest = samples - len(begin)
    if not rest:
        return begin
    return torch.cat([begin, loop_from(store.read(path, 0, rest), 0, rest)])


def burst(noisy: Tensor, clean: Tensor, drawn: Burst) -> Tensor:
    """The paper's disturbance: at most 200 ms where the speech is almost lost.

    A random stretch of ``[time]``, 16 kHz, is changed in one of three ways: it is
    zeroed, its speech is scaled by 0.1, or its noise (at its mixed level) is doubled.
    The signals given are not changed.
    """
    part = slice(drawn.start, drawn.start + drawn.length)
    speech, noise = BURST_GAINS[drawn.kind]
    disturbed = noisy.clone()
    disturbed[part] = speech * clean[part] + noise * (noisy[part] - clean[part])
    return disturbed
