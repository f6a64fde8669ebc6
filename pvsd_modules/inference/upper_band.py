"""The gain of what lies above 8 kHz, which the networks do not process."""

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from pvsd_modules.alignment import HOP, SAMPLE_RATE

_FROM = 5000.0  # hertz: from here to 8 kHz is taken as an example of what lies above
_TAPS = 63  # of the filter that passes it
_FADING = 0.5  # of the energy, from hop to hop: 3 dB in 10 ms
_HOPS = 16  # hops of the past that count
#: The gain is at least this part (-30 dB) of the gain of the whole band: a band that
#: is closed and opened again is audible. Without speech that is small, too.
_FLOOR = 0.03


class UpperBandGain:
    """Follows by how much the enhanced speech is quieter than the noisy, 5 to 8 kHz.

    The gain is the square root of the ratio of energies, smoothed in time: it
    follows the loudest sound in a few hops of 10 ms at once, and falls where speech
    ends. It never exceeds 1.

    Example
    -------
    >>> gain = UpperBandGain()
    >>> noise = torch.randn(1, 1600)
    >>> gain.feed(noise, 0.25 * noise)[0, -1]
    tensor(0.2500)
    """

    def __init__(self) -> None:
        time = torch.arange(_TAPS, dtype=torch.float64) - _TAPS // 2
        cutoff = 2 * _FROM / SAMPLE_RATE
        low = cutoff * torch.sinc(cutoff * time) * torch.hann_window(
            _TAPS + 2, periodic=False, dtype=torch.float64
        )[1:-1]  # fmt: skip
        self._filter = ((time == 0).double() - low / low.sum()).float()[None, None]
        fading = _FADING ** torch.arange(_HOPS - 1, -1, -1, dtype=torch.float32)
        self._fading = fading[None, None]
        self._samples: Tensor | None = None
        self._energies: Tensor | None = None

    @torch.no_grad()
    def feed(self, noisy: Tensor, enhanced: Tensor) -> Tensor:
        """Takes whole hops, returns the gain at the end of each.

        Arguments
        ---------
        noisy, enhanced : torch.Tensor
            ``[rows, 160 n]`` at 16 kHz.

        Returns
        -------
        torch.Tensor
            ``[rows, n]``, 0 to 1.
        """
        pair = torch.stack([noisy, enhanced]).flatten(0, 1)[:, None]  # [2 rows, 1, t]
        if self._samples is None or self._energies is None:
            self._samples = pair.new_zeros(len(pair), 1, _TAPS - 1)
            self._energies = pair.new_zeros(2 * len(pair), 1, _HOPS - 1)
        known = torch.cat([self._samples, pair], 2)
        self._samples = known[:, :, -(_TAPS - 1) :].clone()
        upper = conv1d(known, self._filter.to(pair.device))
        energies = torch.cat([upper, pair]).square()  # [4 rows, 1, 160 n]
        energies = energies.unflatten(2, (-1, HOP)).mean(3)
        energies = torch.cat([self._energies, energies], 2)
        self._energies = energies[:, :, -(_HOPS - 1) :].clone()
        smooth = conv1d(energies, self._fading.to(pair.device))[:, 0]  # [4 rows, n]
        noisy_upper, upper, noisy_whole, whole = smooth.chunk(4)
        gain = ((upper + 1e-30) / (noisy_upper + 1e-30)).sqrt()
        floor = _FLOOR * ((whole + 1e-30) / (noisy_whole + 1e-30)).sqrt()
        return torch.maximum(gain, floor).clamp(max=1.0)
