"""The paper's denoiser: noisy spectra and lips in, clean spectra out.

Hegde et al., "Visual Speech Enhancement Without A Real Visual Stream", WACV
2021: sound and lips are encoded apart, joined at 100 steps a second, and what
the decoder finds is added to the noisy spectrum before a sigmoid. 64.4 million
parameters, 9.6 GMAC a second of audio.
"""

import torch
from torch import nn

from pvsd_modules.models.paper.blocks import (
    conv1d,
    conv2d,
    flatten_frames,
    in_chunks,
    residual1d,
    residual2d,
)


class AVDenoiser(nn.Module):
    """Cleans a spectrum with the help of lips.

    Arguments
    ---------
    chunk_frames : int, optional
        Lip frames encoded at once outside of training, to bound memory; all by
        default.

    Example
    -------
    >>> lips = torch.zeros(1, 3, 2, 48, 96)
    >>> AVDenoiser().eval()(torch.zeros(1, 8, 514), lips).shape
    torch.Size([1, 8, 514])
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.chunk_frames = chunk_frames
        self.face_encoder = nn.Sequential(
            conv2d(3, 32, kernel=5, stride=(1, 2), padding=2),  # [N, 32, 48, 48]
            residual2d(32),
            conv2d(32, 64, stride=2),  # [N, 64, 24, 24]
            residual2d(64),
            conv2d(64, 128, stride=2),  # [N, 128, 12, 12]
            residual2d(128),
            conv2d(128, 256, stride=2),  # [N, 256, 6, 6]
            residual2d(256),
            conv2d(256, 512, stride=2),  # [N, 512, 3, 3]
            residual2d(512),
            conv2d(512, 512, stride=3),  # [N, 512, 1, 1], sees rows and columns 0, 1
            conv2d(512, 512, kernel=1, padding=0),
        )
        self.time_upsampler = nn.Sequential(
            nn.Upsample(scale_factor=2),  # [B, 512, 2 F]
            conv1d(512, 512),
            nn.Upsample(scale_factor=2),  # [B, 512, 4 F]
            conv1d(512, 512),
        )
        self.audio_encoder = nn.Sequential(
            conv1d(514, 600), *(residual1d(600) for _ in range(5)), conv1d(600, 600)
        )
        self.decoder = nn.Sequential(
            conv1d(600 + 512, 1024),
            *(residual1d(1024) for _ in range(14)),
            nn.Conv1d(1024, 514, 1),
        )

    def encode_lips(self, lips: torch.Tensor) -> torch.Tensor:
        """One vector a frame: ``[B, 3, F, 48, 96]`` to ``[B, 512, F]``."""
        images = flatten_frames(lips, time=2)  # [F * B, 3, 48, 96]
        size = None if self.training else self.chunk_frames
        vectors = in_chunks(self.face_encoder, (images,), size)  # [F * B, 512, 1, 1]
        vectors = vectors.reshape(lips.shape[2], lips.shape[0], 512)  # [F, B, 512]
        return vectors.permute(1, 2, 0)  # [B, 512, F]

    def forward(self, spectra: torch.Tensor, lips: torch.Tensor) -> torch.Tensor:
        """Cleans the spectra.

        Arguments
        ---------
        spectra : torch.Tensor
            ``[batch, 4 * frames, 514]``, see ``features.MagnitudePhase``.
        lips : torch.Tensor
            ``[batch, 3, frames, 48, 96]``, values 0..1, blue, green, red.

        Returns
        -------
        torch.Tensor
            ``[batch, 4 * frames, 514]``, values 0..1.
        """
        noisy = spectra.transpose(1, 2)  # [B, 514, S]
        dtype = next(self.parameters()).dtype  # less than float32 in some fused copies
        visual = self.time_upsampler(self.encode_lips(lips.to(dtype)))  # [B, 512, S]
        audio = self.audio_encoder(noisy.to(dtype))  # [B, 600, S]
        change = self.decoder(torch.cat([audio, visual], dim=1))  # [B, 514, S]
        return torch.sigmoid(change + noisy).transpose(1, 2)  # [B, S, 514]
