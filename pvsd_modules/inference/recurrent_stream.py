"""Streams through recurrent networks, whose memory is a state, not a window."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from pvsd_modules.alignment import (
    HOP,
    LIP_HEIGHT,
    LIP_WIDTH,
    SAMPLES_PER_FRAME,
    STEPS_PER_FRAME,
    frame_count,
)
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.pending import HISTORY, Pending
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.models.protocols import (
    Chunk,
    StreamableDenoiser,
    StreamableLipModel,
)


class _Lips:
    """Generates lip frames and holds their codes until they are read.

    Arguments
    ---------
    student : StreamableLipModel or None
        None for black frames.
    denoiser : StreamableDenoiser
        Describes the frames.
    seen : SeenLips or None
        Real lips, which take the place of generated ones.
    """

    def __init__(
        self,
        student: StreamableLipModel | None,
        denoiser: StreamableDenoiser,
        seen: SeenLips | None = None,
    ):
        self.student, self.denoiser, self.seen = student, denoiser, seen
        self.drawn = 0
        self.lookahead = student.lookahead_frames if student is not None else 0
        self.early = self.lookahead  # outputs that belong to frames before the first
        self.past: Any = None
        self.codes: Tensor | None = None  # of steps that are not decoded yet

    def feed(self, samples: Tensor) -> Tensor:
        """``[batch, 320 + 640 n]`` to the frames that are ready."""
        frames = (samples.shape[1] - HISTORY) // SAMPLES_PER_FRAME
        lips = samples.new_zeros(len(samples), frames, LIP_HEIGHT, LIP_WIDTH, 3)
        if self.student is not None and frames:
            codes, self.past = self.student.encode(samples, self.past)
            dropped = min(self.early, frames)
            self.early -= dropped
            codes = codes[:, dropped:]
            if self.seen is not None:
                codes = self.seen.mixed(codes, self.drawn)
            self.drawn += codes.shape[1]
            lips = self.student.draw(codes)
        if lips.shape[1]:
            described = self.denoiser.describe(samples, lips)
            assert described is not None  # lips were given
            steps = described.repeat_interleave(STEPS_PER_FRAME, 1)
            if self.codes is None:
                self.codes = pad(steps, (0, 0, self.denoiser.lip_delay_steps, 0))
            else:
                self.codes = torch.cat([self.codes, steps], 1)
        return lips

    def end(self, steps: int) -> None:
        """Hold the last code until ``steps`` steps have one."""
        if self.codes is not None:
            missing = max(0, steps - self.codes.shape[1])
            self.codes = pad(self.codes.mT, (0, missing), mode="replicate").mT

    @property
    def ready(self) -> int:
        """Steps whose code is known."""
        return 0 if self.codes is None else self.codes.shape[1]

    def take(self, steps: int) -> Tensor:
        """Codes of the next steps."""
        assert self.codes is not None
        codes, self.codes = self.codes[:, :steps], self.codes[:, steps:]
        return codes


class RecurrentStream:
    """Runs a recurrent student and denoiser over audio of any length.

    The states of the networks are handed on from chunk to chunk, so that the result is
    that of one pass over the whole signal, however the signal is cut into chunks;
    there are no windows, hence no seams. Audio is enhanced in steps of 160 samples,
    lips are generated in frames of 640.

    Arguments
    ---------
    student : StreamableLipModel or None
        May be None unless ``lips`` is "student".
    denoiser : StreamableDenoiser
        In evaluation mode.
    lips : str
        "student", "zeros" (black frames) or "none" (no lips).
    seen : SeenLips or None
        Real lips of the signal's video.

    Example
    -------
    >>> from pvsd_modules.models.open.lip_generator import OpenLipGenerator
    >>> from pvsd_modules.models.open.wide_denoiser import WideDenoiser
    >>> student = OpenLipGenerator(channels=16, layers=1).eval()
    >>> denoiser = WideDenoiser(channels=8).eval()
    >>> stream = RecurrentStream(student, denoiser)
    >>> noisy = torch.randn(1, 5000)
    >>> with torch.no_grad():
    ...     parts = [stream.feed(noisy[:, :3000]), stream.feed(noisy[:, 3000:])]
    ...     parts.append(stream.flush())
    ...     whole = denoiser(noisy, student(noisy))["enhanced"]
    >>> audio = torch.cat([part.audio for part in parts], 1)
    >>> bool(torch.allclose(audio, whole, atol=1e-5))
    True
    """

    def __init__(
        self,
        student: StreamableLipModel | None,
        denoiser: StreamableDenoiser,
        lips: str = "student",
        seen: SeenLips | None = None,
    ):
        if lips not in ("student", "zeros", "none"):
            raise PvsdError(
                f"lips: {lips} cannot be streamed: choose student, zeros or none."
            )
        if lips == "student" and student is None:
            raise PvsdError("A stream with lips needs a student.")
        if not denoiser.streamable:
            raise PvsdError(
                "An audio-only baseline is a control for evaluations and cannot be "
                "streamed: evaluate it with engine: whole."
            )
        self.student = student if lips == "student" else None
        self.denoiser, self.with_lips = denoiser, lips != "none"
        self.seen = seen
        self._reset()

    def _reset(self) -> None:
        self.taken = 0
        lips = _Lips(self.student, self.denoiser, self.seen)
        self.lips = lips if self.with_lips else None
        self.for_lips: Pending | None = None
        self.for_steps: Pending | None = None
        self.encoder_past: Any = None
        self.decoder_past: Any = None
        self.spectrum: Tensor | None = None  # of steps that are not decoded yet
        self.encoded: tuple[Tensor, ...] = ()  # of the same steps
        self.tail: Tensor | None = None  # output that later windows are added to
        self.early = HISTORY  # output samples before the first input sample

    @property
    def latency_samples(self) -> int:
        """After how many more samples, at most, an input sample comes out enhanced."""
        worst = 0
        for step in range(STEPS_PER_FRAME):
            group = self.denoiser.steps_at_once
            decoded = (step // group + 1) * group  # where the group of the step ends
            needed = HOP * (decoded + self.denoiser.lookahead_steps)
            if self.lips is not None:
                frame = (step - self.denoiser.lip_delay_steps) // STEPS_PER_FRAME
                wait = self.lips.lookahead + 1
                needed = max(needed, SAMPLES_PER_FRAME * (frame + wait))
            worst = max(worst, needed - (HOP * step - HISTORY))
        return worst

    def feed(self, chunk: Tensor) -> Chunk:
        """Takes the next samples and returns what is ready.

        Arguments
        ---------
        chunk : Tensor
            ``[batch, n]``, any ``n``; the batch stays the same until `flush`.

        Returns
        -------
        Chunk
            Samples and frames, possibly none.
        """
        if self.for_steps is None or self.for_lips is None:
            self.for_steps = Pending(HOP, len(chunk), chunk)
            self.for_lips = Pending(SAMPLES_PER_FRAME, len(chunk), chunk)
        frames = _no_lips(chunk)
        if self.lips is not None:
            frames = self.lips.feed(self.for_lips.take(chunk))
        audio = self._enhance(self.for_steps.take(chunk))
        self.taken += chunk.shape[1]
        return Chunk(audio, frames)

    def flush(self) -> Chunk:
        """Returns the rest; the stream is then as new."""
        if not self.taken or self.for_steps is None or self.for_lips is None:
            self._reset()
            nothing = torch.zeros(1, 0, dtype=torch.float32)
            return Chunk(nothing, _no_lips(nothing))
        frames = _no_lips(self.for_steps.samples)
        steps = -(-self.taken // HOP) + 2
        steps_left = steps - self.taken // HOP
        if self.lips is not None:
            begun = self.taken // SAMPLES_PER_FRAME
            left = frame_count(self.taken) + self.lips.lookahead - begun
            frames = self.lips.feed(self.for_lips.end(left))
            waiting = 0 if self.spectrum is None else self.spectrum.shape[1]
            self.lips.end(waiting + steps_left)
        self._encode(self.for_steps.end(steps_left))
        # Past the end there is no future.
        future = (0, 0, 0, self.denoiser.lookahead_steps)
        self.encoded = tuple(pad(part, future) for part in self.encoded)
        audio = self._decode(ending=True)
        assert self.tail is not None
        surplus = steps * HOP - self.taken
        audio = torch.cat([audio, self.tail], 1)
        self._reset()
        return Chunk(audio[:, : audio.shape[1] - surplus], frames)

    def _enhance(self, samples: Tensor) -> Tensor:
        """``[batch, 320 + 160 n]`` to the samples that are finished."""
        if samples.shape[1] == HISTORY:
            return samples[:, :0]
        self._encode(samples)
        return self._decode()

    def _encode(self, samples: Tensor) -> None:
        spectrum = self.denoiser.stft.analyse(samples)
        encoded, self.encoder_past = self.denoiser.encode(spectrum, self.encoder_past)
        if self.spectrum is not None:
            spectrum = torch.cat([self.spectrum, spectrum], 1)
            pairs = zip(self.encoded, encoded, strict=True)
            encoded = tuple(torch.cat(pair, 2) for pair in pairs)
        self.spectrum, self.encoded = spectrum, encoded

    def _decode(self, ending: bool = False) -> Tensor:
        """Enhances the steps whose future and lips are known; finished samples.

        Steps that the denoiser decodes together wait for each other, except at the end.
        """
        assert self.spectrum is not None
        future = self.denoiser.lookahead_steps
        ready = min(self.encoded[0].shape[2] - future, self.spectrum.shape[1])
        if self.lips is not None:
            ready = min(ready, self.lips.ready)
        if not ending:
            ready -= ready % self.denoiser.steps_at_once
        if ready <= 0:
            return self.spectrum.new_zeros(len(self.spectrum), 0)
        codes = None if self.lips is None else self.lips.take(ready)
        encoded = tuple(part[:, :, : ready + future] for part in self.encoded)
        mask, self.decoder_past = self.denoiser.decode(
            encoded, codes, self.decoder_past
        )
        enhanced = self.denoiser.apply_mask(self.spectrum[:, :ready], mask)
        self.spectrum = self.spectrum[:, ready:]
        self.encoded = tuple(part[:, :, ready:] for part in self.encoded)
        stft = self.denoiser.stft
        added = stft.overlap_add(stft.frames(enhanced))
        if self.tail is not None:
            added[:, :HISTORY] += self.tail
        done, self.tail = added[:, :-HISTORY], added[:, -HISTORY:].clone()
        dropped = min(self.early, done.shape[1])
        self.early -= dropped
        return done[:, dropped:]


def _no_lips(like: Tensor) -> Tensor:
    return like.new_zeros(len(like), 0, LIP_HEIGHT, LIP_WIDTH, 3)
