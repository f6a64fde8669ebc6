"""Streams through networks that process whole windows, and joins their outputs."""

import torch

from pvsd_modules.alignment import (
    LIP_HEIGHT,
    LIP_WIDTH,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    frame_count,
)
from pvsd_modules.inference.window_lips import WindowLips
from pvsd_modules.models.protocols import Chunk, Denoiser, LipModel


class WindowedStream:
    """Runs a student and a denoiser on overlapping windows, whatever is fed.

    Windows of ``window`` samples start every ``hop`` samples, each on the first
    sample of a lip frame. Of each, the middle is kept: its edges, where the spectrum
    was computed over reflected samples and lips lacked context, are thrown away, and
    neighbours are cross-faded over ``fade`` samples with weights that add up to one.
    Before the first and after the last sample the windows see silence, so that any
    length works. The windows do not depend on how the audio was cut into chunks.

    After `flush`, as many samples have been given out as were taken in, and output
    sample ``i`` is the enhanced input sample ``i``.

    Arguments
    ---------
    student : LipModel or None
        ``forward(noisy [B, T])`` gives lips ``[B, ceil(T / 640), 48, 96, 3]``. Of
        one with ``draw_windows`` every frame is drawn once, see `WindowLips`.
    denoiser : Denoiser
        ``forward(noisy [B, T], lips)`` gives a dict with ``enhanced [B, T]``.
    window : int
        Samples that the networks see at once, a multiple of 640.
    hop : int
        Samples between windows, a multiple of 640.
    fade : int
        Samples of cross-fade between neighbours.
    lips : str
        "student" (hallucinated), "zeros" (black frames) or "none" (no lips at all).
    batch : int
        Windows computed together at most, those of all signals counted (but one of
        each signal at least): bounds the memory.

    Example
    -------
    >>> class Same(torch.nn.Module):
    ...     def forward(self, noisy, lips):
    ...         return {"enhanced": noisy}
    >>> stream = WindowedStream(None, Same(), lips="none")
    >>> noisy = torch.rand(1, 20001)
    >>> first, rest = stream.feed(noisy), stream.flush()
    >>> bool(torch.allclose(torch.cat([first.audio, rest.audio], 1), noisy))
    True
    """

    def __init__(
        self,
        student: LipModel | None,
        denoiser: Denoiser,
        window: int = SAMPLE_RATE,
        hop: int = 12800,
        fade: int = 640,
        lips: str = "student",
        batch: int = 4,
    ):
        if window % SAMPLES_PER_FRAME or hop % SAMPLES_PER_FRAME:
            raise ValueError(f"window {window} and hop {hop}: must be multiples of 640")
        if not 0 < hop <= window - fade or not 0 <= fade <= hop:
            raise ValueError(f"hop {hop} and fade {fade} do not fit window {window}.")
        self.lips, self.denoiser = WindowLips(lips, student, window, hop), denoiser
        self.window, self.hop, self.fade = window, hop, fade
        self.batch = max(1, batch)
        # Of the samples that no neighbour needs, one half lies at either edge, as
        # nearly as whole lip frames allow. `lead` is the left edge and the fade-in.
        spare = window - hop
        lead = round((spare + fade) / 2 / SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
        self.lead = min(
            max(lead, -(-fade // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME), spare
        )
        if self.lead < fade:
            raise ValueError(f"fade {fade} does not fit window {window}, hop {hop}.")
        position = (torch.arange(fade, dtype=torch.float64) + 0.5) / max(fade, 1)
        self._ramp = (0.5 - 0.5 * torch.cos(torch.pi * position)).float()
        self._reset()

    def _reset(self):
        self.lips.reset()
        self._pieces = []  # audio from the next window on, and what lips need before
        self._held = 0  # samples in them
        self._taken = self._given = self._drawn = 0
        self._tail = None  # fade-out of the last window

    @property
    def latency_samples(self) -> int:
        """Samples that must follow a sample before it is sure to be given out."""
        return self.window - self.lead + self.fade + self.lips.after

    def feed(self, chunk: torch.Tensor) -> Chunk:
        """Take the next samples and return what is finished.

        Arguments
        ---------
        chunk : torch.Tensor
            Noisy audio ``[batch, n]``, 16 kHz, any ``n``; on the networks' device.
        """
        if chunk.dim() != 2:
            raise ValueError(f"a chunk is [batch, time], not {list(chunk.shape)}")
        if not self._pieces:
            silence = self.lips.before + self.lead
            self._push(chunk.new_zeros(chunk.shape[0], silence))
        self._push(chunk)
        self._taken += chunk.shape[1]
        return self._run()

    def flush(self) -> Chunk:
        """Return the rest. The next `feed` begins a new recording."""
        if not self._pieces:
            return _joined(torch.zeros(1, 0, dtype=torch.float32), [], [])
        windows_left = -(-(self._taken + self.fade) // self.hop) - (
            self._drawn // (self.hop // SAMPLES_PER_FRAME)
        )
        first = self._pieces[0]
        if self._taken:
            missing = self._needed + (windows_left - 1) * self.hop - self._held
            self._push(first.new_zeros(first.shape[0], max(missing, 0)))
        audio_left = self._taken - self._given
        lips_left = frame_count(self._taken) - self._drawn
        chunk = self._run()
        self._reset()
        return Chunk(chunk.audio[:, :audio_left], chunk.lips[:, : max(lips_left, 0)])

    @property
    def _needed(self) -> int:
        """Samples that the next window and its lips depend on."""
        return self.lips.before + self.window + self.lips.after

    def _push(self, piece: torch.Tensor):
        self._pieces.append(piece)
        self._held += piece.shape[1]

    def _run(self) -> Chunk:
        """Compute every window that is complete, a few at a time."""
        audio: list[torch.Tensor] = []
        lips: list[torch.Tensor] = []
        like = self._pieces[0][:, :0].float()
        while self._held >= self._needed:
            held = torch.cat(self._pieces, dim=1)
            count = min(
                max(1, self.batch // held.shape[0]),
                (self._held - self._needed) // self.hop + 1,
            )
            self._pieces = [held[:, count * self.hop :].clone()]
            self._held -= count * self.hop
            sound = held[:, : self._needed + (count - 1) * self.hop]
            self._enhance(sound, count, audio, lips)
        return _joined(like, audio, lips)

    def _enhance(self, sound: torch.Tensor, count: int, audio: list, lips: list):
        """Enhance the ``count`` windows of sound; append what is finished."""
        batch, window = sound.shape[0], self.window
        drawn = self.lips(sound, count)  # [batch, count, frames, 48, 96, 3]
        sound = sound[:, self.lips.before : sound.shape[1] - self.lips.after]
        noisy = sound.unfold(1, window, self.hop).reshape(batch * count, window)
        seen = None if drawn is None else drawn.flatten(0, 1)
        enhanced = self.denoiser(noisy, seen)["enhanced"].float()
        enhanced = enhanced.view(batch, count, window)
        for index in range(count):
            audio.append(self._join(enhanced[:, index]))
            self._given += audio[-1].shape[1]
        frames = self.hop // SAMPLES_PER_FRAME
        self._drawn += count * frames
        if drawn is not None:
            first = self.lead // SAMPLES_PER_FRAME
            kept = drawn.float()[:, :, first : first + frames]
            lips.append(kept.flatten(1, 2))  # [batch, count * frames, 48, 96, 3]

    def _join(self, enhanced: torch.Tensor) -> torch.Tensor:
        """Cross-fade one window ``[batch, window]`` with the one before it."""
        begin = self.lead - self.fade
        kept = enhanced[:, begin : begin + self.fade + self.hop]
        head, body = kept[:, : self.fade], kept[:, self.fade : self.hop]
        ramp = self._ramp.to(head.device)
        tail, self._tail = self._tail, kept[:, self.hop :].clone()
        if tail is None:  # the fade-in of the first window lies before the recording
            return body
        return torch.cat([tail + ramp * (head - tail), body], dim=1)


def _joined(like: torch.Tensor, audio: list, lips: list) -> Chunk:
    no_lips = like.new_zeros(like.shape[0], 0, LIP_HEIGHT, LIP_WIDTH, 3)
    return Chunk(torch.cat([like, *audio], dim=1), torch.cat([no_lips, *lips], dim=1))
