"""What denoisers that mask spectra and read lips have in common."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.alignment import STEPS_PER_FRAME


class MaskingDenoiser(nn.Module):
    """Base of denoisers; has nothing to learn itself.

    A subclass has ``stft``, ``lip_encoder`` (None in an audio-only baseline),
    ``listener`` (None elsewhere) and ``lip_delay_steps``.
    """

    @property
    def streamable(self) -> bool:
        """Whether it can be streamed: an audio-only baseline cannot."""
        return self.listener is None

    def analyse(self, wav: Tensor) -> Tensor:
        """Spectra of whole signals, ``[batch, steps, 241, 2]``."""
        return self.stft(wav)

    def apply_mask(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Complex product of spectra and masks, ``[..., 2]`` each, in float32."""
        re, im = spectrum.float().unbind(-1)
        a, b = mask.float().unbind(-1)
        return torch.stack([re * a - im * b, re * b + im * a], -1)

    def describe(self, noisy: Tensor, lips: Tensor | None) -> Tensor | None:
        """Descriptions of frames ``[batch, frames, lip_channels]``; None without."""
        if self.listener is not None:
            return self.listener(noisy)
        return None if lips is None else self.lip_encoder(lips)

    def lip_steps(self, codes: Tensor, steps: int) -> Tensor:
        """Brings frame descriptions to spectral steps.

        Zeros until the first frame may be read; the last frame is held.
        """
        codes = codes.repeat_interleave(STEPS_PER_FRAME, 1)
        codes = functional.pad(codes, (0, 0, self.lip_delay_steps, 0))[:, :steps]
        missing = steps - codes.shape[1]
        return functional.pad(codes.mT, (0, missing), mode="replicate").mT
