"""The paper's lip teacher: the generator of Wav2Lip.

Prajwal, Mukhopadhyay, Namboodiri, Jawahar, "A Lip Sync Expert Is All You Need
for Speech to Lip Generation In The Wild", ACM Multimedia 2020: a U-net over a
face whose lower half is masked, steered by a mel window at its narrowest point.
36.3 million parameters, 3.97 GMAC a frame.
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


class Wav2Lip(nn.Module):
    """Draws a face that says what a mel window sounds like.

    Arguments
    ---------
    chunk_frames : int, optional
        Frames drawn at once outside of training, to bound memory; all by
        default.

    Example
    -------
    >>> faces = torch.zeros(1, 6, 2, 96, 96)
    >>> Wav2Lip().eval()(torch.zeros(1, 2, 1, 80, 16), faces).shape
    torch.Size([1, 3, 2, 96, 96])
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.chunk_frames = chunk_frames
        self.face_encoder_blocks = nn.ModuleList(
            [
                nn.Sequential(conv2d(6, 16, kernel=7, padding=3)),  # 96 x 96
                _halving(16, 32, residuals=2),  # 48 x 48
                _halving(32, 64, residuals=3),  # 24 x 24
                _halving(64, 128, residuals=2),  # 12 x 12
                _halving(128, 256, residuals=2),  # 6 x 6
                _halving(256, 512, residuals=1),  # 3 x 3
                nn.Sequential(
                    conv2d(512, 512, padding=0),  # 1 x 1
                    conv2d(512, 512, kernel=1, padding=0),
                ),
            ]
        )
        self.audio_encoder = mel_encoder((32, 64, 128, 256, 512))
        # Inputs are the block below and, joined to it, the face of that size.
        self.face_decoder_blocks = nn.ModuleList(
            [
                nn.Sequential(conv2d(512, 512, kernel=1, padding=0)),  # 1 x 1
                nn.Sequential(
                    upconv2d(512 + 512, 512, stride=1, padding=0, extra=0),  # 3 x 3
                    residual2d(512),
                ),
                _doubling(512 + 512, 512),  # 6 x 6
                _doubling(512 + 256, 384),  # 12 x 12
                _doubling(384 + 128, 256),  # 24 x 24
                _doubling(256 + 64, 128),  # 48 x 48
                _doubling(128 + 32, 64),  # 96 x 96
            ]
        )
        self.output_block = nn.Sequential(
            conv2d(64 + 16, 32), nn.Conv2d(32, 3, 1), nn.Sigmoid()
        )

    def _draw(self, mels: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        skips = []
        for block in self.face_encoder_blocks:
            faces = block(faces)  # [N, 512, 1, 1] after the last
            skips.append(faces)
        x = self.audio_encoder(mels)  # [N, 512, 1, 1]
        for block in self.face_decoder_blocks:
            x = torch.cat([block(x), skips.pop()], dim=1)  # [N, 80, 96, 96] at last
        return self.output_block(x)  # [N, 3, 96, 96]

    def forward(self, mels: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """Draws whole faces.

        Arguments
        ---------
        mels : torch.Tensor
            ``[batch, frames, 1, 80, 16]``, see ``features.Wav2LipMel``.
        faces : torch.Tensor
            ``[batch, 6, frames, 96, 96]``, values 0..1: the face with rows 48
            and below set to 0, then a whole reference face, each blue, green,
            red.

        Returns
        -------
        torch.Tensor
            ``[batch, 3, frames, 96, 96]``, values 0..1, blue, green, red.
        """
        sounds = flatten_frames(mels, time=1)  # [T * B, 1, 80, 16]
        pictures = flatten_frames(faces, time=2)  # [T * B, 6, 96, 96]
        size = None if self.training else self.chunk_frames
        drawn = in_chunks(self._draw, (sounds, pictures), size)  # [T * B, 3, 96, 96]
        return unflatten_frames(drawn, *mels.shape[:2])  # [B, 3, T, 96, 96]


def _halving(inputs: int, outputs: int, residuals: int) -> nn.Sequential:
    return nn.Sequential(
        conv2d(inputs, outputs, stride=2),
        *(residual2d(outputs) for _ in range(residuals)),
    )


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        upconv2d(inputs, outputs), residual2d(outputs), residual2d(outputs)
    )
