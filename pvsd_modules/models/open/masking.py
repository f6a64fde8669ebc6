"""What denoisers that mask spectra and read lips have in common."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvsd_modules.alignment import STEPS_PER_FRAME
from pvsd_modules.models.open.audio_path import AudioPath
from pvsd_modules.models.open.lip_encoder import LipEncoder
from pvsd_modules.models.open.lip_generator import OpenLipGenerator


class MaskingDenoiser(nn.Module):
    """Base class of denoisers, without parameters of its own.

    A subclass calls `add_lip_path` and has ``stft``, ``lip_delay_steps``,
    ``lookahead_steps``, `encode` and `decode` of
    `pvsd_modules.models.protocols.StreamableDenoiser`, and `added_since`.
    """

    def add_lip_path(
        self, channels: int, bands: int, baseline_of: OpenLipGenerator | None
    ) -> None:
        """Adds an encoder of lips, or in its place an `AudioPath` with the parameters
        of a student and this encoder, and what spreads their codes over the bands."""
        self.lip_encoder: LipEncoder | None = LipEncoder(channels)
        self.audio_path: AudioPath | None = None
        if baseline_of is not None:
            both = (baseline_of, self.lip_encoder)
            count = sum(p.numel() for network in both for p in network.parameters())
            self.audio_path = AudioPath(baseline_of, channels, count)
            self.lip_encoder = None
        self.lip_width = 16
        self.lip_bands = nn.Linear(channels, bands * self.lip_width)

    @property
    def streamable(self) -> bool:
        """Whether it can be streamed: an audio-only baseline cannot."""
        return self.audio_path is None

    def analyse(self, wav: Tensor) -> Tensor:
        """Spectra of whole signals, ``[batch, steps, 241, 2]``."""
        return self.stft(wav)

    def apply_mask(self, spectrum: Tensor, mask: Tensor) -> Tensor:
        """Complex product of spectra and masks, ``[..., 2]`` each, in float32."""
        re, im = spectrum.float().unbind(-1)
        a, b = mask.float().unbind(-1)
        return torch.stack([re * a - im * b, re * b + im * a], -1)

    def forward(self, noisy: Tensor, lips: Tensor | None = None) -> dict:
        """Enhances whole signals.

        Arguments
        ---------
        noisy : Tensor
            ``[batch, time]``, 16 kHz.
        lips : Tensor or None
            ``[batch, ceil(time / 640), 48, 96, 3]``; None for no lips at all.

        Returns
        -------
        dict
            ``enhanced`` ``[batch, time]`` and ``features``, the enhanced spectra
            ``[batch, ceil(time / 160) + 2, 241, 2]``.
        """
        spectrum = self.stft(noisy)
        enhanced = self.enhance_spectra(spectrum, self.describe(noisy, lips))
        wav = self.stft.inverse(enhanced, noisy.shape[-1])
        return {"enhanced": wav, "features": enhanced}

    def enhance_spectra(self, spectrum: Tensor, codes: Tensor | None) -> Tensor:
        """Enhances spectra of whole signals, ``[batch, steps, 241, 2]``.

        Arguments
        ---------
        spectrum : Tensor
        codes : Tensor or None
            Of the lip frames, ``[batch, frames, lip_channels]``.
        """
        encoded, _ = self.encode(spectrum)
        future = (0, 0, 0, self.lookahead_steps)  # zeros past the end
        encoded = tuple(functional.pad(part, future) for part in encoded)
        if codes is not None:
            codes = self.lip_steps(codes, spectrum.shape[1])
        mask, _ = self.decode(encoded, codes)
        return self.apply_mask(spectrum, mask)

    def load_except_lip_path(self, state: dict) -> None:
        """Loads weights of an earlier run, except those of the lip path.

        The lip path starts anew with an output of zero, and so do blocks that the
        earlier run did not have: a denoiser with lips and its audio-only baseline start
        as the same function.

        Arguments
        ---------
        state : dict
            State of a denoiser of the same sizes, or of one with fewer blocks.
        """
        added = self.added_since(state)
        own = ("lip_encoder.", "audio_path.", *(prefix for prefix, _ in added))
        state = {key: value for key, value in state.items() if not key.startswith(own)}
        fresh = {
            key: value
            for key, value in self.state_dict().items()
            if key.startswith(own)
        }
        # Weights of `fusion` that never saw lips may be zero. With `lip_bands` at zero,
        # too, neither would get a gradient, and the lips would never be read.
        fusion = state["fusion.weight"].clone()
        fusion[:, -self.lip_width :] = self.fusion.weight[:, -self.lip_width :].detach()
        self.load_state_dict({**state, **fresh, "fusion.weight": fusion})
        nn.init.zeros_(self.lip_bands.weight)
        nn.init.zeros_(self.lip_bands.bias)
        for _, layer in added:
            layer.make_identity()

    def describe(self, noisy: Tensor, lips: Tensor | None) -> Tensor | None:
        """Codes of frames ``[batch, frames, lip_channels]``; None without lips."""
        if self.audio_path is not None:
            return self.audio_path(noisy)
        return None if lips is None else self.lip_encoder(lips)

    def lip_steps(self, codes: Tensor, steps: int) -> Tensor:
        """Repeats the codes of frames for their spectral steps.

        Zeros until the first frame may be read; the last frame is held.
        """
        codes = codes.repeat_interleave(STEPS_PER_FRAME, 1)
        codes = functional.pad(codes, (0, 0, self.lip_delay_steps, 0))[:, :steps]
        missing = steps - codes.shape[1]
        codes = functional.pad(codes.transpose(1, 2), (0, missing), mode="replicate")
        return codes.transpose(1, 2)
