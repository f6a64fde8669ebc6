"""CSIG, CBAK and COVL: predicted ratings of signal, background and the whole.

Hu and Loizou, *Evaluation of objective quality measures for speech enhancement*, IEEE
TASLP 16(1), 2008: linear regressions on PESQ, the log-likelihood ratio, the weighted
spectral slope distance and the segmental SNR. The paper fitted them to raw narrow-band
PESQ at 8 kHz; at 16 kHz it is the custom since VoiceBank-DEMAND to put wide-band PESQ
(MOS-LQO) in its place, and so it is here. Where the paper leaves a choice, it is the
one of the tools that made the published scores.
"""

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.metrics.distortion import EPS, FRAME, HOP, WINDOW, seg_snr
from pvsd_modules.metrics.perceptual import pesq_wb
from pvsd_modules.metrics.signals import (
    as_array,
    can_be_scored,
    frames,
    mean_of_pieces,
)

ORDER = 16  # of the linear prediction
KEPT = 0.95  # of the frames, those with the smallest distance
# Critical bands in Hz. Above 540 Hz they widen with their centre.
CENTRES = np.array(
    "50 120 190 260 330 400 470 540 617.372 703.378 798.717 904.128 1020.38 1148.30 "
    "1288.72 1442.54 1610.70 1794.16 1993.93 2211.08 2446.71 2701.97 2978.04 3276.17 "
    "3597.63".split(),
    np.float64,
)
WIDTHS = np.array(
    "70 70 70 70 70 70 70 77.3724 86.0056 95.3398 105.411 116.256 127.914 140.423 "
    "153.823 168.154 183.457 199.776 217.153 235.631 255.255 276.072 298.126 321.465 "
    "346.136".split(),
    np.float64,
)
BINS = 512  # of the power spectrum up to 8 kHz
GLOBAL_PEAK, LOCAL_PEAK = 20.0, 1.0  # dB, Klatt's weights


def rating(clean, enhanced, name: str) -> float | None:
    """``csig``, ``cbak`` or ``covl``; other arguments as `composite`."""
    scores = composite(clean, enhanced)
    return scores and scores[name]


def composite(clean, enhanced, pesq: float | None = None) -> dict | None:
    """The three ratings of one pair.

    Arguments
    ---------
    clean, enhanced : Tensor or numpy.ndarray
        ``[time]``, 16 kHz, equally long.
    pesq : float or None
        Wide-band PESQ where it is known already.

    Returns
    -------
    dict or None
        ``csig``, ``cbak``, ``covl``; None where PESQ or a distance is not defined.
    """
    pesq = pesq_wb(clean, enhanced) if pesq is None else pesq
    parts = [measure(clean, enhanced) for measure in (llr, wss, seg_snr)]
    if pesq is None or None in parts:
        return None
    ratio, slope, snr = parts
    scores = {
        "csig": 3.093 - 1.029 * ratio + 0.603 * pesq - 0.009 * slope,
        "cbak": 1.634 + 0.478 * pesq - 0.007 * slope + 0.063 * snr,
        "covl": 1.594 + 0.805 * pesq - 0.512 * ratio - 0.007 * slope,
    }
    return {name: float(np.clip(score, 1, 5)) for name, score in scores.items()}


def llr(clean, enhanced) -> float | None:
    """Log-likelihood ratio of linear predictions (Quackenbush et al. 1988).

    How much worse the predictor of the enhanced frame predicts the clean frame than
    the clean frame's own one does: 0 for the same spectral envelope. Mean of the
    lowest 95 % of the frames. Arguments: see `composite`.
    """

    def distance(clean, enhanced):
        """Log-likelihood ratio of each frame."""
        clean_lags, enhanced_lags = _autocorrelation(clean), _autocorrelation(enhanced)
        own, other = _predictor(clean_lags), _predictor(enhanced_lags)
        ratio = _residual(other, clean_lags) / _residual(own, clean_lags)
        return np.log(np.maximum(ratio, EPS))

    return _trimmed_mean(distance, clean, enhanced)


def wss(clean, enhanced) -> float | None:
    """Weighted spectral slope distance (Klatt 1982), in dB squared.

    Squared differences of the slopes of 25 critical-band spectra, weighted towards
    their peaks; scaled by the sum of the weights. Mean of the lowest 95 % of the
    frames. Arguments: see `composite`.
    """

    def distance(clean, enhanced):
        """Weighted spectral slope distance of each frame."""
        clean_bands, enhanced_bands = _bands(clean), _bands(enhanced)
        weights = (_weights(clean_bands) + _weights(enhanced_bands)) / 2
        difference = np.diff(clean_bands) - np.diff(enhanced_bands)
        return (weights * difference**2).sum(1) / weights.sum(1)

    return _trimmed_mean(distance, clean, enhanced)


