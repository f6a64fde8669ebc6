"""The paper's lip teacher: the generator of Wav2Lip.

Prajwal, Mukhopadhyay, Namboodiri, Jawahar, "A Lip Sync Expert Is All You Need
for Speech to Lip Generation In The Wild", ACM Multimedia 2020: a U-net over a
face whose lower half is masked, steered by a mel window at its narrowest point.
36.3 million parameters, 3.97 GMAC a frame; 2.4 for the lower half of a still face.
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

# Rows that follow each decoder block, and those of them, counted from the bottom, that
# the lower 48 rows of the output need: a 3 x 3 convolution spoils one row at the cut.
ALL_ROWS = (1, 3, 6, 12, 24, 48, 96)
LOWER_ROWS = (1, 3, 5, 8, 14, 26, 49)


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

    def _encode(self, faces: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for block in self.face_encoder_blocks:
            faces = block(faces)  # [N, 512, 1, 1] after the last
            found.append(faces)
        return found[::-1]

    def _draw(self, mels: torch.Tensor, faces: list, lower: bool) -> torch.Tensor:
        rows = LOWER_ROWS if lower else ALL_ROWS
        x = self.audio_encoder(mels)  # [N, 512, 1, 1]
        for block, face, kept in zip(
            self.face_decoder_blocks, faces, rows, strict=True
        ):
            x = torch.cat([block(x)[:, :, -kept:], face[:, :, -kept:]], dim=1)
        drawn = self.output_block(x)  # [N, 3, 96, 96], or 49 x 96
        return drawn[:, :, -48:] if lower else drawn

    def forward(
        self, mels: torch.Tensor, faces: torch.Tensor, lower: bool = False
    ) -> torch.Tensor:
        """Draws faces.

        Arguments
        ---------
        mels : torch.Tensor
            ``[batch, frames, 1, 80, 16]``, see ``features.Wav2LipMel``.
        faces : torch.Tensor
            ``[batch, 6, frames, 96, 96]``, values 0..1: the face with rows 48
            and below set to 0, then a whole reference face, each blue, green,
            red. Of still faces, ``[batch or 1, 6, 1, 96, 96]``, each is encoded
            once; in training batch normalisation has to see every frame.
        lower : bool
            Whether only the lower half is wanted: the other rows are left out.

        Returns
        -------
        torch.Tensor
            ``[batch, 3, frames, 96, 96]``, values 0..1, blue, green, red; 48 x 96
            with ``lower``.
        """
        sounds = flatten_frames(mels, time=1)  # [T * B, 1, 80, 16]
        pictures = flatten_frames(faces, time=2)  # [T * B, 6, 96, 96]
        size = None if self.training else self.chunk_frames
        if len(pictures) == len(sounds):
            drawn = in_chunks(
                lambda mels, faces: self._draw(mels, self._encode(faces), lower),
                (sounds, pictures),
                size,
            )
        else:
            still = self._encode(pictures)
            which = torch.arange(len(sounds), device=mels.device) % len(pictures)
            drawn = in_chunks(
                lambda mels, which: self._draw(mels, [x[which] for x in still], lower),
                (sounds, which),
                size,
            )
        return unflatten_frames(drawn, *mels.shape[:2])  # [B, 3, T, 96 or 48, 96]


def _halving(inputs: int, outputs: int, residuals: int) -> nn.Sequential:
    return nn.Sequential(
        conv2d(inputs, outputs, stride=2),
        *(residual2d(outputs) for _ in range(residuals)),
    )


def _doubling(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        upconv2d(inputs, outputs), residual2d(outputs), residual2d(outputs)
    )
