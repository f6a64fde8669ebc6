"""Sends sound of any rate and length through a 16 kHz stream, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.inference.observation import ObservationAdding
from pvsd_modules.io.resampling import SincResampler
from pvsd_modules.models.protocols import Chunk


class DryMix:
    """Mixes enhanced audio with the noisy audio that it was made of, aligned.

    Arguments
    ---------
    strength : float
        0 to 1: ``strength * enhanced + (1 - strength) * noisy``.

    Example
    -------
    >>> mix = DryMix(0.5)
    >>> mix.push(torch.tensor([[2.0, 4.0]]))
    >>> mix.pull(torch.tensor([[0.0]]))
    tensor([[1.]])
    """

    def __init__(self, strength: float = 1.0):
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"strength is a number from 0 to 1, not {strength}")
        self.strength = strength
        self._held: torch.Tensor | None = None

    def push(self, noisy: torch.Tensor) -> None:
        """Remember noisy audio ``[channels, n]`` until it is wanted."""
        if self.strength < 1.0:
            held = noisy[:, :0] if self._held is None else self._held
            self._held = torch.cat([held, noisy], dim=1)

    def pull(self, enhanced: torch.Tensor) -> torch.Tensor:
        """Mix the next enhanced samples ``[channels, m]``, no more than pushed."""
        if self.strength == 1.0 or self._held is None:
            return enhanced
        noisy, self._held = self._held.split(
            [enhanced.shape[1], self._held.shape[1] - enhanced.shape[1]], dim=1
        )
        return self.strength * enhanced + (1.0 - self.strength) * noisy


@dataclass
class Tally:
    """What was met on the way through a file.

    Arguments
    ---------
    samples : int
        Samples in each channel.
    unreal : int
        Samples that were not a number or infinite, and were taken for silence.
    """

    samples: int = 0
    unreal: int = 0


def enhanced_blocks(
    blocks: Iterable[torch.Tensor],
    rate: int,
    stream,
    strength: float = 1.0,
    tally: Tally | None = None,
    adding: ObservationAdding | None = None,
) -> Iterator[Chunk]:
    """Enhance a signal that comes in blocks.

    The signal is brought to 16 kHz, sent through the stream and brought back; so
    what lies above 8 kHz is dropped, unless ``strength`` is below 1: the noisy part
    of the mix is the source itself. The level is not touched.

    Arguments
    ---------
    blocks : iterable of torch.Tensor
        float32 ``[channels, n]`` at ``rate``; each channel is enhanced for itself.
    rate : int
        Samples a second.
    stream : GuardedStream, WindowedStream or RecurrentStream
        With ``feed`` and ``flush``, at 16 kHz, on the CPU.
    strength : float
        0 to 1, see `DryMix`.
    tally : Tally
        Counts are added to it.
    adding : ObservationAdding
        For nearly clean recordings; it holds a minute of sound. None for none.

    Yields
    ------
    Chunk
        CPU tensors; audio at ``rate``. Joined they are as long as the input and
        aligned with it. Lips are 25 a second, and may come before their sound.
    """
    tally = Tally() if tally is None else tally
    adding = ObservationAdding(0.0) if adding is None else adding
    down, up = SincResampler(rate, SAMPLE_RATE), SincResampler(SAMPLE_RATE, rate)
    mix = DryMix(strength)
    given = 0

    def through(low: torch.Tensor) -> Chunk:
        adding.push(low)
        chunk = stream.feed(low)
        return Chunk(up.feed(adding.pull(chunk.audio)), chunk.lips)

    for block in blocks:
        block = _real(block, tally)
        mix.push(block)
        chunk = through(down.feed(block))
        given += chunk.audio.shape[1]
        yield Chunk(mix.pull(chunk.audio), chunk.lips)
    if not tally.samples:
        return
    last, rest = through(down.flush()), stream.flush()
    lips = torch.cat([last.lips, rest.lips], dim=1)

    def ending() -> Iterator[torch.Tensor]:
        yield last.audio
        yield up.feed(adding.pull(rest.audio))
        for held in adding.flush().split(SAMPLE_RATE, dim=1):
            yield up.feed(held)
        yield up.flush()

    for audio in ending():
        audio = audio[:, : tally.samples - given]
        given += audio.shape[1]
        yield Chunk(mix.pull(audio), lips)
        lips = lips[:, :0]


def _real(block: torch.Tensor, tally: Tally) -> torch.Tensor:
    """Silence in place of what is not a number; counted."""
    tally.samples += block.shape[1]
    good = torch.isfinite(block)
    if bool(good.all()):
        return block
    tally.unreal += int((~good).sum())
    return torch.where(good, block, torch.zeros_like(block))
