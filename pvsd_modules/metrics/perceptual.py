"""PESQ in its three readings, and STOI."""

import logging
import math
import warnings
from functools import partial

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.metrics.pesq_process import PesqCrash, pesq_process
from pvsd_modules.metrics.signals import (
    as_array,
    can_be_scored,
    finite,
    mean_of_pieces,
)

_LOG = logging.getLogger(__name__)
SHORTEST_STOI = 6400  # 30 frames of 25.6 ms, half overlapped, fill 0.4 s


def pesq_wb(clean, enhanced) -> float | None:
    """Wide-band PESQ (ITU-T P.862.2), MOS-LQO 1.04..4.64.

    Arguments
    ---------
    clean, enhanced : Tensor or numpy.ndarray
        ``[time]``, 16 kHz.

    Returns
    -------
    float or None
        None where the measure is not defined (no speech found, too short), and
        where its C code fails: the caller counts it, it is never a score of zero. Of
        recordings longer than 30 s the mean over equal pieces, without those where
        it is not defined.
    """
    return _pesq(clean, enhanced, "wb")


def pesq_nb(clean, enhanced) -> float | None:
    """Narrow-band PESQ (ITU-T P.862) as MOS-LQO (P.862.1), 1.02..4.55.

    The signals are compared at 16 kHz, through the narrow-band filter of P.862.
    Arguments and what is returned: see `pesq_wb`.
    """
    return _pesq(clean, enhanced, "nb")


def pesq_nb_raw(clean, enhanced) -> float | None:
    """Narrow-band PESQ (ITU-T P.862) as the raw score, -0.5..4.5.

    This is what the tool pypesq gave for signals at 16 kHz, and what papers of its
    time call PESQ. It is higher than wide-band PESQ of the same recording and must
    not be compared with it. Arguments and what is returned: see `pesq_wb`.
    """
    score = pesq_nb(clean, enhanced)
    return None if score is None else raw_score(score)


def raw_score(mos_lqo: float) -> float:
    """The raw PESQ score that P.862.1 maps to a MOS-LQO.

    P.862.1: ``mos_lqo = 0.999 + 4 / (1 + exp(4.6607 - 1.4945 * raw))``.

    Example
    -------
    >>> round(raw_score(0.999 + 4 / (1 + math.exp(4.6607 - 1.4945 * 2.5))), 6)
    2.5
    """
    return (4.6607 - math.log(4 / (mos_lqo - 0.999) - 1)) / 1.4945


def _pesq(clean, enhanced, band: str) -> float | None:
    process = pesq_process()
    clean, enhanced = as_array(clean), as_array(enhanced)
    if not can_be_scored(clean, enhanced):
        return None
    try:
        return mean_of_pieces(partial(process, band=band), clean, enhanced)
    except PesqCrash as error:
        _LOG.warning(
            "PESQ ended (%s), as it does with more than 50 utterances: no score.", error
        )
        return None


def stoi(clean, enhanced, extended: bool = False) -> float | None:
    """Short-time objective intelligibility, 0..1 (Taal et al. 2011).

    Arguments
    ---------
    clean, enhanced : Tensor or numpy.ndarray
        ``[time]``, 16 kHz.
    extended : bool
        ESTOI (Jensen and Taal 2016).

    Returns
    -------
    float or None
        None where less than 30 frames of speech are found.
    """
    try:
        from pystoi import stoi as measure
    except ImportError:
        raise PvsdError(
            "STOI is not installed: run pip install 'pvsd[train]'."
        ) from None
    clean, enhanced = as_array(clean), as_array(enhanced)
    if len(clean) < SHORTEST_STOI or not can_be_scored(clean, enhanced):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return finite(measure(clean, enhanced, SAMPLE_RATE, extended))
        except RuntimeWarning:
            return None
