"""PESQ, STOI and SI-SDR of one pair of signals, and the opening of a mouth."""

import warnings
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError

SHORTEST_STOI = 6400  # 30 frames of 25.6 ms, half overlapped, fill 0.4 s
SILENCE = 1e-12  # energy


def pesq_wb(clean, enhanced) -> float | None:
    """Wide-band PESQ (ITU-T P.862.2), MOS-LQO.

    Arguments
    ---------
    clean, enhanced : Tensor or numpy.ndarray
        ``[time]``, 16 kHz.

    Returns
    -------
    float or None
        None where the measure is not defined (no speech found, too short): the
        caller counts it, it is never a score of zero.
    """
    try:
        import pesq
    except ImportError:
        raise PvsdError(
            "PESQ is not installed: run pip install 'pvsd[train]' (needs a C compiler)."
        ) from None
    clean, enhanced = _array(clean), _array(enhanced)
    if not _can_be_scored(clean, enhanced):
        return None
    try:
        return _finite(pesq.pesq(SAMPLE_RATE, clean, enhanced, "wb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError, ValueError):
        return None


def stoi(clean, enhanced, extended: bool = False) -> float | None:
    """Short-time objective intelligibility, 0..1 (Taal et al. 2011; Jensen 2016).

    Returns None where less than 30 frames of speech are found.
    """
    try:
        from pystoi import stoi as measure
    except ImportError:
        raise PvsdError(
            "STOI is not installed: run pip install 'pvsd[train]'."
        ) from None
    clean, enhanced = _array(clean), _array(enhanced)
    if len(clean) < SHORTEST_STOI or not _can_be_scored(clean, enhanced):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return _finite(measure(clean, enhanced, SAMPLE_RATE, extended))
        except RuntimeWarning:
            return None


def si_sdr(clean, enhanced) -> float | None:
    """Scale-invariant signal-to-distortion ratio in dB, zero-mean (Le Roux 2019).

    Returns None where one of the signals is silent, empty or not finite.
    """
    clean, enhanced = _array(clean), _array(enhanced)
    if not _can_be_scored(clean, enhanced):
        return None
    clean, enhanced = clean - clean.mean(), enhanced - enhanced.mean()
    energy = float(clean @ clean)
    target = (enhanced @ clean) / energy * clean
    error = enhanced - target
    return float(10 * np.log10((target @ target + 1e-12) / (error @ error + 1e-12)))


def _array(wav) -> np.ndarray:
    if isinstance(wav, Tensor):
        wav = wav.detach().float().cpu().numpy()
    return np.asarray(wav, np.float64).reshape(-1)


def _can_be_scored(*signals: np.ndarray) -> bool:
    """Every signal has numbers and moves."""
    return all(
        len(x) and np.isfinite(x).all() and ((x - x.mean()) ** 2).sum() > SILENCE
        for x in signals
    )


def _finite(score) -> float | None:
    return float(score) if np.isfinite(score) else None


MEASURES = {
    "pesq_wb": pesq_wb,
    "stoi": stoi,
    "estoi": partial(stoi, extended=True),
    "si_sdr": si_sdr,
}


def mouth_opening(lips: Tensor) -> Tensor:
    """How far the mouth is open, from the frames alone.

    An open mouth shows its dark inside: the measure is the mean darkness of the part
    of the frame where the mouth lies in a face crop (rows 12..29, columns 34..61).

    Arguments
    ---------
    lips : Tensor
        ``[..., frames, 48, 96, 3]``, 0..1.

    Returns
    -------
    Tensor
        ``[..., frames]``, larger for more open; comparable within a clip only.
    """
    return 1.0 - lips[..., 12:30, 34:62, :].mean((-3, -2, -1))


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation along the last dimension; 0 where one does not move."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    norm = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(norm > 1e-9, (a * b).sum(-1) / norm.clamp(min=1e-9), 0.0)
