"""Measures of one pair of signals, and the opening of a mouth."""

from functools import partial

from pvsd_modules.metrics.composite import composite, llr, rating, wss
from pvsd_modules.metrics.distortion import seg_snr, si_sdr
from pvsd_modules.metrics.mouth import correlation, mouth_opening
from pvsd_modules.metrics.perceptual import (
    pesq_nb,
    pesq_nb_raw,
    pesq_wb,
    raw_score,
    stoi,
)

# By the names of the columns of a table of scores, in this order.
MEASURES = {
    "pesq_wb": pesq_wb,
    "pesq_nb_raw": pesq_nb_raw,
    "stoi": stoi,
    "estoi": partial(stoi, extended=True),
    "si_sdr": si_sdr,
    "pesq_nb": pesq_nb,
    "csig": partial(rating, name="csig"),
    "cbak": partial(rating, name="cbak"),
    "covl": partial(rating, name="covl"),
    "seg_snr": seg_snr,
}

__all__ = [
    "MEASURES",
    "composite",
    "correlation",
    "llr",
    "mouth_opening",
    "pesq_nb",
    "pesq_nb_raw",
    "pesq_wb",
    "rating",
    "raw_score",
    "seg_snr",
    "si_sdr",
    "stoi",
    "wss",
]
