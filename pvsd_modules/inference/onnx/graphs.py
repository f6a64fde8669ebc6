"""The networks as functions of spectra: what becomes a graph.

A spectrum is that of `pvsd_modules.models.open.spectra.CausalSTFT`, ``[1, steps, 241,
2]``; lips are ``[1, frames, 48, 96, 3]``.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH, STEPS_PER_FRAME
from pvsd_modules.inference.onnx.states import State
from pvsd_modules.models.open.spectra import WINDOW
from pvsd_modules.models.protocols import StreamableDenoiser, StreamableLipModel

BINS = WINDOW // 2 + 1
_ENOUGH = 1e6  # steps are counted up to here


class Graph(NamedTuple):
    """What is exported.

    Arguments
    ---------
    module : nn.Module
        Takes the inputs and states; returns the output and the new states.
    inputs : dict of Tensor
        Examples.
    output : str
        Name.
    axes : dict
        Names of the dimensions of any length.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    output: str
    axes: dict[str, dict[int, str]]

    @property
    def states(self) -> dict[str, Tensor]:
        """Those of the beginning."""
        state = getattr(self.module, "state", None)
        return dict(zip(state.names, state.zeros, strict=True)) if state else {}


class WholeStudent(nn.Module):
    """Spectra of ``4 (frames + lookahead_frames)`` steps to lips of ``frames``."""

    def __init__(self, student: StreamableLipModel):
        super().__init__()
        self.student = student

    def forward(self, spectrum: Tensor) -> Tensor:
        codes, _ = self.student.encode_spectra(self.student.stft.cut(spectrum))
        return self.student.draw(codes[:, self.student.lookahead_frames :])


class StreamedStudent(nn.Module):
    """Spectra of four steps to the lips of ``lookahead_frames`` frames before."""

    def __init__(self, student: StreamableLipModel):
        super().__init__()
        self.student = student
        steps = torch.zeros(1, STEPS_PER_FRAME, BINS, 2)
        self.state = State(student.encode_spectra(steps)[1])

    def forward(self, spectrum: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        spectrum = self.student.stft.cut(spectrum)
        codes, now = self.student.encode_spectra(spectrum, self.state.pack(past))
        return self.student.draw(codes), *self.state.unpack(now)


class WholeDenoiser(nn.Module):
    """Spectra and lips of a whole signal to enhanced spectra."""

    def __init__(self, denoiser: StreamableDenoiser):
        super().__init__()
        self.denoiser = denoiser

    def forward(self, spectrum: Tensor, lips: Tensor) -> Tensor:
        codes = self.denoiser.describe(spectrum, lips)
        spectrum = self.denoiser.stft.cut(spectrum)
        return self.denoiser.enhance_spectra(spectrum, codes)


class StreamedDenoiser(nn.Module):
    """``steps_at_once`` steps and the newest lips to enhanced steps, ``delay`` before.

    What steps before the first leave behind is set to zero, which is the state of the
    beginning.
    """

    def __init__(self, denoiser: StreamableDenoiser, lookahead_frames: int):
        super().__init__()
        self.denoiser = denoiser
        self.group, self.future = denoiser.steps_at_once, denoiser.lookahead_steps
        # How many steps after those that read them lips are drawn.
        drawn = STEPS_PER_FRAME * (lookahead_frames + 1) - self.group
        drawn -= denoiser.lip_delay_steps
        self.delay = max(self.future, drawn)
        spectrum = torch.zeros(1, self.group + self.future, BINS, 2)
        codes = self.describe(torch.zeros(1, 1, LIP_HEIGHT, LIP_WIDTH, 3))
        encoded, encoder = denoiser.encode(spectrum)
        self.state = State(
            {
                "count": spectrum.new_zeros(1),
                "spectrum": spectrum.new_zeros(1, self.delay, BINS, 2),
                "codes": codes.new_zeros(1, self.delay - drawn, codes.shape[2]),
                "encoded": [part[:, :, self.group :] for part in encoded],
                "encoder": encoder,
                "decoder": denoiser.decode(encoded, codes)[1],
            }
        )

    def describe(self, lips: Tensor) -> Tensor:
        """Codes of a group of steps that read one frame."""
        codes = self.denoiser.describe(lips, lips)
        assert codes is not None  # lips were given
        return codes.repeat_interleave(self.group, 1)

    def forward(self, spectrum: Tensor, lips: Tensor, *past: Tensor):
        """A group of steps: what it gives, and its states."""
        state, group = self.state.pack(past), self.group
        count = state["count"]
        spectra = torch.cat([state["spectrum"], self.denoiser.stft.cut(spectrum)], 1)
        codes = torch.cat([state["codes"], self.describe(lips)], 1)
        new, encoder = self.denoiser.encode(
            spectra[:, self.future : self.future + group], state["encoder"]
        )
        encoded = [
            torch.cat(pair, 2) for pair in zip(state["encoded"], new, strict=True)
        ]
        first = self.delay + self.denoiser.lip_delay_steps
        read = codes[:, :group] * _reached(count, first)
        mask, decoder = self.denoiser.decode(tuple(encoded), read, state["decoder"])
        enhanced = self.denoiser.apply_mask(spectra[:, :group], mask)
        now = {
            "count": (count + group).clamp(max=_ENOUGH),
            "spectrum": spectra[:, group:],
            "codes": codes[:, group:],
            "encoded": [part[:, :, group:] for part in encoded],
            "encoder": _scaled(encoder, _reached(count, self.delay - self.future)),
            "decoder": _scaled(decoder, _reached(count, self.delay)),
        }
        enhanced = enhanced * _reached(count, self.delay)
        return enhanced, *self.state.unpack(now)


def _reached(count: Tensor, step: int) -> Tensor:
    """1 from a step on, 0 before."""
    return (count >= step).float()


def _scaled(state: Any, factor: Tensor) -> Any:
    """Every tensor of a state times a factor."""
    return tree_map(lambda leaf: leaf if leaf is None else leaf * factor, state)
