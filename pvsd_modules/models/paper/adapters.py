"""Joins the paper's networks to the contract of the package.

The contract speaks of sound ``[batch, samples]`` at 16 kHz and of lips ``[batch,
frames, 48, 96, 3]`` in red, green, blue. The paper's networks want mel windows
and spectra, put channels first, and saw pictures in blue, green, red, as OpenCV
reads them.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from pvsd_modules.alignment import (
    LIP_HEIGHT,
    LIP_WIDTH,
    SAMPLES_PER_FRAME,
    frame_count,
    lip_windows,
)
from pvsd_modules.models.paper.av_denoiser import AVDenoiser
from pvsd_modules.models.paper.features import MagnitudePhase, Wav2LipMel
from pvsd_modules.models.paper.folding import fused_copy
from pvsd_modules.models.paper.lip_student import LipStudent
from pvsd_modules.models.paper.neutral_face import neutral_face
from pvsd_modules.models.paper.wav2lip import Wav2Lip


def pictures_to_network(pictures: torch.Tensor) -> torch.Tensor:
    """RGB ``[B, F, H, W, 3]`` to BGR ``[B, 3, F, H, W]``."""
    return pictures.flip(-1).permute(0, 4, 1, 2, 3)  # [B, 3, F, H, W]


def pictures_from_network(pictures: torch.Tensor) -> torch.Tensor:
    """BGR ``[B, 3, F, H, W]`` to float32 RGB ``[B, F, H, W, 3]``."""
    return pictures.permute(0, 2, 3, 4, 1).flip(-1).float()  # [B, F, H, W, 3]


class _Adapter(nn.Module):
    """A network of the paper, and a fused copy for inference (BatchNorm folded)."""

    dtype = torch.float32  # of what the network is given
    neutral = None  # this family generates whole frames, not deviations

    def for_inference(self, dtype: torch.dtype | None = None) -> nn.Module:
        """A copy that gives the same output with less work, and cannot be trained.

        Arguments
        ---------
        dtype : torch.dtype, optional
            Of the network within, such as ``torch.bfloat16``; what goes in and comes
            out stays float32.

        Returns
        -------
        nn.Module
            Of the same class; the names of its parameters differ.
        """
        fused = copy.deepcopy(self, {id(self.network): self.network})
        network = fused_copy(self.network, dtype)
        fused.network = network.to(memory_format=torch.channels_last)
        fused.dtype = self.dtype if dtype is None else dtype
        return fused.eval()


class PaperLipStudent(_Adapter):
    """Hallucinates lips from noisy speech with the paper's student.

    Arguments
    ---------
    chunk_frames : int, optional
        Frames drawn at once outside of training; all by default.

    Example
    -------
    >>> PaperLipStudent().eval()(torch.zeros(1, 700)).shape
    torch.Size([1, 2, 48, 96, 3])
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.mel = Wav2LipMel()
        # A little faster, and another order of rounding: the network alone, which
        # parity is measured on, stays as it is.
        self.network = LipStudent(chunk_frames).to(memory_format=torch.channels_last)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Draws the lips.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, samples]`` at 16 kHz.

        Returns
        -------
        torch.Tensor
            ``[batch, frame_count(samples), 48, 96, 3]`` RGB, values 0..1.
        """
        return self.draw_windows(lip_windows(noisy))

    def draw_windows(self, windows: torch.Tensor) -> torch.Tensor:
        """Draws frames from the sound around each, which is all that they depend on.

        Arguments
        ---------
        windows : torch.Tensor
            ``[batch, frames, 3200]``, see ``alignment.lip_windows``.

        Returns
        -------
        torch.Tensor
            ``[batch, frames, 48, 96, 3]`` RGB, values 0..1.
        """
        mels = self.mel(windows).unsqueeze(2)  # [B, F, 1, 80, 16]
        lips = self.network(mels.to(self.dtype))  # [B, 3, F, 48, 96]
        return pictures_from_network(lips)  # [B, F, 48, 96, 3]


class PaperLipTeacher(_Adapter):
    """Draws the lips of clean speech with Wav2Lip, in a face that stands still.

    Arguments
    ---------
    chunk_frames : int, optional
        Frames drawn at once outside of training; all by default.

    Example
    -------
    >>> PaperLipTeacher().eval()(torch.zeros(1, 700)).shape
    torch.Size([1, 2, 48, 96, 3])
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.mel = Wav2LipMel()
        self.network = Wav2Lip(chunk_frames)
        self.register_buffer("face", neutral_face(), persistent=False)

    def forward(
        self, clean: torch.Tensor, face: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draws the lips.

        Arguments
        ---------
        clean : torch.Tensor
            ``[batch, samples]`` at 16 kHz.
        face : torch.Tensor, optional
            ``[96, 96, 3]`` or ``[batch, 96, 96, 3]`` RGB, values 0..1: whose lips.
            The network sees its upper half, and the whole for reference. A plain
            drawn face by default.

        Returns
        -------
        torch.Tensor
            ``[batch, frame_count(samples), 48, 96, 3]`` RGB, values 0..1.
        """
        face = self.face if face is None else face.to(self.face)
        whole = pictures_to_network(face.reshape(-1, 1, *self.face.shape))
        upper = F.pad(whole[..., :-LIP_HEIGHT, :], (0, 0, 0, LIP_HEIGHT))  # masked
        faces = torch.cat([upper, whole], dim=1)  # [B or 1, 6, 1, 96, 96]
        mels = self.mel(lip_windows(clean)).unsqueeze(2)  # [B, F, 1, 80, 16]
        if self.training:
            faces = faces.expand(len(mels), -1, mels.shape[1], -1, -1)
        drawn = self.network(
            mels.to(self.dtype), faces.to(self.dtype), lower=not self.training
        )
        return pictures_from_network(drawn[..., -LIP_HEIGHT:, :])  # [B, F, 48, 96, 3]


class PaperDenoiser(_Adapter):
    """Cleans speech with the paper's denoiser: magnitude and phase, then overlap-add.

    Frame 0 of whatever is analysed has no phase of its own (see
    ``features.MagnitudePhase``), so what the network says of the first 160 samples
    is partly chance. A stream that lays windows over a recording throws them away.

    Arguments
    ---------
    chunk_frames : int, optional
        Lip frames encoded at once outside of training; all by default.

    Example
    -------
    >>> denoiser = PaperDenoiser().eval()
    >>> result = denoiser(torch.zeros(1, 700), torch.zeros(1, 2, 48, 96, 3))
    >>> result["enhanced"].shape, result["features"].shape
    (torch.Size([1, 700]), torch.Size([1, 8, 514]))
    """

    def __init__(self, chunk_frames: int | None = None):
        super().__init__()
        self.spectra = MagnitudePhase()
        self.network = AVDenoiser(chunk_frames)
        # Faster training, and another order of rounding.
        self.network.face_encoder.to(memory_format=torch.channels_last)

    def _spectra_and_end(self, wav: torch.Tensor) -> torch.Tensor:
        """``[B, 4 F + 1, 514]``: the last step lies on the last sample's far side."""
        missing = -wav.shape[1] % SAMPLES_PER_FRAME
        return self.spectra(F.pad(wav, (0, missing)))

    def analyse(self, wav: torch.Tensor) -> torch.Tensor:
        """The spectra that the network reads and those it is to give.

        Arguments
        ---------
        wav : torch.Tensor
            ``[batch, samples]`` at 16 kHz, one sample or more.

        Returns
        -------
        torch.Tensor
            ``[batch, 4 * frame_count(samples), 514]``, see ``MagnitudePhase``.
        """
        return self._spectra_and_end(wav)[:, :-1]  # [B, 4 F, 514]

    def forward(
        self, noisy: torch.Tensor, lips: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """Cleans a signal.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, samples]`` at 16 kHz, one sample or more.
        lips : torch.Tensor, optional
            ``[batch, frame_count(samples), 48, 96, 3]`` RGB, values 0..1. The
            network cannot do without a picture: None is a black one.

        Returns
        -------
        dict
            ``enhanced``, ``[batch, samples]``, and ``features``, the predicted
            spectra ``[batch, 4 * frame_count(samples), 514]``; float32.

        Raises
        ------
        ValueError
            If lips and sound differ in length.
        """
        batch, samples = noisy.shape
        frames = frame_count(samples)
        if lips is None:
            lips = noisy.new_zeros(batch, frames, LIP_HEIGHT, LIP_WIDTH, 3)
        if lips.shape[1] != frames:
            raise ValueError(
                f"{samples} samples need {frames} lip frames, not {lips.shape[1]}"
            )
        spectra = self._spectra_and_end(noisy)  # [B, 4 F + 1, 514]
        features = self.network(spectra[:, :-1], pictures_to_network(lips)).float()
        ended = torch.cat([features, _end_step(spectra, features)], dim=1)
        enhanced = self.spectra.inverse(ended, samples)  # [B, samples]
        return {"enhanced": enhanced, "features": features}


def _end_step(noisy: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """The step after the last, which the original leaves out: ``[B, 1, 514]``.

    Without it the last 160 samples would hang on the edge of one window, which
    inverts badly. It is the noisy step, as much fainter as the step before became.
    """
    magnitude, phase = noisy[:, -1:].chunk(2, dim=2)  # [B, 1, 257]
    change = (clean - noisy[:, :-1])[:, -1:, :257]  # a difference of decibels
    return torch.cat([magnitude + change.clamp(max=0), phase], dim=2)
