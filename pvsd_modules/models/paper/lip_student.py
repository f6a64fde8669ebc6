"""The paper's lip student: the mouth that goes with a noisy sound.

Hegde et al., "Visual Speech Enhancement Without A Real Visual Stream", WACV
2021: Wav2Lip's decoder without the face, learnt from Wav2Lip's own pictures.
23.3 million parameters, 1.37 GMAC a frame.
"""

import torch
from torch import nn

from pvsd_modules.models.paper.blocks import (
    conv2d,
    flatten_frames,
    in_chunks,
    mel_encoder,
    residual2d,
    unflatten_frames,
    upconv2d,
)


class LipStudent(nn.Module):
    """Draws one mouth per mel window.

    Arguments
    ---------
    chunk_frames : int, optional
        Frames drawn at once outside of training, to bound memory; all by
        default. In training batch normalisation has to see every frame.

    Example
    -------
    >>> LipStudent().eval()(torch.zeros(1, 2, 1, 80, 16)).shape
    torch.Size([1, 3, 2, 48, 96])
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.chunk_frames = chunk_frames
        self.audio_encoder = mel_encoder((64, 128, 256, 512, 512))
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(conv2d(512, 512, kernel=1, padding=0)),  # 1 x 1
                nn.Sequential(
                    upconv2d(512, 512, stride=1, padding=0, extra=0),  # 3 x 3
                    residual2d(512),
                ),
                _doubling(512, 512),  # 6 x 6
                _doubling(512, 256),  # 12 x 12
                _doubling(256, 128),  # 24 x 24
                _doubling(128, 64),  # 48 x 48
                # A mouth is twice as wide as high: only the width doubles.
                _doubling(64, 32, stride=(1, 2), extra=(0, 1)),  # 48 x 96
            ]
        )
        self.output_block = nn.Sequential(
            conv2d(32, 16), nn.Conv2d(16, 3, 1), nn.Sigmoid()
        )

    def _draw(self, mels: torch.Tensor) -> torch.Tensor:
        x = self.audio_encoder(mels)  # [N, 512, 1, 1]
        for block in self.face_decoder_blocks:
            x = block(x)  # [N, 32, 48, 96] after the last
        return self.output_block(x)  # [N, 3, 48, 96]

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Draws the lower half of the face.

        Arguments
        ---------
        mels : torch.Tensor
            ``[batch, frames, 1, 80, 16]``, see ``features.Wav2LipMel``.

        Returns
        -------
        torch.Tensor
            ``[batch, 3, frames, 48, 96]``, values 0..1, channels blue, green,
            red: the order of the pictures the original was trained on.
        """
        images = flatten_frames(mels, time=1)  # [T * B, 1, 80, 16]
        size = None if self.training else self.chunk_frames
        lips = in_chunks(self._draw, (images,), size)  # [T * B, 3, 48, 96]
        return unflatten_frames(lips, *mels.shape[:2])  # [B, 3, T, 48, 96]


def _doubling(inputs: int, outputs: int, stride=2, extra=1) -> nn.Sequential:
    return nn.Sequential(
        upconv2d(inputs, outputs, stride=stride, extra=extra),
        residual2d(outputs),
        residual2d(outputs),
    )
