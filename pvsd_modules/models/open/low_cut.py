"""Spectra without what lies below speech."""

import torch
from torch import Tensor

from pvsd_modules.models.open.spectra import CausalSTFT


class LowCutSTFT(CausalSTFT):
    """A `CausalSTFT` that hears no DC offset and nothing below its first bin.

    A constant leaks into the lowest five bins of this window. It is taken away with the
    lowest bin, which tells how large it is: the same as removing from every window its
    weighted mean. The phase of what is kept is that of the input, which a filter in the
    time domain cannot say of itself without looking ahead.

    Arguments
    ---------
    first : int
        The lowest bin that is kept; bins are 33 Hz apart.

    Example
    -------
    >>> stft = LowCutSTFT(2)
    >>> wav = torch.randn(1, 3000)
    >>> bool(torch.allclose(stft(wav)[:, 2:-3], stft(wav + 0.5)[:, 2:-3], atol=1e-3))
    True
    """

    def __init__(self, first: int = 2):
        super().__init__()
        self.first = first
        leak = torch.view_as_real(torch.fft.rfft(self.window))  # [241, 2]
        leak = leak / leak[0, 0]
        self.register_buffer("leak", leak, persistent=False)

    def cut(self, spectrum: Tensor) -> Tensor:
        """Spectra ``[batch, n, 241, 2]`` without what lies below ``first``."""
        spectrum = spectrum - spectrum[:, :, :1, :1] * self.leak
        return torch.nn.functional.pad(
            spectrum[:, :, self.first :], (0, 0, self.first, 0)
        )
