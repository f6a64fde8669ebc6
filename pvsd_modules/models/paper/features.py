"""The two views of a sound that the paper's networks read.

``Wav2LipMel`` is the mel spectrogram Wav2Lip was trained on (Prajwal et al.,
"A Lip Sync Expert Is All You Need for Speech to Lip Generation In The Wild",
ACM Multimedia 2020); ``MagnitudePhase`` is the 514-value spectrum of Hegde et
al., "Visual Speech Enhancement Without A Real Visual Stream", WACV 2021.

The originals were computed in float64 and rounded to float32 at the end, and so
are these: logarithms and phases of faint bins magnify the rounding of a float32
transform a thousand times.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from pvsd_modules.alignment import HOP, SAMPLE_RATE
from pvsd_modules.models.inverse import inverse_stft

FLOOR = 1e-5  # amplitudes are raised to this before the logarithm: -100 dB


def _precise(wav: torch.Tensor) -> torch.Tensor:
    """In float64; Apple's GPUs have none, there float32 has to do."""
    return wav.float() if wav.device.type == "mps" else wav.double()


def _stft(wav: torch.Tensor, size: int, hop: int, length: int) -> torch.Tensor:
    """Hann spectra with reflected ends: ``[N, samples]`` to ``[N, bins, steps]``."""
    return torch.stft(
        wav,
        n_fft=size,
        hop_length=hop,
        win_length=length,
        window=torch.hann_window(length, dtype=wav.dtype, device=wav.device),
        pad_mode="reflect",
        return_complex=True,
    )


def _result_type(wav: torch.Tensor) -> torch.dtype:
    """Features are at least float32, also of integers and under mixed precision."""
    return torch.promote_types(wav.dtype, torch.float32)


def slaney_mel_basis(
    bins: int, mels: int, low: float, high: float, sample_rate: int = SAMPLE_RATE
) -> torch.Tensor:
    """Triangular mel filters on Slaney's scale, each of unit area: float64 ``[mels,
    bins]``.

    The scale of Slaney's Auditory Toolbox (1998): linear below 1 kHz with 15 mel per
    kHz, logarithmic above with 27 mel per factor of 6.4. Bins lie from 0 to half the
    sampling rate, both in; filters from ``low`` to ``high`` Hz. In float64: with the
    float32 filters of torchaudio the gradients of the parity tests differ by 2e-3.

    Example
    -------
    >>> slaney_mel_basis(401, 80, 55.0, 7600.0).shape
    torch.Size([80, 401])
    """
    step = math.log(6.4) / 27  # of the logarithmic part, a mel

    def to_mel(hertz):
        """Hertz to Slaney's mel."""
        return hertz * 0.015 if hertz < 1000 else 15 + math.log(hertz / 1000) / step

    mel = torch.linspace(to_mel(low), to_mel(high), mels + 2, dtype=torch.float64)
    edges = torch.where(mel < 15, mel / 0.015, 1000 * torch.exp((mel - 15) * step))
    grid = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)
    left, centre, right = (edges[i : i + mels, None] for i in range(3))  # [mels, 1]
    rising = (grid - left) / (centre - left)  # [mels, bins]
    falling = (right - grid) / (right - centre)  # [mels, bins]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return triangles * (2 / (right - left))  # unit area


