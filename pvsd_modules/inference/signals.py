"""What callers pass as a signal, as float32 tensors, and results of the same kind."""

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

Signal = TypeVar("Signal", Tensor, np.ndarray)

#: Louder samples (+96 dB over full scale) are limited to this. Samples of 16-bit files
#: that nobody scaled are below.
LIMIT = 2.0**16
#: Wider than any recording has channels, shorter (2 ms) than any batch has signals.
_MOST_CHANNELS = 32
# Full scale of integers, and the number that is silence.
_INTEGERS = {
    torch.uint8: (2.0**7, 2**7),
    torch.int8: (2.0**7, 0),
    torch.int16: (2.0**15, 0),
    torch.int32: (2.0**31, 0),
}


def as_float(signal: Tensor | np.ndarray) -> Tensor:
    """A signal of any shape as float32; 8-, 16- and 32-bit integers are scaled so that
    full scale is 1. Other types are a `TypeError`.

    Example
    -------
    >>> as_float(np.array([-32768, 16384], dtype=np.int16))
    tensor([-1.0000,  0.5000])
    """
    if not isinstance(signal, Tensor):
        array = np.asarray(signal)
        # torch takes neither foreign byte orders nor negative strides.
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
            raise TypeError(_wrong_type(array.dtype))
        signal = torch.from_numpy(array if array.flags.writeable else array.copy())
    if signal.is_floating_point():
        return signal.to(torch.float32)
    if signal.dtype not in _INTEGERS:
        raise TypeError(_wrong_type(signal.dtype))
    scale, middle = _INTEGERS[signal.dtype]
    return ((signal.to(torch.float64) - middle) / scale).to(torch.float32)


def _wrong_type(dtype: object) -> str:
    return (
        f"A signal of {dtype} has no full scale: give floating-point samples, or "
        "integers of 8, 16 or 32 bits."
    )


def as_rows(signal: Tensor | np.ndarray) -> Tensor:
    """A signal ``[time]``, ``[batch, time]`` or ``[channels, time]`` as float32
    ``[rows, time]``.

    Types are those of `as_float`. Another shape, ``[time, channels]`` among them, is a
    `ValueError`.
    """
    rows = as_float(signal)
    if rows.dim() == 1:
        rows = rows[None]
    if rows.dim() != 2:
        raise ValueError(
            f"A signal is [time], [batch, time] or [channels, time], not "
            f"{list(rows.shape)}."
        )
    if rows.shape[1] <= _MOST_CHANNELS < rows.shape[0]:
        raise ValueError(
            f"A signal of shape {list(rows.shape)} looks like [time, channels]: pass "
            "its transpose, [channels, time]."
        )
    return rows


def like_input(rows: Tensor, signal: Signal) -> Signal:
    """A result ``[rows, time]`` in the kind, and number of dimensions, of the input."""
    if signal.ndim == 1:
        rows = rows[0]
    if isinstance(signal, Tensor):
        return rows
    return rows.detach().cpu().numpy()


def cleaned(rows: Tensor) -> tuple[Tensor, int]:
    """Silence in place of NaN and infinity, and nothing beyond `LIMIT`; and how many
    samples were NaN or infinite."""
    invalid = int((~torch.isfinite(rows)).sum())
    if invalid:
        rows = torch.nan_to_num(rows, 0.0, 0.0, 0.0)
    return rows.clamp(-LIMIT, LIMIT), invalid


def sample_counts(lengths: Tensor | None, rows: Tensor) -> Tensor:
    """Samples of each row of ``[batch, time]``, int64 on the CPU, from relative lengths
    ``[batch]``, above 0 to 1; None for all 1. Others are a `ValueError`."""
    batch, time = rows.shape
    if not time or not batch:
        raise ValueError("A signal without samples cannot be enhanced.")
    if lengths is None:
        return torch.full((batch,), time)
    relative = torch.as_tensor(lengths).detach().cpu().double()
    if relative.shape != (batch,):
        raise ValueError(
            f"lengths has shape {list(relative.shape)}: {batch} signals need [{batch}]."
        )
    if not bool(((relative > 0) & (relative <= 1 + 1e-4)).all()):
        raise ValueError("lengths are relative: numbers above 0 and up to 1.")
    return (relative * time).round().long().clamp(1, time)
