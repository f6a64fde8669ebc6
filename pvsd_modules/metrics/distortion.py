"""Ratios of the signal to what is wrong with it, in dB."""

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.metrics.signals import (
    as_array,
    can_be_scored,
    frames,
    mean_of_pieces,
)

FRAME = round(0.03 * SAMPLE_RATE)  # samples; 30 ms, three quarters overlapped
HOP = FRAME // 4
# A Hann window without the zeros at its ends.
WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, FRAME + 1) / (FRAME + 1))
EPS = np.finfo(np.float64).eps


def si_sdr(clean, enhanced) -> float | None:
    """Scale-invariant signal-to-distortion ratio in dB, zero-mean (Le Roux 2019).

    Arguments
    ---------
    clean, enhanced : Tensor or numpy.ndarray
        ``[time]``, 16 kHz.

    Returns
    -------
    float or None
        None where one of the signals is silent, empty or not finite.
    """
    clean, enhanced = as_array(clean), as_array(enhanced)
    if not can_be_scored(clean, enhanced):
        return None
    clean, enhanced = clean - clean.mean(), enhanced - enhanced.mean()
    energy = float(clean @ clean)
    target = (enhanced @ clean) / energy * clean
    error = enhanced - target
    return float(10 * np.log10((target @ target + 1e-12) / (error @ error + 1e-12)))


def seg_snr(clean, enhanced) -> float | None:
    """Segmental signal-to-noise ratio in dB (Hansen and Pellom 1998).

    The mean over Hann-windowed frames of 30 ms, three quarters overlapped, of each
    frame's ratio, limited to -10..35 dB. Silent frames count too. It depends on the
    level of the enhanced signal. Arguments: see `si_sdr`.

    Returns
    -------
    float or None
        None where `si_sdr` is, and for less than two frames.
    """
    clean, enhanced = as_array(clean), as_array(enhanced)
    if not can_be_scored(clean, enhanced):
        return None

    def of_piece(clean, enhanced):
        """Segmental SNR of a piece."""
        signal = frames(clean + EPS, FRAME, HOP) * WINDOW
        error = frames(clean - enhanced, FRAME, HOP) * WINDOW
        if not len(signal):
            return None
        ratio = (signal**2).sum(1) / ((error**2).sum(1) + EPS)
        return np.clip(10 * np.log10(ratio + EPS), -10, 35).mean()

    return mean_of_pieces(of_piece, clean, enhanced)
