"""Changes the sample rate block by block, without seams, for files of any length."""

import math

import torch

_TABLE_LIMIT = 2048  # phases whose filters are kept; beyond, they are computed anew
_FEW_PHASES = 4  # up to which a convolution for each filter is quicker
_PRODUCTS = 2**21  # computed at once at most, so that memory stays small


class SincResampler:
    """Windowed-sinc resampling with state (Smith's band-limited interpolation).

    Blocks of any sizes give the samples that the whole signal would give in one
    piece, up to rounding. Sample ``j`` of the output is the input at time
    ``j / to_rate``: there is no delay, only the wait for the right half of the filter.
    ``N`` samples in all become ``ceil(N * to_rate / from_rate)``. Outside of the
    signal there is silence. Any pair of whole rates works; memory does not depend on
    their ratio.

    Arguments
    ---------
    from_rate, to_rate : int
        Sample rates in hertz.
    zeros : int
        Zero crossings of the sinc on either side of a sample: the more, the steeper.
    rolloff : float
        Cut-off as a part of the lower of the two Nyquist frequencies. At 1 the band is
        full up to its edge, as it is in the recordings that networks learn from: where
        a gap is left below 8 kHz they leave much of the noise.

    Example
    -------
    >>> resampler = SincResampler(8000, 16000)
    >>> first = resampler.feed(torch.ones(1, 500))
    >>> first.shape[1] + resampler.flush().shape[1]
    1000
    """

    def __init__(
        self, from_rate: int, to_rate: int, zeros: int = 32, rolloff: float = 1.0
    ):
        divisor = math.gcd(from_rate, to_rate)
        self.step, self.phases = from_rate // divisor, to_rate // divisor
        self.zeros = zeros
        self.cutoff = min(1.0, self.phases / self.step) * rolloff
        self.half = math.ceil(zeros / self.cutoff)
        self._table = None
        if self.phases <= _TABLE_LIMIT:
            self._table = self._filters(torch.arange(self.phases))
        self._reset()

    def _reset(self):
        # [channels, n], from input sample `_begin` on.
        self._held: torch.Tensor | None = None
        self._begin = -self.half + 1
        self._taken = 0
        self._given = 0

    def _filters(self, phase: torch.Tensor) -> torch.Tensor:
        """Filters of outputs that lie ``phase / phases`` after an input sample."""
        offsets = torch.arange(-self.half + 1, self.half + 1, dtype=torch.float64)
        time = phase.double()[:, None] / self.phases - offsets  # [phases, taps]
        time = (time * self.cutoff).clamp(-self.zeros, self.zeros)
        window = torch.cos(time * math.pi / (2 * self.zeros)) ** 2
        return (self.cutoff * torch.sinc(time) * window).float()

    def feed(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block, float32 ``[channels, n]`` on the CPU, give what can be
        computed, ``[channels, m]``."""
        self._taken += block.shape[1]
        held = self._held
        if held is None:
            held = self._held = block.new_zeros(block.shape[0], self.half - 1)
        if self.step == self.phases:
            return block
        self._held = torch.cat([held, block], dim=1)
        # Output j needs the input up to floor(j * step / phases) + half.
        ready = -(-max(self._taken - self.half, 0) * self.phases // self.step)
        return self._emit(self._held, ready)

    def flush(self) -> torch.Tensor:
        """Give the rest; the next block begins a new signal.

        Returns
        -------
        torch.Tensor
            ``[channels, m]`` (``[1, 0]`` if nothing was ever fed).
        """
        if self._held is None:
            return torch.zeros(1, 0)
        if self.step == self.phases:
            rest = self._held[:, :0]
        else:
            silence = self._held.new_zeros(self._held.shape[0], self.half + 1)
            held = torch.cat([self._held, silence], dim=1)
            rest = self._emit(held, -(-self._taken * self.phases // self.step))
        self._reset()
        return rest

    def _emit(self, held: torch.Tensor, end: int) -> torch.Tensor:
        """Compute the outputs from the next one to ``end`` (not included)."""
        pieces = [held[:, :0]]
        if self._table is not None and self.phases <= _FEW_PHASES:
            pieces.append(self._strided(held, end, self._table))
            self._given = max(self._given, end)
        piece = max(1, _PRODUCTS // (2 * self.half * held.shape[0]))
        while self._given < end:
            index = torch.arange(self._given, min(end, self._given + piece))
            place = index * self.step
            phase = place % self.phases
            first = place // self.phases - self.half + 1 - self._begin
            wanted = held.unfold(1, 2 * self.half, 1)[:, first]  # [c, n, taps]
            if self._table is None:
                filters = self._filters(phase)
            else:
                filters = self._table[phase]
            pieces.append(torch.einsum("cnt,nt->cn", wanted, filters))
            self._given = int(index[-1]) + 1
        # What lies before the next output's filter is needed no more.
        unused = self._given * self.step // self.phases - self.half + 1 - self._begin
        unused = min(max(unused, 0), held.shape[1])
        self._held = held[:, unused:]
        self._begin += unused
        return torch.cat(pieces, dim=1)

    def _strided(
        self, held: torch.Tensor, end: int, table: torch.Tensor
    ) -> torch.Tensor:
        """Outputs that share few filters: a convolution for each of them."""
        count = max(end - self._given, 0)
        result = held.new_empty(held.shape[0], count)
        for offset in range(min(self.phases, count)):
            place = (self._given + offset) * self.step
            first = place // self.phases - self.half + 1 - self._begin
            outputs = -(-(count - offset) // self.phases)
            last = first + (outputs - 1) * self.step + 2 * self.half
            filters = table[place % self.phases][None, None]
            wanted = held[:, None, first:last]
            found = torch.nn.functional.conv1d(wanted, filters, stride=self.step)
            result[:, offset :: self.phases] = found[:, 0]
        return result


def resample(signal: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    """Change the sample rate of a whole signal; see `SincResampler`.

    Arguments
    ---------
    signal : torch.Tensor
        float32 ``[channels, time]`` on the CPU.
    from_rate, to_rate : int
        Sample rates in hertz.

    Returns
    -------
    torch.Tensor
        ``[channels, ceil(time * to_rate / from_rate)]``.

    Example
    -------
    >>> resample(torch.zeros(2, 48000), 48000, 16000).shape
    torch.Size([2, 16000])
    """
    if from_rate == to_rate:
        return signal
    resampler = SincResampler(from_rate, to_rate)
    return torch.cat([resampler.feed(signal), resampler.flush()], dim=1)
