"""What all measures share: signals as arrays, pieces, and when a score is defined."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE

SILENCE = 1e-12  # energy
PIECE = 30 * SAMPLE_RATE  # samples; PESQ is made for recordings up to this length


def as_array(wav) -> np.ndarray:
    """A signal as float64 ``[time]``."""
    if isinstance(wav, Tensor):
        wav = wav.detach().float().cpu().numpy()
    return np.asarray(wav, np.float64).reshape(-1)


def can_be_scored(*signals: np.ndarray) -> bool:
    """Every signal has numbers and moves."""
    return all(
        len(x) and np.isfinite(x).all() and ((x - x.mean()) ** 2).sum() > SILENCE
        for x in signals
    )


def mean_of_pieces(
    measure: Callable, clean: np.ndarray, enhanced: np.ndarray
) -> float | None:
    """Mean score of equal pieces of at most 30 s, None where none has a score.

    A recording of up to 30 s is one piece.
    """
    count = -(-len(clean) // PIECE)
    pieces = zip(*(np.array_split(x, count) for x in (clean, enhanced)), strict=True)
    scores = [measure(*piece) for piece in pieces]
    scores = [score for score in scores if score is not None and np.isfinite(score)]
    return float(np.mean(scores)) if scores else None


def finite(score) -> float | None:
    """A score as float, None for what is no number."""
    return float(score) if np.isfinite(score) else None


def frames(wav: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Overlapping frames ``[count, size]``; the last whole one is left out.

    So the tools do that made the published scores of the composite measures.
    """
    count = max(0, (len(wav) - size) // hop)
    if not count:
        return np.empty((0, size))
    return np.lib.stride_tricks.sliding_window_view(wav, size)[: count * hop : hop]