def _trimmed_mean(distance, clean, enhanced) -> float | None:
    """Mean of the lowest 95 % of the distances of windowed frames."""

    def of_piece(*piece):
        """Mean distance over the best frames of a piece."""
        # A trace of an offset keeps silence defined.
        both = [frames(x + EPS, FRAME, HOP) * WINDOW for x in piece]
        distances = np.sort(distance(*both)) if len(both[0]) else np.empty(0)
        kept = distances[: round(len(distances) * KEPT)]
        return float(kept.mean()) if len(kept) and np.isfinite(kept).all() else None

    clean, enhanced = as_array(clean), as_array(enhanced)
    if not can_be_scored(clean, enhanced):
        return None
    return mean_of_pieces(of_piece, clean, enhanced)


def _autocorrelation(x: np.ndarray) -> np.ndarray:
    """Lags 0..16 of frames: ``[frames, 17]``."""
    lags = [(x[:, : FRAME - k] * x[:, k:]).sum(1) for k in range(ORDER + 1)]
    return np.stack(lags, 1)


def _predictor(lags: np.ndarray) -> np.ndarray:
    """Prediction error filters ``[frames, 17]`` by the Levinson-Durbin recursion."""
    filters = np.zeros_like(lags)
    filters[:, 0] = 1
    error = lags[:, 0].copy()
    for order in range(1, ORDER + 1):
        past = filters[:, :order]
        reflection = (past * lags[:, order:0:-1]).sum(1) / error
        longer = filters[:, : order + 1].copy()
        longer[:, 1:] -= reflection[:, None] * past[:, ::-1]
        filters[:, : order + 1] = longer
        error *= 1 - reflection**2
    return filters


def _residual(filters: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Energy that filters leave of frames with these lags."""
    own = [
        (filters[:, : ORDER + 1 - k] * filters[:, k:]).sum(1) for k in range(ORDER + 1)
    ]
    return own[0] * lags[:, 0] + 2 * sum(
        own[k] * lags[:, k] for k in range(1, ORDER + 1)
    )


def _filterbank() -> np.ndarray:
    """Gaussian filters of equal area, zero below -30 dB: ``[25, 512]``."""
    per_bin = BINS / (SAMPLE_RATE / 2)
    offset = np.arange(BINS) - np.floor(CENTRES * per_bin)[:, None]
    shape = np.exp(-11 * (offset / (WIDTHS * per_bin)[:, None]) ** 2)
    shape *= (WIDTHS.min() / WIDTHS)[:, None]
    return np.where(shape > np.exp(-30 / (2 * 2.303)), shape, 0)


FILTERS = _filterbank()


def _bands(x: np.ndarray) -> np.ndarray:
    """Energies of the critical bands in dB: ``[frames, 25]``."""
    power = np.abs(np.fft.rfft(x, 2 * BINS)[:, :BINS]) ** 2
    return 10 * np.log10(np.maximum(power @ FILTERS.T, 1e-10))


def _weights(bands: np.ndarray) -> np.ndarray:
    """Klatt's weights ``[frames, 24]``: near the highest and the nearest peak."""
    level = bands[:, :-1]
    highest = bands.max(1, keepdims=True)
    nearest = _nearest_peak(bands)
    to_highest = GLOBAL_PEAK / (GLOBAL_PEAK + highest - level)
    return to_highest * LOCAL_PEAK / (LOCAL_PEAK + nearest - level)


def _nearest_peak(bands: np.ndarray) -> np.ndarray:
    """Level of the peak uphill of each band, ``[frames, 24]``.

    Where the spectrum rises it is looked for to the right, and the tools take the
    band before the one in which the rise ends.
    """
    rises = np.diff(bands) > 0
    count = rises.shape[1]
    right, left = bands[:, :-1].copy(), bands[:, :-1].copy()
    for i in range(count - 2, -1, -1):
        right[:, i] = np.where(rises[:, i + 1], right[:, i + 1], bands[:, i])
    for i in range(1, count):
        left[:, i] = np.where(rises[:, i - 1], bands[:, i], left[:, i - 1])
    return np.where(rises, right, left)
