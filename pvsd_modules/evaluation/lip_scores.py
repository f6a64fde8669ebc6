"""Compares generated lips with reference lips, clip by clip."""

import math

import numpy as np
from torch import Tensor

from pvsd_modules.alignment import FPS
from pvsd_modules.data.lips import median_frame
from pvsd_modules.metrics import correlation, mouth_opening

#: Where the mouth lies in the lower half of a face crop; `mouth_opening` looks there.
MOUTH = (slice(12, 30), slice(34, 62))
REACH = 10  # frames of 40 ms by which generated lips may be early or late
HIGHEST_PSNR = 100.0  # of equal pictures, whose ratio would be infinite
STILL = 1e-5  # norm of an opening that only rounding moves

MEASURES = ("l1", "psnr", "opening", "lag_frames", "lag_ms", "opening_at_lag")
SYNC = ("lse_d", "lse_c", "wanted_lse_d", "wanted_lse_c")
COLUMNS = ("comparison", "file", "snr", "category", "frames", *MEASURES, *SYNC)


def score_lips(drawn: Tensor, wanted: Tensor, deviations: bool = False) -> dict:
    """Scores of one clip.

    Arguments
    ---------
    drawn, wanted : Tensor
        ``[frames, 48, 96, 3]``, 0..1.
    deviations : bool
        Whether pictures are compared as deviations from each clip's own median
        frame, since generated lips need not look like the person in the video. The
        opening of the mouth is the same either way.

    Returns
    -------
    dict
        ``l1``, the mean absolute difference of the whole frames; ``psnr``, the peak
        signal-to-noise ratio of the mouth's part in dB (peak 1, at most 100);
        ``opening``, the correlation of how far the mouths are open; ``lag_frames``
        and ``lag_ms``, by which the drawn mouth is late where both agree best;
        ``opening_at_lag``, their correlation there. None for what is not defined.
    """
    opening, target = mouth_opening(drawn), mouth_opening(wanted)
    if deviations:
        drawn, wanted = drawn - median_frame(drawn), wanted - median_frame(wanted)
    error = drawn - wanted
    squared = float(error[:, MOUTH[0], MOUTH[1]].square().mean())
    lag, at_lag = best_lag(opening, target)
    return {
        "l1": float(error.abs().mean()),
        "psnr": min(HIGHEST_PSNR, -10 * math.log10(max(squared, 1e-12))),
        "opening": agreement(opening, target),
        "lag_frames": lag,
        "lag_ms": None if lag is None else lag * 1000 // FPS,
        "opening_at_lag": at_lag,
    }


def agreement(opening: Tensor, wanted: Tensor) -> float | None:
    """Correlation of two openings ``[frames]``.

    A mouth that stays still where it should move scores 0. Where the wanted mouth
    does not move the correlation is not defined: None.
    """
    if len(wanted) < 2 or float((wanted - wanted.mean()).norm()) < STILL:
        return None
    return float(correlation(opening, wanted))


def best_lag(
    opening: Tensor, wanted: Tensor, reach: int = REACH
) -> tuple[int | None, float | None]:
    """By how many frames one opening ``[frames]`` follows another, and their
    correlation there.

    At most ``reach`` frames, so that at least half of the frames overlap; above 0 where
    ``opening`` is late. Of equal correlations the least lag counts. None, None where no
    lag is defined.

    Example
    -------
    >>> import torch
    >>> wanted = torch.tensor([0.0, 1, 4, 2, 0, 3, 1, 0])
    >>> best_lag(wanted.roll(1), wanted)
    (1, 1.0)
    """
    frames = min(len(opening), len(wanted))
    reach = min(reach, frames // 2)
    found = []
    for lag in sorted(range(-reach, reach + 1), key=abs):
        late, early = max(lag, 0), max(-lag, 0)
        count = frames - abs(lag)
        score = agreement(opening[late : late + count], wanted[early : early + count])
        if score is not None:
            found.append((lag, round(score, 6)))
    moves = float((opening - opening.mean()).norm()) >= STILL if frames else False
    return max(found, key=lambda pair: pair[1]) if found and moves else (None, None)


def summarise_lips(rows: list[dict]) -> dict:
    """Medians, tenths, and means of a table of clips.

    Arguments
    ---------
    rows : list of dict
        With `COLUMNS`.

    Returns
    -------
    dict
        By comparison a list of groups, one for each SNR and one for ``all``:
        ``{"snr": dB, "clean" or "all", "clips": n, measure: {"clips", "mean",
        "median", "p10"}, "lag_zero", "lag_within_1"}``; the last two are shares of
        clips. ``p10`` is the tenth percentile from the worse side.
    """
    comparisons = {}
    for name in dict.fromkeys(row["comparison"] for row in rows):
        own = [row for row in rows if row["comparison"] == name]
        levels = {row["snr"] for row in own}
        groups = [
            _group([row for row in own if row["snr"] == level], level)
            for level in sorted(levels, key=lambda x: math.inf if x is None else x)
        ]
        if len(levels) > 1:
            groups.append(_group(own, "all"))
        comparisons[name] = groups
    return comparisons


def _group(rows: list[dict], level) -> dict:
    group = {"snr": "clean" if level is None else level, "clips": len(rows)}
    for name in (*MEASURES, *SYNC):
        values = [row[name] for row in rows if row.get(name) is not None]
        if values:
            less_is_better = name == "l1" or name.endswith("lse_d")
            group[name] = {
                "clips": len(values),
                "mean": float(np.mean(values)),
                "median": float(np.median(values)),
                "p10": float(np.percentile(values, 90 if less_is_better else 10)),
            }
    lags = np.abs([row["lag_frames"] for row in rows if row["lag_frames"] is not None])
    if len(lags):
        group["lag_zero"] = float(np.mean(lags == 0))
        group["lag_within_1"] = float(np.mean(lags <= 1))
    return group
