"""Spectra without what lies below speech."""

import torch
from torch import Tensor

from pvsd_modules.models.open.spectra import CausalSTFT


class LowCutSTFT(CausalSTFT):
    """A `CausalSTFT` without DC offset and without the bins below ``first_bin``.

    A constant leaks into the lowest five bins of this window. Its size is read from the
    lowest bin and subtracted, which removes the weighted mean of every window. Unlike a
    causal filter in the time domain this does not change the phase of what is kept.

    Arguments
    ---------
    first_bin : int
        The lowest bin that is kept; bins are 33 Hz apart.

    Example
    -------
    >>> stft = LowCutSTFT(2)
    >>> wav = torch.randn(1, 3000)
    >>> bool(torch.allclose(stft(wav)[:, 2:-3], stft(wav + 0.5)[:, 2:-3], atol=1e-3))
    True
    """

    def __init__(self, first_bin: int = 2):
        super().__init__()
        self.first_bin = first_bin
        leak = torch.view_as_real(torch.fft.rfft(self.window))  # [241, 2]
        leak = leak / leak[0, 0]
        self.register_buffer("leak", leak, persistent=False)

    def cut(self, spectrum: Tensor) -> Tensor:
        """Spectra ``[batch, n, 241, 2]`` without what lies below ``first_bin``."""
        spectrum = spectrum - spectrum[:, :, :1, :1] * self.leak
        return torch.nn.functional.pad(
            spectrum[:, :, self.first_bin :], (0, 0, self.first_bin, 0)
        )
