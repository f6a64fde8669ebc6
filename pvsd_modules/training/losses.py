"""What the trainings minimise."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.models.open.spectra import compress
from pvsd_modules.training.loudness_loss import LoudnessLoss


class FeatureL1(nn.Module):
    """The paper's loss: mean absolute error between the 514-value spectra."""

    def forward(self, predictions: dict, targets: dict) -> Tensor:
        """``features`` of both, ``[batch, steps, 514]``."""
        return functional.l1_loss(predictions["features"], targets["features"])


class CompressedSpectralLoss(nn.Module):
    """Compressed magnitudes and complex spectra at several resolutions, and SDR.

    The error of compressed spectra follows loudness (Ephrat et al. 2018, Braun &
    Tashev 2021); several resolutions keep both transients and harmonics; a little
    SDR keeps the waveform in phase. All signals are first divided by the level of
    the noisy one, so that quiet recordings weigh as much as loud ones.

    Arguments
    ---------
    resolutions : list of int
        Window lengths in samples; the hop is a third of each.
    complex_weight : float
        Share of the complex part, the rest is magnitude.
    sdr_weight : float
        Weight of the SDR term, in units of 10 dB.
    scale_invariant : bool
        Whether that is SI-SDR (Le Roux et al. 2019), which does not mind if all comes
        out too quiet; with it alone clean speech lost 2 dB.
    loudness_weight : float
        Weight of the perceptual term,
        `pvsd_modules.training.loudness_loss.LoudnessLoss`.

    Example
    -------
    >>> loss = CompressedSpectralLoss()
    >>> wav = torch.randn(1, 4000)
    >>> same = loss({"enhanced": wav}, {"clean": wav, "noisy": wav})
    >>> other = loss({"enhanced": 0.5 * wav}, {"clean": wav, "noisy": wav})
    >>> bool(same < other)
    True
    """

    def __init__(
        self,
        resolutions=(240, 480, 960),
        complex_weight: float = 0.3,
        sdr_weight: float = 0.02,
        loudness_weight: float = 0.0,
        scale_invariant: bool = False,
    ):
        super().__init__()
        self.scale_invariant = scale_invariant
        self.loudness_weight = loudness_weight
        self.loudness = LoudnessLoss() if loudness_weight else None
        self.complex_weight = complex_weight
        self.sdr_weight = sdr_weight
        self.resolutions = list(resolutions)

    def forward(self, predictions: dict, targets: dict) -> Tensor:
        """Loss of a batch.

        Arguments
        ---------
        predictions : dict
            ``enhanced`` ``[batch, time]``.
        targets : dict
            ``clean`` and ``noisy``, ``[batch, time]``.

        Returns
        -------
        Tensor
            A scalar.
        """
        level = targets["noisy"].square().mean(-1, keepdim=True).sqrt() + 1e-5
        enhanced = predictions["enhanced"] / level
        clean = targets["clean"] / level
        total = enhanced.new_zeros(())
        for window in self.resolutions:
            total = total + self._spectral(enhanced, clean, window)
        total = total / len(self.resolutions)
        if self.sdr_weight:
            total = total - self.sdr_weight * self._sdr(enhanced, clean) / 10
        if self.loudness is not None:
            heard = self.loudness.to(enhanced.device)(enhanced, clean).mean()
            total = total + self.loudness_weight * heard
        return total

    def _spectral(self, enhanced: Tensor, clean: Tensor, window: int) -> Tensor:
        def spectrum(wav):
            spectrum = torch.stft(
                wav,
                window,
                window // 3,
                window=torch.hann_window(window, device=wav.device),
                return_complex=True,
            )
            return compress(torch.view_as_real(spectrum) / window**0.5, floor=1e-6)

        a, b = spectrum(enhanced), spectrum(clean)
        magnitude = functional.mse_loss(
            (a.square().sum(-1) + 1e-9).sqrt(), (b.square().sum(-1) + 1e-9).sqrt()
        )
        complex_part = 2 * functional.mse_loss(a, b)
        share = self.complex_weight
        return (1 - share) * magnitude + share * complex_part

    def _sdr(self, enhanced: Tensor, clean: Tensor) -> Tensor:
        """Mean SDR in dB over the items with speech, bounded to -30..40."""
        spoken = clean.square().mean(-1) > 1e-6
        if not spoken.any():
            return enhanced.new_zeros(())
        enhanced, clean = enhanced[spoken], clean[spoken]
        target = clean
        if self.scale_invariant:
            scale = (enhanced * clean).sum(-1, True) / clean.square().sum(-1, True)
            target = scale * clean
        error = (enhanced - target).square().sum(-1)
        power = target.square().sum(-1)
        # The bound is soft so that perfect or hopeless items stop pulling.
        ratio = (power + 1e-3 * error + 1e-8) / (error + 1e-4 * power + 1e-8)
        return 10 * torch.log10(ratio).mean()


class LipLoss(nn.Module):
    """Absolute error of the pixels and, optionally, of their change in time.

    Arguments
    ---------
    motion_weight : float
        Weight of the absolute error between successive differences: keeps the
        mouth moving where the plain error is content with a mean.
    pixel_scale : float
        Factor on the errors, so that learning rates suit them.
    squared_weight : float
        Weight of the squared error. The best guess under an absolute error is the
        median, a closed mouth where mouths are mostly closed; under a squared one it
        is the mean, which moves. Short trainings want some of it.
    """

    def __init__(
        self,
        motion_weight: float = 0.0,
        pixel_scale: float = 1.0,
        squared_weight: float = 0.0,
    ):
        super().__init__()
        self.motion_weight = motion_weight
        self.pixel_scale = pixel_scale
        self.squared_weight = squared_weight

    def forward(self, drawn: Tensor, wanted: Tensor) -> Tensor:
        """Both ``[batch, frames, 48, 96, 3]``; a scalar."""
        loss = functional.l1_loss(drawn, wanted)
        if self.motion_weight:
            loss = loss + self.motion_weight * functional.l1_loss(
                drawn.diff(dim=1), wanted.diff(dim=1)
            )
        if self.squared_weight:
            loss = loss + self.squared_weight * functional.mse_loss(drawn, wanted)
        return self.pixel_scale * loss
