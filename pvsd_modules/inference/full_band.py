"""Sends sound of any rate through a 16 kHz stream, and keeps what lies above 8 kHz."""

from collections.abc import Iterable, Iterator
from itertools import chain

import torch
from torch import Tensor

from pvsd_modules.alignment import HOP, SAMPLE_RATE
from pvsd_modules.inference.guard import GuardedStream, joined
from pvsd_modules.inference.level import SECONDS, Level, level_of
from pvsd_modules.inference.observation import ObservationAdding
from pvsd_modules.inference.signals import as_float, cleaned
from pvsd_modules.inference.upper_band import UpperBandGain
from pvsd_modules.io.resampling import SincResampler
from pvsd_modules.models.protocols import Chunk


class FullBandStream:
    """Enhances sound of any sample rate and any number of channels.

    The sound is brought to 16 kHz, sent through a stream and brought back. What lies
    above 8 kHz is multiplied by the gain that the enhancement has between 5 and 8 kHz,
    see `UpperBandGain`: with ``g`` that gain, the result is ``g * source +
    up(enhanced - g * down(source))``, in which both parts have the phase of the source.
    The level is not changed. The result does not depend on how the sound was cut into
    blocks, and after `flush` it is as long as the source and aligned with it.

    Arguments
    ---------
    stream : GuardedStream
        At 16 kHz.
    rate : int
        Samples a second of what is fed.
    strength : float
        0 to 1: the result is ``strength * enhanced + (1 - strength) * source``.
    adding : ObservationAdding or None
        For nearly clean recordings; it holds a minute of sound. None for none.

    Example
    -------
    >>> from pvsd_modules.inference.windowed_stream import WindowedStream
    >>> class Same(torch.nn.Module):
    ...     def forward(self, noisy, lips):
    ...         return {"enhanced": noisy}
    >>> stream = WindowedStream(None, Same(), lips="none")
    >>> stream = FullBandStream(GuardedStream(stream), 48000)
    >>> source = torch.rand(2, 20001)
    >>> parts = [stream.feed(source).audio, stream.flush().audio]
    >>> bool(torch.allclose(torch.cat(parts, 1), source, atol=1e-5))
    True
    """

    def __init__(
        self,
        stream: GuardedStream,
        rate: int = SAMPLE_RATE,
        strength: float = 1.0,
        adding: ObservationAdding | None = None,
    ):
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"strength is a number from 0 to 1, not {strength}.")
        self.stream, self.rate, self.strength = stream, rate, strength
        self.adding = ObservationAdding(0.0) if adding is None else adding
        self.samples = self.invalid = 0  # taken; NaN or infinite among them
        self._reset()

    def _reset(self) -> None:
        self._down = SincResampler(self.rate, SAMPLE_RATE)
        self._up = SincResampler(SAMPLE_RATE, self.rate)
        self._upper = UpperBandGain() if self.rate > SAMPLE_RATE else None
        self._rows: int | None = None
        self._taken = self._given = 0
        self._source = _Queue()  # of which the result was not returned yet
        self._noisy, self._enhanced = _Queue(), _Queue()  # 16 kHz, less than a hop
        self._gains = _Gains()

    @property
    def latency_samples(self) -> int:
        """Samples at the source's rate by which the output may lie behind the input.

        That is without observation adding, which needs a minute.
        """
        latency = self.stream.latency_samples
        if self.rate == SAMPLE_RATE:
            return latency
        ratio = self.rate / SAMPLE_RATE
        return int((latency + self._up.half + 1) * ratio) + self._down.half + 1

    def expect(self, level: Level) -> None:
        """Takes the level of the next signal, see `level_of`."""
        self.stream.expect(level)

    def feed(self, block: Tensor) -> Chunk:
        """Takes the next samples and returns what is finished.

        Arguments
        ---------
        block : torch.Tensor
            ``[rows, n]``, any ``n``; types as of `as_float`.

        Returns
        -------
        Chunk
            Audio at the source's rate, on the CPU unless that is 16 kHz. The lips may
            come before their sound.

        Raises
        ------
        ValueError
            When there are not as many rows as before; the stream is as it was then.
        """
        block = as_float(block)
        if block.dim() != 2 or self._rows not in (None, len(block)):
            raise ValueError(
                f"A block of this stream is [{self._rows or 'channels'}, time], not "
                f"{list(block.shape)}."
            )
        if self.rate != SAMPLE_RATE:
            block = block.cpu()  # where resampling is done
        block, invalid = cleaned(block)
        self._rows = len(block)
        self._taken += block.shape[1]
        self.samples += block.shape[1]
        self.invalid += invalid
        if self.strength < 1.0 or self._upper is not None:
            self._source.push(block)
        return self._through(self._down.feed(block))

    def flush(self) -> Chunk:
        """Returns the rest; the stream is then as new."""
        return joined(list(self.flush_blocks()))

    def flush_blocks(self) -> Iterator[Chunk]:
        """As `flush`, about a second at a time."""
        if self._taken:
            yield self._through(self._down.flush())
            rest = self.stream.flush()
            yield Chunk(self._finished(self.adding.pull(rest.audio)), rest.lips)
            for held in self.adding.flush().split(SAMPLE_RATE, dim=1):
                yield Chunk(self._finished(held), rest.lips[:, :0])
            last = self._finished(rest.audio[:, :0], end=True)
            yield Chunk(last, rest.lips[:, :0])
        self._reset()

    def _through(self, noisy: Tensor) -> Chunk:
        self.adding.push(noisy)
        if self._upper is not None:
            self._noisy.push(noisy)
        chunk = self.stream.feed(noisy)
        return Chunk(self._finished(self.adding.pull(chunk.audio)), chunk.lips)

    def _finished(self, enhanced: Tensor, end: bool = False) -> Tensor:
        """The result of which ``enhanced`` is the part below 8 kHz."""
        if self._upper is None:
            audio = self._up.feed(enhanced)
        else:
            audio = self._up.feed(self._lower(enhanced, self._upper, end))
        if end:
            audio = torch.cat([audio, self._up.flush()], 1)
        audio = audio[:, : max(self._taken - self._given, 0)]
        begin, self._given = self._given, self._given + audio.shape[1]
        if not audio.shape[1] or (self._upper is None and self.strength == 1.0):
            return audio
        source = self._source.pull(audio.shape[1])
        if self._upper is not None:
            audio = audio + source * self._gains.at(begin, audio.shape[1], self.rate)
        if self.strength < 1.0:
            audio = self.strength * audio + (1.0 - self.strength) * source
        return audio

    def _lower(self, enhanced: Tensor, upper: UpperBandGain, end: bool) -> Tensor:
        """What is to be brought to the source's rate, in whole hops."""
        self._enhanced.push(enhanced)
        count = len(self._enhanced) if end else len(self._enhanced) // HOP * HOP
        begin = HOP * self._gains.count
        if not count:
            return enhanced[:, :0]
        noisy, enhanced = self._noisy.pull(count), self._enhanced.pull(count)
        missing = (0, -count % HOP)
        pad = torch.nn.functional.pad
        self._gains.push(upper.feed(pad(noisy, missing), pad(enhanced, missing)))
        return enhanced - noisy * self._gains.at(begin, count, SAMPLE_RATE)


