"""The denoiser's loss, with nothing computed twice."""

import torch
from speechbrain.dataio.dataio import length_to_mask
from torch import Tensor, nn

from pvsd_modules.alignment import HOP
from pvsd_modules.models.open.spectra import WINDOW, CausalSTFT
from pvsd_modules.training.losses import item_means, reduced
from pvsd_modules.training.loudness_loss import LoudnessLoss

LONG_WINDOW = 960  # 60 ms, half overlapped


class DenoisingLoss(nn.Module):
    """Compressed spectra at two resolutions, SDR, and loudness.

    The error of compressed spectra follows loudness (Ephrat et al. 2018; Braun & Tashev
    2021), and a little SDR keeps the waveform in phase. All signals are first divided
    by the level of the noisy one, so that quiet recordings weigh as much as loud ones.

    The short resolution (30 ms, hop 10 ms) is that of the denoiser, whose enhanced
    spectra are compared as they are, without a detour through the waveform; the long
    one, 60 ms, resolves harmonics. Of the clean signal no gradient is kept, and its
    spectra and powers are computed once.

    Arguments
    ---------
    complex_weight : float
        Share of the complex part, the rest is magnitude.
    sdr_weight : float
        Weight of the SDR term, in units of 10 dB.
    loudness_weight : float
        Weight of `pvsd_modules.training.loudness_loss.LoudnessLoss`; 0 leaves it out.

    Example
    -------
    >>> loss = DenoisingLoss()
    >>> wav = torch.randn(1, 4800)
    >>> def of(gain):
    ...     enhanced = {"enhanced": gain * wav, "features": CausalSTFT()(gain * wav)}
    ...     return float(loss(enhanced, {"clean": wav, "noisy": wav}))
    >>> of(1.0) < of(0.9) < of(0.5)
    True
    """

    def __init__(
        self,
        complex_weight: float = 0.3,
        sdr_weight: float = 0.04,
        loudness_weight: float = 0.04,
    ):
        super().__init__()
        self.complex_weight = complex_weight
        self.sdr_weight = sdr_weight
        self.loudness_weight = loudness_weight
        self.loudness = LoudnessLoss() if loudness_weight else None
        self.stft = CausalSTFT()
        window = torch.hann_window(LONG_WINDOW)
        self.register_buffer("window", window, persistent=False)

    def forward(self, predictions, targets, lengths=None, reduction="mean") -> Tensor:
        """Loss of a batch.

        Arguments
        ---------
        predictions : dict
            ``enhanced`` ``[batch, time]``, and ``features``, its spectra as
            `CausalSTFT` returns them, ``[batch, steps, 241, 2]``.
        targets : dict
            ``clean`` and ``noisy``, ``[batch, time]``.
        lengths : Tensor or None
            Relative lengths of the items, ``[batch]``.
        reduction : str
            "mean" or "batch".

        Returns
        -------
        Tensor
            A scalar, or ``[batch]``.
        """
        self.to(predictions["enhanced"].device)
        enhanced, clean, level, samples = at_noisy_level(predictions, targets, lengths)
        steps = blocks = None
        if samples is not None:
            steps = (samples / HOP).ceil()
            blocks = (samples / (LONG_WINDOW // 2)).floor().clamp(min=1)
        features = predictions["features"] / level[..., None, None]
        total = self._compare(features, self.stft(clean), WINDOW, steps)
        long = (self._long(enhanced), self._long(clean))
        total = total + self._compare(*long, LONG_WINDOW, blocks)
        sdr = bounded_sdr(enhanced, clean, samples)
        total = total / 2 - self.sdr_weight * sdr / 10
        if self.loudness is not None:
            disturbance = self.loudness(enhanced, clean, samples)
            total = total + self.loudness_weight * disturbance
        return reduced(total, reduction)

    def _long(self, wav: Tensor) -> Tensor:
        """Spectra of ``[batch, time]`` with the long window, ``[batch, n, 481, 2]``."""
        hop = LONG_WINDOW // 2
        blocks = torch.nn.functional.pad(wav, (0, hop - wav.shape[-1] % hop))
        blocks = blocks.unflatten(-1, (-1, hop))
        frames = torch.cat([blocks[:, :-1], blocks[:, 1:]], -1) * self.window
        return torch.view_as_real(torch.fft.rfft(frames))

    def _compare(self, a: Tensor, b: Tensor, window: int, counts) -> Tensor:
        """Errors of compressed magnitudes and complex values of the items, ``[batch]``.

        With magnitudes A and B and the product P = Re(a b*) of the compressed spectra
        the two are (A - B)^2 and A^2 + B^2 - 2 P.
        """
        share = self.complex_weight
        with torch.no_grad():
            b_re, b_im, b_size = _compressed(b / window**0.5)
            constant = item_means(b_size.square(), counts)
        a_re, a_im, a_size = _compressed(a / window**0.5)
        product = a_re * b_re + a_im * b_im
        error = a_size * (a_size - 2 * (1 - share) * b_size) - 2 * share * product
        return item_means(error, counts) + constant


def _compressed(spectrum: Tensor, power: float = 0.3, floor: float = 1e-6):
    """Real and imaginary part and magnitude of a compressed spectrum ``[..., 2]``."""
    re, im = spectrum.unbind(-1)
    energy = re.square() + im.square() + floor
    gain = energy.pow((power - 1) / 2)
    return re * gain, im * gain, energy.sqrt() * gain


def at_noisy_level(predictions: dict, targets: dict, lengths: Tensor | None):
    """Enhanced and clean signals ``[batch, time]``, divided by the level of the noisy
    one and without what pads them; the levels, ``[batch, 1]``; and the lengths in
    samples, ``[batch]``, or None without relative lengths."""
    noisy, clean = targets["noisy"], targets["clean"]
    enhanced, samples = predictions["enhanced"], None
    if lengths is not None:
        samples = (lengths * noisy.shape[1]).round()
        mask = length_to_mask(samples, noisy.shape[1], noisy.dtype)
        noisy, clean, enhanced = noisy * mask, clean * mask, enhanced * mask
    level = item_means(noisy.square(), samples).sqrt()[:, None] + 1e-5
    return enhanced / level, clean / level, level, samples


def bounded_sdr(enhanced: Tensor, clean: Tensor, samples: Tensor | None = None):
    """SDR in dB of ``[batch, time]``, bounded to -30..40; 0 where there is no speech.

    Not SI-SDR, which does not mind if all comes out too quiet: with it alone clean
    speech lost 2 dB. Behind the lengths ``samples``, ``[batch]``, both signals are 0.
    """
    power = clean.square().sum(-1)
    error = (enhanced - clean).square().sum(-1)
    # The bound is soft so that perfect or hopeless items stop pulling.
    ratio = (power + 1e-3 * error + 1e-8) / (error + 1e-4 * power + 1e-8)
    spoken = (item_means(clean.square(), samples) > 1e-6).to(clean)
    return 10 * torch.log10(ratio) * spoken
