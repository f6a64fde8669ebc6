"""The contract between networks, streams and detectors and the code that calls them.

Every class that has these attributes trains, streams, exports, is evaluated and
benchmarked without a change anywhere else. Signals are ``[batch, time]``, float32 at
16 kHz; lips are ``[batch, frames, 48, 96, 3]``, RGB, 0..1, 25 frames a second, and
frame ``k`` belongs to the samples ``[640 k, 640 (k + 1))``.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


class LipModel(Protocol):
    """Generates lips from audio: a student from noisy, a teacher from clean speech."""

    #: ``[48, 96, 3]``: the mouth that all generated frames deviate from; None for a
    #: network that has none.
    neutral: Tensor | None

    def __call__(self, wav: Tensor) -> Tensor:
        """``[batch, time]`` to ``[batch, ceil(time / 640), 48, 96, 3]``."""


class LipTeacher(Protocol):
    """A lip model that may be given whose lips to generate."""

    def __call__(self, wav: Tensor, face: Tensor | None = None) -> Tensor:
        """As `LipModel`; ``face`` is ``[96, 96, 3]`` or ``[batch, 96, 96, 3]``."""


@runtime_checkable
class WindowedLipModel(Protocol):
    """A lip model whose frames depend on nothing but the 0.2 s around each."""

    def draw_windows(self, windows: Tensor) -> Tensor:
        """``[batch, frames, 3200]`` to ``[batch, frames, 48, 96, 3]``.

        The windows are those of `pvsd_modules.alignment.lip_windows`.
        """


class Denoiser(Protocol):
    """Enhances noisy speech with lips, or with None where there are none."""

    def __call__(self, noisy: Tensor, lips: Tensor | None = None) -> dict[str, Tensor]:
        """A dict with ``enhanced``, ``[batch, time]``, and ``features``, the enhanced
        spectra."""

    def analyse(self, wav: Tensor) -> Tensor:
        """Spectra of a signal in the form of ``features``: what a loss compares."""


@runtime_checkable
class Foldable(Protocol):
    """A network that has a faster copy for inference (BatchNorm folded in)."""

    def for_inference(self, dtype: torch.dtype | None = None) -> torch.nn.Module:
        """The copy, with weights and activations of a type; None for its own."""


class Chunk(NamedTuple):
    """What a stream returns.

    Arguments
    ---------
    audio : torch.Tensor
        Enhanced samples ``[batch, m]``, 16 kHz.
    lips : torch.Tensor
        Generated lips ``[batch, f, 48, 96, 3]``, 0..1, 25 a second.
    """

    audio: Tensor
    lips: Tensor


class Stream(Protocol):
    """Enhances a signal of any length chunk by chunk."""

    @property
    def latency_samples(self) -> int:
        """The most samples, at 16 kHz, by which the output lies behind the input."""

    def feed(self, chunk: Tensor) -> Chunk:
        """Takes ``[batch, n]`` and returns what is finished."""

    def flush(self) -> Chunk:
        """Returns the rest; afterwards the stream can be used for another signal."""


class Detector(Protocol):
    """Finds the faces in a picture."""

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """uint8 ``[height, width, 3]``, RGB, to ``[faces, 4]``.

        A box is (left, top, right, bottom) in pixels: forehead to chin, cheek to cheek.
        """
