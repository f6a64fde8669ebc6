"""The inverse of PyTorch's short-time Fourier transform, for training on a GPU."""

import torch
from torch import Tensor
from torch.nn import functional


def inverse_stft(
    spectrum: Tensor, window: Tensor, hop: int, samples: int | None = None
) -> Tensor:
    """As `torch.istft` with centred windows, but without its check on the host, which
    makes every training step wait for the GPU.

    Complex ``[batch, bins, steps]``, of an even window length, to ``[batch, samples]``,
    by default ``hop (steps - 1)`` samples. The window has at most ``2 (bins - 1)``
    samples and is centred in the transform's length.

    Example
    -------
    >>> wav, window = torch.randn(2, 1000), torch.hann_window(64)
    >>> spectrum = torch.stft(wav, 64, 16, window=window, return_complex=True)
    >>> again = inverse_stft(spectrum, window, 16, 1000)
    >>> bool(torch.allclose(again, wav, atol=1e-5))
    True
    """
    length, steps = 2 * (spectrum.shape[1] - 1), spectrum.shape[2]
    left = (length - len(window)) // 2
    window = functional.pad(window, (left, length - len(window) - left))[:, None]
    total = length + hop * (steps - 1)

    def overlap_add(frames):
        """``[batch, length, steps]`` to ``[batch, total]``."""
        return functional.fold(frames, (1, total), (1, length), stride=hop)[:, 0, 0]

    signal = overlap_add(torch.fft.irfft(spectrum, length, dim=1) * window)
    weight = overlap_add(window.square().expand(1, -1, steps))
    samples = hop * (steps - 1) if samples is None else samples
    start = length // 2
    signal = (signal / weight.clamp(min=1e-11))[:, start : start + samples]
    return functional.pad(signal, (0, samples - signal.shape[1]))