class Wav2LipMel(nn.Module):
    """Wav2Lip's mel spectrogram.

    Pre-emphasis 0.97 that restarts in every window, an 800-point Hann window
    every 200 samples with reflected ends, 80 Slaney mels of the amplitude from
    55 to 7600 Hz, and decibels from -100 to 0 below a 20 dB reference mapped to
    -4..4 and clipped.

    Example
    -------
    >>> Wav2LipMel()(torch.zeros(2, 25, 3200)).shape
    torch.Size([2, 25, 80, 16])
    """

    def __init__(self):
        super().__init__()
        basis = slaney_mel_basis(401, 80, 55.0, 7600.0).float()
        # Not part of the state dict: a converted network holds weights only.
        self.register_buffer("basis", basis, persistent=False)

    def whole(self, wav: torch.Tensor) -> torch.Tensor:
        """Mel spectrogram of a whole signal.

        Arguments
        ---------
        wav : torch.Tensor
            ``[..., samples]``, more than 400 samples at 16 kHz.

        Returns
        -------
        torch.Tensor
            ``[..., 80, 1 + samples // 200]``, values -4..4.
        """
        flat = _precise(wav.reshape(-1, wav.shape[-1]))  # [N, samples]
        emphasised = flat - 0.97 * F.pad(flat, (1, 0))[:, :-1]
        amplitude = _stft(emphasised, 800, 200, 800).abs()  # [N, 401, columns]
        with torch.autocast(wav.device.type, enabled=False):
            mel = self.basis.to(amplitude.dtype) @ amplitude  # [N, 80, columns]
        decibels = 20 * torch.log10(mel.clamp(min=FLOOR)) - 20
        scaled = (8 * (decibels + 100) / 100 - 4).clamp(-4, 4)
        scaled = scaled.to(_result_type(wav))
        return scaled.reshape(*wav.shape[:-1], *scaled.shape[1:])  # [..., 80, columns]

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Mel spectrograms of 0.2 s windows.

        Arguments
        ---------
        windows : torch.Tensor
            ``[..., 3200]``, as ``alignment.lip_windows`` cuts them.

        Returns
        -------
        torch.Tensor
            ``[..., 80, 16]``; the 17th column is dropped, as in training.
        """
        if windows[..., 0].numel() == 0:
            return windows.new_zeros(*windows.shape[:-1], 80, 16)
        return self.whole(windows)[..., :-1]  # [..., 80, 16]


class MagnitudePhase(nn.Module):
    """The denoiser's spectrum: 257 log magnitudes, then 257 phases, each 0..1.

    A 512-point FFT of a 400-sample Hann window every 160 samples with reflected
    ends. Magnitude is ``(dB + 100) / 180``, phase ``(angle + pi) / (2 pi)``.

    The reflected end makes frame 0 of every signal even, hence its spectrum
    real: its phase is 0 or pi and the sign of pi is rounding noise. Compare
    phases on the circle, and expect nothing of frame 0.

    Example
    -------
    >>> spectra = MagnitudePhase()
    >>> wav = torch.rand(2, 1600) - 0.5
    >>> spectra(wav).shape
    torch.Size([2, 11, 514])
    >>> bool(torch.allclose(spectra.inverse(spectra(wav), 1600), wav, atol=1e-4))
    True
    """

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        """Analyses a signal.

        Arguments
        ---------
        wav : torch.Tensor
            ``[batch, samples]``, more than 256 samples at 16 kHz.

        Returns
        -------
        torch.Tensor
            ``[batch, 1 + samples // 160, 514]``.
        """
        spectrum = _stft(_precise(wav), 512, HOP, 400).transpose(
            1, 2
        )  # [batch, steps, 257]
        decibels = 20 * torch.log10(spectrum.abs().clamp(min=FLOOR))
        magnitude = (decibels + 100) / 180
        phase = (spectrum.angle() + math.pi) / (2 * math.pi)
        both = torch.cat([magnitude, phase], dim=2)  # [batch, steps, 514]
        return both.to(_result_type(wav))

    def inverse(
        self, features: torch.Tensor, samples: int | None = None
    ) -> torch.Tensor:
        """Turns spectra back into sound by overlap-add.

        Arguments
        ---------
        features : torch.Tensor
            ``[batch, steps, 514]``, steps 1 or more.
        samples : int, optional
            Samples wanted; ``160 (steps - 1)``, the original's, by default.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``.
        """
        features = features.to(_result_type(features))
        magnitude, phase = features.transpose(1, 2).chunk(2, dim=1)  # [batch, 257, S]
        amplitude = 10 ** ((180 * magnitude - 100) / 20)
        spectrum = torch.polar(amplitude, math.pi * (2 * phase - 1))
        window = torch.hann_window(400, device=features.device).to(features)
        return inverse_stft(spectrum, window, HOP, samples)  # [batch, samples]
