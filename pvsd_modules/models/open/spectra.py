"""Causal short-time spectra: what the open family reads and writes.

Step ``t`` of the analysis sees the samples ``[160 t - 320, 160 t + 160)``, so it is
known as soon as the hop it belongs to is complete. Overlap-add needs the two
steps that follow, which makes the algorithmic delay one window: 480 samples, 30 ms.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.alignment import HOP

WINDOW = 3 * HOP


class CausalSTFT(nn.Module):
    """Square-root Hann analysis and synthesis with a window of three hops.

    With this window the overlapping squared windows add up to exactly 3/2
    (Griffin & Lim 1984), hence ``inverse(forward(wav))`` is ``wav``.

    Example
    -------
    >>> stft = CausalSTFT()
    >>> wav = torch.randn(2, 1000)
    >>> spectrum = stft(wav)
    >>> spectrum.shape
    torch.Size([2, 9, 241, 2])
    >>> torch.allclose(stft.inverse(spectrum, 1000), wav, atol=1e-5)
    True
    """

    def __init__(self):
        super().__init__()
        window = torch.hann_window(WINDOW, periodic=True).sqrt()
        self.register_buffer("window", window, persistent=False)
        self.bins = WINDOW // 2 + 1

    def forward(self, wav: Tensor) -> Tensor:
        """Spectra of whole signals.

        Arguments
        ---------
        wav : Tensor
            Signals, ``[batch, time]``, 16 kHz.

        Returns
        -------
        Tensor
            ``[batch, ceil(time / 160) + 2, 241, 2]``; the two last steps only hold
            the tails that the synthesis needs.
        """
        steps = -(-wav.shape[-1] // HOP) + 2
        history = WINDOW - HOP
        padded = functional.pad(
            wav, (history, steps * HOP - wav.shape[-1])
        )  # [batch, 320 + 160 steps]
        return self.analyse(padded)

    def analyse(self, samples: Tensor) -> Tensor:
        """Spectra of every full window in ``samples`` (no padding).

        Arguments
        ---------
        samples : Tensor
            ``[batch, 320 + 160 n]``.

        Returns
        -------
        Tensor
            ``[batch, n, 241, 2]``.
        """
        frames = samples.float().unfold(-1, WINDOW, HOP)  # [batch, n, 480]
        return self.cut(torch.view_as_real(torch.fft.rfft(frames * self.window)))

    def cut(self, spectrum: Tensor) -> Tensor:
        """What is kept of spectra ``[batch, n, 241, 2]``: all of them."""
        return spectrum

    def frames(self, spectrum: Tensor) -> Tensor:
        """Windowed time frames of spectra, ``[batch, n, 480]``, ready to add."""
        spectrum = torch.view_as_complex(spectrum.float().contiguous())
        frames = torch.fft.irfft(spectrum, n=WINDOW)
        return frames * self.window * (2.0 / 3.0)

    def overlap_add(self, frames: Tensor) -> Tensor:
        """Adds frames ``[batch, n, 480]`` at their hops: ``[batch, 160 n + 320]``."""
        batch, steps, _ = frames.shape
        thirds = frames.reshape(batch, steps, 3, HOP)
        total = frames.new_zeros(batch, steps + 2, HOP)
        for third in range(3):
            total[:, third : third + steps] += thirds[:, :, third]
        return total.reshape(batch, -1)

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """Signals of spectra made by ``forward``.

        Arguments
        ---------
        spectrum : Tensor
            ``[batch, ceil(samples / 160) + 2, 241, 2]``.
        samples : int
            Length of the signals.

        Returns
        -------
        Tensor
            ``[batch, samples]``.
        """
        wav = self.overlap_add(self.frames(spectrum))
        return wav[:, WINDOW - HOP : WINDOW - HOP + samples]


def compress(spectrum: Tensor) -> Tensor:
    """Raises the magnitude of a spectrum to the power of 0.3 and keeps its phase.

    The compression evens out loud and quiet speech, as the ear does (used for
    enhancement since Ephrat et al. 2018).

    Arguments
    ---------
    spectrum : Tensor
        ``[..., 2]``.

    Returns
    -------
    Tensor
        ``[..., 2]``.
    """
    # The little that is added bounds the gradient in silence.
    energy = spectrum.square().sum(-1, keepdim=True) + 1e-8
    return spectrum * energy.pow((0.3 - 1.0) / 2.0)


def mel_matrix(bands: int, bins: int = WINDOW // 2 + 1, rate: int = 16000) -> Tensor:
    """Triangular filters, evenly spaced on the mel scale (O'Shaughnessy 1987): ``[bins,
    bands]`` from 0 to half the rate in hertz; every column sums to one."""
    hertz = torch.linspace(0, rate / 2, bins, dtype=torch.float64)
    top = 2595 * torch.log10(torch.tensor(1 + rate / 2 / 700, dtype=torch.float64))
    edges = 700 * (10 ** (torch.linspace(0, 1, bands + 2).double() * top / 2595) - 1)
    # A filter narrower than a bin would cover no bin: widen it to one.
    width = rate / 2 / (bins - 1)
    left = torch.minimum(edges[:-2], edges[1:-1] - width)
    right = torch.maximum(edges[2:], edges[1:-1] + width)
    rise = (hertz[:, None] - left) / (edges[1:-1] - left)
    fall = (right - hertz[:, None]) / (right - edges[1:-1])
    weights = torch.minimum(rise, fall).clamp(min=0)
    return (weights / weights.sum(0, keepdim=True)).float()
