"""Normalises the level of spectra causally."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvsd_modules.models.open.spectra import WINDOW

#: Mean magnitude that is aimed at, full scale being 1: speech at about -32 dB.
TARGET = 0.02
#: Quieter steps (-80 dB) do not count, so that digital silence has no effect.
SILENCE = 1e-4
#: The mean starts as if so many steps of the target's level came before the first.
PRIOR_STEPS = 5.0
#: Bins from here on count (100 Hz): rumble and DC are not speech.
FIRST_BIN = 3
_FADING = 40.0  # in a block, as an exponent of e: float32 holds it


class LevelPast(NamedTuple):
    """Decayed sums of magnitudes and of ones, both ``[batch]``, less the prior's."""

    total: Tensor
    count: Tensor


class RunningLevel(nn.Module):
    """Divides every step of a spectrum by the running mean level of its input.

    The mean forgets exponentially, and at the beginning weighs all steps alike, so
    that a recording 30 dB too quiet is as good as any after a fraction of a second. It
    has no parameters and is causal.

    Arguments
    ---------
    seconds : float
        Time constant of forgetting; 0 leaves spectra as they are.

    Example
    -------
    >>> level = RunningLevel(3.0)
    >>> quiet = 0.01 * torch.randn(1, 2000, 241, 2)
    >>> steady = level(quiet)[0][:, 1000:]
    >>> bool(torch.allclose(steady, level(100 * quiet)[0][:, 1000:], rtol=0.02))
    True
    """

    def __init__(self, seconds: float):
        super().__init__()
        #: Steps that are computed at once.
        self.block = int(_FADING * 100 * seconds)
        self.decay = float(torch.exp(torch.tensor(-0.01 / seconds))) if seconds else 0.0

    @torch.no_grad()
    def level(self, spectrum: Tensor, past: LevelPast | None = None):
        """Running means of magnitude, ``[batch, steps]``, and what to hand on."""
        rms = spectrum[:, :, FIRST_BIN:].float().square().sum((-1, -2))
        # By Parseval the root mean square of the samples; the window halves the power.
        rms = (rms * (4.0 / WINDOW**2)).sqrt()  # [batch, steps]
        if past is None:
            nothing = rms.new_zeros(rms.shape[:1])
            past = LevelPast(nothing, nothing)
        total, count = past.total + TARGET * PRIOR_STEPS, past.count + PRIOR_STEPS
        means = []
        # In blocks, since the powers of the decay leave the range of numbers.
        short = rms.shape[1] <= self.block
        for block in (rms,) if short else rms.split(self.block, 1):
            sound = (block > SILENCE).to(block)
            faded = self.decay ** sound.cumsum(1)
            totals = faded * (total[:, None] + (sound * block / faded).cumsum(1))
            counts = faded * count[:, None] + (1 - faded) / (1 - self.decay)
            means.append(totals / counts)
            total, count = totals[:, -1], counts[:, -1]
        past = LevelPast(total - TARGET * PRIOR_STEPS, count - PRIOR_STEPS)
        return torch.cat(means, 1), past

    def forward(self, spectrum: Tensor, past: LevelPast | None = None):
        """Spectra at the target's level, and what to hand on.

        Arguments
        ---------
        spectrum : Tensor
            ``[batch, steps, 241, 2]``, a step or more, of
            `pvsd_modules.models.open.spectra.CausalSTFT`.
        past : LevelPast or None
            What the call before gave.

        Returns
        -------
        Tensor
            As ``spectrum``.
        LevelPast or None
            None if spectra are left as they are.
        """
        if not self.decay:
            return spectrum, None
        level, past = self.level(spectrum, past)
        return spectrum * (TARGET / level)[..., None, None], past