class _Queue:
    """Samples that wait, ``[rows, n]``."""

    def __init__(self) -> None:
        self._held: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self._held is None else self._held.shape[1]

    def push(self, samples: Tensor) -> None:
        parts = [samples] if self._held is None else [self._held, samples]
        self._held = torch.cat(parts, 1)

    def pull(self, count: int) -> Tensor:
        assert self._held is not None
        taken, held = self._held[:, :count], self._held[:, count:]
        self._held = held.clone() if count else held  # free what was taken
        return taken


class _Gains:
    """Gains at the ends of hops, and between them on straight lines."""

    def __init__(self) -> None:
        self.count = 0  # hops whose gain is known
        self._first = 0  # the hop that the first gain held belongs to
        self._held: Tensor | None = None  # [rows, hops]

    def push(self, gains: Tensor) -> None:
        self.count += gains.shape[1]
        if self._held is None:
            self._held, self._first = gains[:, :1], -1
        self._held = torch.cat([self._held, gains], 1)

    def at(self, begin: int, count: int, rate: int) -> Tensor:
        """Gains of the samples from ``begin`` on, ``[rows, count]``.

        None before ``begin - 20 ms`` is asked for again.
        """
        assert self._held is not None
        place = torch.arange(begin, begin + count, dtype=torch.float64)
        place = place * (SAMPLE_RATE / HOP / rate) - self._first - 1  # in hops
        hop = place.long().clamp(0, max(self._held.shape[1] - 2, 0))
        part = (place - hop).float().to(self._held.device)
        hop = hop.to(self._held.device)
        low, high = self._held[:, hop], self._held[:, hop + 1]
        old = int(begin * SAMPLE_RATE / HOP / rate) - self._first - 3
        if old > 0:
            self._held, self._first = self._held[:, old:].clone(), self._first + old
        return low + (high - low) * part


def through(stream: FullBandStream, blocks: Iterable[Tensor]) -> Iterator[Chunk]:
    """Send all blocks of a recording through a stream, in bounded memory.

    The first ones, of 20 seconds, tell the level of the recording.

    Arguments
    ---------
    stream : FullBandStream
    blocks : iterable of torch.Tensor
        ``[rows, n]``.

    Yields
    ------
    Chunk
    """
    blocks = iter(blocks)
    begin, seconds = [], 0.0
    for block in blocks:
        begin.append(block)
        seconds += block.shape[1] / stream.rate
        if seconds >= SECONDS:
            break
    if begin:
        stream.expect(level_of(torch.cat(begin, 1), stream.rate))
    for block in chain(begin, blocks):
        yield stream.feed(block)
    yield from stream.flush_blocks()
