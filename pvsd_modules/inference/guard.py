"""A stream that no input can break and that returns nothing broken."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.level import Level, LevelControl
from pvsd_modules.inference.signals import as_float, cleaned
from pvsd_modules.models.protocols import Chunk, Stream


class GuardedStream:
    """Joins a stream to callers: devices, types, precision, level, invalid samples.

    Arguments
    ---------
    stream : Stream
    device : str
        Where the networks are; what is fed may be anywhere.
    autocast : context manager or None
        Such as `speechbrain.utils.autocast.TorchAutocast`.
    name : str
        Of the model, for error messages.
    level : float or None
        Level that the networks expect, see `pvsd_modules.inference.level`; None for
        networks that are given every recording as it is.
    gradients : bool
        Whether gradients flow through, where they are enabled.
    """

    def __init__(
        self,
        stream: Stream,
        device: str = "cpu",
        autocast: AbstractContextManager | None = None,
        name: str = "",
        level: float | None = None,
        gradients: bool = False,
    ):
        self.stream, self.device = stream, device
        self.autocast = nullcontext() if autocast is None else autocast
        self.name, self.level, self.gradients = name, level, gradients
        self.invalid = 0  # samples that were NaN or infinite
        self._expected: Level | None = None
        self._rows: int | None = None
        self._home = torch.device("cpu")
        self._control: LevelControl | None = None

    @property
    def latency_samples(self) -> int:
        """Samples at 16 kHz by which the output may lie behind the input."""
        return self.stream.latency_samples

    def expect(self, level: Level) -> None:
        """Takes the level of the next signal, see `level_of`."""
        self._expected = level

    def feed(self, chunk: Tensor) -> Chunk:
        """Takes ``[batch, n]`` and returns what is finished, on the chunk's device.

        Raises
        ------
        ValueError
            When the shape is another than before; the stream is as it was then.
        PvsdError
            When the model returns values that are not finite.
        """
        chunk = as_float(chunk)
        if chunk.dim() != 2:
            raise ValueError(f"A chunk is [batch, time], not {list(chunk.shape)}.")
        if self._rows not in (None, len(chunk)):
            raise ValueError(
                f"The stream has {self._rows} signals and the chunk {len(chunk)}: "
                "flush the stream first."
            )
        chunk, invalid = cleaned(chunk)
        self.invalid += invalid
        self._rows, self._home = len(chunk), chunk.device
        if self.level is not None and self._control is None:
            unknown = torch.zeros(len(chunk), dtype=torch.float64)
            level = self._expected or Level(unknown, unknown)
            self._control = LevelControl(self.level, level)
        if self._control is None:
            return self._run(chunk)
        parts = []
        for piece, gain_changes in self._control.pieces(chunk):
            parts.append(self._run(self._control.applied(piece)))
            if gain_changes:
                parts.append(self._run(None))
        return joined(parts)

    def flush(self) -> Chunk:
        """Returns the rest, on the device of the last chunk."""
        rest = self._run(None)
        self._rows = self._expected = self._control = None
        return rest

    def _run(self, samples: Tensor | None) -> Chunk:
        """Feeds the stream, or flushes it for want of samples."""
        gradients = self.gradients and torch.is_grad_enabled()
        with torch.set_grad_enabled(gradients), self.autocast:
            if samples is None:
                given = self.stream.flush()
            else:
                given = self.stream.feed(samples.to(self.device))
        audio, lips = (_compact(part.float()).to(self._home) for part in given)
        if self._rows is not None and not audio.shape[1]:
            audio = audio.new_zeros(self._rows, 0)  # of a stream that was flushed
            lips = (
                lips if lips.shape[1] else lips.new_zeros(self._rows, *lips.shape[1:])
            )
        if not bool(torch.isfinite(audio).all()):
            raise PvsdError(
                f"The model {self.name} returned values that are not finite: its "
                "weights are damaged, or the precision is too low for them."
            )
        if self._control is not None:
            audio = self._control.removed(audio)
        return Chunk(audio, lips)


def joined(chunks: list[Chunk]) -> Chunk:
    """Chunks as one; of none of them an empty one."""
    if len(chunks) == 1:
        return chunks[0]
    if not chunks:
        nothing = torch.zeros(1, 0, dtype=torch.float32)
        return Chunk(nothing, nothing.new_zeros(1, 0, LIP_HEIGHT, LIP_WIDTH, 3))
    audio, lips = zip(*chunks, strict=True)
    return Chunk(torch.cat(audio, 1), torch.cat(lips, 1))


def _compact(part: Tensor) -> Tensor:
    """A tensor that does not keep a larger one in memory."""
    if part.untyped_storage().nbytes() > part.nbytes:
        return part.clone(memory_format=torch.contiguous_format)
    return part
