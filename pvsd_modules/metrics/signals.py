"""What all measures share: signals as arrays, and when a score is defined."""

import numpy as np
from torch import Tensor

SILENCE = 1e-12  # energy


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
