"""A stream that no input can break and that returns nothing broken."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.signals import as_float, cleaned
from pvsd_modules.models.protocols import Chunk, Stream


class GuardedStream:
    """Joins a stream to callers: devices, types, precision, samples that are invalid.

    Arguments
    ---------
    stream : Stream
    device : str
        Where the networks are; what is fed may be anywhere.
    autocast : context manager
        Such as `speechbrain.utils.autocast.TorchAutocast`.
    name : str
        Of the model, for error messages.
    gradients : bool
        Whether gradients flow through, where they are enabled.
    """

    def __init__(
        self,
        stream: Stream,
        device: str,
        autocast: AbstractContextManager,
        name: str = "",
        gradients: bool = False,
    ):
        self.stream, self.device, self.autocast = stream, device, autocast
        self.name, self.gradients = name, gradients
        self.invalid = 0  # samples that were NaN or infinite
        self._rows: int | None = None
        self._home = torch.device("cpu")

    @property
    def latency_samples(self) -> int:
        """Samples at 16 kHz by which the output may lie behind the input."""
        return self.stream.latency_samples

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
        with self._context(), self.autocast:
            given = self.stream.feed(chunk.to(self.device))
        return self._checked(given)

    def flush(self) -> Chunk:
        """Returns the rest, on the device of the last chunk."""
        self._rows = None
        with self._context(), self.autocast:
            given = self.stream.flush()
        return self._checked(given)

    def _context(self) -> AbstractContextManager:
        return torch.set_grad_enabled(self.gradients and torch.is_grad_enabled())

    def _checked(self, chunk: Chunk) -> Chunk:
        audio, lips = (_compact(part.float()).to(self._home) for part in chunk)
        if not bool(torch.isfinite(audio).all()):
            raise PvsdError(
                f"The model {self.name} returned values that are not finite: its "
                "weights are damaged, or the precision is too low for them."
            )
        return Chunk(audio, lips)


def _compact(part: Tensor) -> Tensor:
    """A tensor that does not keep a larger one in memory."""
    if part.untyped_storage().nbytes() > part.nbytes:
        return part.clone(memory_format=torch.contiguous_format)
    return part
