"""The contract between networks, streams and detectors and the code that calls them.

Every class that has these attributes trains, streams, exports, is evaluated and
benchmarked without a change anywhere else. Signals are ``[batch, time]``, float32 at
16 kHz; lips are ``[batch, frames, 48, 96, 3]``, RGB, 0..1, 25 frames a second, and
frame ``k`` belongs to the samples ``[640 k, 640 (k + 1))``.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.models.open.spectra import CausalSTFT


class LipModel(Protocol):
    """Generates lips from audio: a student from noisy, a teacher from clean speech."""

    #: ``[48, 96, 3]``: the mouth that all generated frames deviate from; None for a
    #: network that has none.
    neutral: Tensor | None

    def __call__(self, wav: Tensor) -> Tensor:
        """``[batch, time]`` to ``[batch, ceil(time / 640), 48, 96, 3]``."""


class LipTeacher(Protocol):
    """A lip model that takes a reference face."""

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


class StreamableLipModel(LipModel, Protocol):
    """A lip model that is recurrent in time, with its state as an argument.

    A state is a tree of tensors; that of the beginning is None, or zeros.
    """

    #: Frames past the one it generates that it waits for.
    lookahead_frames: int
    #: Spectra of 480 samples every 160.
    stft: CausalSTFT

    def encode(self, samples: Tensor, past: Any = None) -> tuple[Tensor, Any]:
        """``[batch, 320 + 640 n]``, 320 old samples first, to the codes of ``n`` frames
        and the state for the next call."""

    def encode_spectra(self, spectrum: Tensor, past: Any = None) -> tuple[Tensor, Any]:
        """As `encode`, of spectra ``[batch, 4 n, 241, 2]``."""

    def draw(self, weights: Tensor) -> Tensor:
        """Codes ``[batch, n, ...]`` to frames ``[batch, n, 48, 96, 3]``."""


class StreamableDenoiser(Denoiser, Protocol):
    """A denoiser that is recurrent in time, with its states as arguments.

    It works on steps of 160 samples. What `encode` returns is a tuple of tensors
    with the steps in dimension 2; the states are as those of `StreamableLipModel`.
    """

    #: Whether it can be streamed: an audio-only baseline cannot.
    streamable: bool
    #: Steps that it decodes together: `decode` gets whole groups, but at the end of a
    #: signal.
    steps_at_once: int
    #: Steps of the future that the masks of a group depend on.
    lookahead_steps: int
    #: By how many steps a lip frame is read later than its sound.
    lip_delay_steps: int
    #: Spectra of 480 samples every 160, and back.
    stft: CausalSTFT

    def encode(
        self, spectrum: Tensor, past: Any = None
    ) -> tuple[tuple[Tensor, ...], Any]:
        """Spectra ``[batch, steps, 241, 2]`` to what `decode` takes, and a state."""

    def describe(self, noisy: Tensor, lips: Tensor | None) -> Tensor | None:
        """Codes of lip frames, ``[batch, frames, width]``."""

    def decode(
        self, encoded: tuple[Tensor, ...], lips: Tensor | None, past: Any = None
    ) -> tuple[Tensor, Any]:
        """Masks of ``steps`` steps, and a state.

        ``encoded`` holds ``steps + lookahead_steps`` steps, and ``lips`` the codes of
        ``steps`` steps.
        """

    def enhance_spectra(self, spectrum: Tensor, codes: Tensor | None) -> Tensor:
        """Enhanced spectra ``[batch, steps, 241, 2]`` of whole signals."""

    def apply_mask(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Enhanced spectra ``[batch, steps, 241, 2]``."""


@runtime_checkable
class Foldable(Protocol):
    """A network that has a faster copy for inference (BatchNorm folded in)."""

    def state_dict(self) -> dict[str, Tensor]:
        """Weights, as of `torch.nn.Module`."""

    def for_inference(self, dtype: torch.dtype | None = None) -> torch.nn.Module:
        """The copy, with weights and activations of a type; None for its own."""


class Chunk(NamedTuple):
    """Enhanced samples ``[batch, m]`` at 16 kHz, and lips ``[batch, f, 48, 96, 3]``,
    0..1, 25 a second."""

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
