"""Feeds endless audio to the open family, whose memory is a state, not a window."""

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
from pvsd_modules.models.open_denoiser import DenoiserPast
from pvsd_modules.spectra import WINDOW
from pvsd_modules.streaming import Chunk

HISTORY = WINDOW - HOP


class _LipFeed:
    """Draws the frames that the audio heard so far allows."""

    def __init__(self, student, source: str):
        self.student, self.source = student, source
        self.past = None
        self.ahead = student.lookahead_frames if source == "student" else 0
        self.early = self.ahead  # outputs that belong to frames before the first

    def __call__(self, samples: Tensor) -> Tensor:
        """``[batch, 320 + 640 n]`` to the frames that are ready."""
        frames = (samples.shape[1] - HISTORY) // SAMPLES_PER_FRAME
        if self.source == "zeros":
            return samples.new_zeros(len(samples), frames, LIP_HEIGHT, LIP_WIDTH, 3)
        weights, self.past = self.student.encode(samples, self.past)
        dropped = min(self.early, frames)
        self.early -= dropped
        return self.student.draw(weights[:, dropped:])


class RecurrentStream:
    """Runs an open student and denoiser over audio of any length, piece by piece.

    What the networks heard before is kept as explicit states, so that the result is
    that of one pass over the whole signal, however the signal is cut into chunks;
    there are no windows, hence no seams. Audio is cleaned in steps of 160 samples, lips
    are drawn in frames of 640.

    Arguments
    ---------
    student : OpenLipGenerator
        May be None unless ``lips`` is "student".
    denoiser : OpenDenoiser
        In evaluation mode.
    lips : str
        "student", "zeros" (black frames) or "none" (no lips).

    Example
    -------
    >>> from pvsd_modules.models.open_denoiser import OpenDenoiser
    >>> from pvsd_modules.models.open_lips import OpenLipGenerator
    >>> student = OpenLipGenerator(channels=16, layers=1).eval()
    >>> denoiser = OpenDenoiser(channels=8, blocks=1).eval()
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

    def __init__(self, student, denoiser, lips: str = "student"):
        if lips not in ("student", "zeros", "none"):
            raise PvsdError(
                f"lips: {lips} cannot be streamed: choose student, zeros or none."
            )
        if lips == "student" and student is None:
            raise PvsdError("A stream with lips needs a student.")
        if denoiser.listener is not None:
            raise PvsdError(
                "An audio-only twin is a control for evaluations and cannot be "
                "streamed: evaluate it with engine: whole."
            )
        self.student, self.denoiser, self.lips = student, denoiser, lips
        # Steps that the denoiser decodes together, always whole groups but at the end.
        self.at_once = getattr(denoiser, "steps_at_once", 1)
        self._reset()

    def _reset(self) -> None:
        self.taken = 0
        self.heard = None  # samples not analysed yet, after HISTORY old ones
        self.unseen = (
            None  # samples for which no lips are drawn, after HISTORY old ones
        )
        self.feed_lips = None if self.lips == "none" else _LipFeed(
            self.student, self.lips
        )  # fmt: skip
        self.encoder_past = None
        self.decoder_past = None
        self.spectrum = self.first = self.second = None  # steps not decoded yet
        self.codes = None  # descriptions of lips of steps not decoded yet
        self.tail = None  # output samples still without their last windows
        self.early = HISTORY  # output samples before the first input sample

    @property
    def latency_samples(self) -> int:
        """After how many more samples, at most, an input sample comes out enhanced."""
        worst = 0
        for step in range(STEPS_PER_FRAME):
            decoded = (step // self.at_once + 1) * self.at_once  # the step's group ends
            needed = HOP * (decoded + self.denoiser.lookahead_steps)
            if self.lips != "none":
                frame = (step - self.denoiser.lip_delay_steps) // STEPS_PER_FRAME
                wait = self.feed_lips.ahead + 1
                needed = max(needed, SAMPLES_PER_FRAME * (frame + wait))
            worst = max(worst, needed - (HOP * step - HISTORY))
        return worst

    def feed(self, chunk: Tensor) -> Chunk:
        """Takes the next samples and gives out what is ready.

        Arguments
        ---------
        chunk : Tensor
            ``[batch, n]``, any ``n``; the batch stays the same until `flush`.

        Returns
        -------
        Chunk
            Samples and frames, possibly none.
        """
        if self.heard is None:
            self.heard = self.unseen = chunk.new_zeros(len(chunk), HISTORY)
        self.taken += chunk.shape[1]
        self.heard = torch.cat([self.heard, chunk], 1)
        self.unseen = torch.cat([self.unseen, chunk], 1)
        ready = (self.unseen.shape[1] - HISTORY) // SAMPLES_PER_FRAME
        ready *= SAMPLES_PER_FRAME
        lips = self._see(self.unseen[:, : HISTORY + ready])
        self.unseen = self.unseen[:, ready:].clone()
        ready = (self.heard.shape[1] - HISTORY) // HOP * HOP
        if ready == 0:
            return Chunk(chunk.new_zeros(len(chunk), 0), lips)
        self._hear(self.heard[:, : HISTORY + ready])
        self.heard = self.heard[:, ready:].clone()
        return Chunk(self._decode(), lips)

    def flush(self) -> Chunk:
        """Gives out the rest; the stream is then as new."""
        if self.taken == 0:
            self._reset()
            return self._nothing(torch.zeros(1, 0))
        steps = -(-self.taken // HOP) + 2
        frames = frame_count(self.taken)
        ahead = self.feed_lips.ahead if self.feed_lips else 0
        begun = self.taken // SAMPLES_PER_FRAME
        wanted = HISTORY + (frames + ahead - begun) * SAMPLES_PER_FRAME
        lips = self._see(pad(self.unseen, (0, wanted - self.unseen.shape[1])))
        wanted = HISTORY + (steps - self.taken // HOP) * HOP
        self._hear(pad(self.heard, (0, wanted - self.heard.shape[1])))
        # Past the end the offline pass has neither future nor further lips.
        self.second = pad(self.second, (0, 0, 0, self.denoiser.lookahead_steps))
        if self.codes is not None:
            missing = self.spectrum.shape[1] - self.codes.shape[1]
            # With a delay there may be more codes than steps.
            self.codes = pad(self.codes.mT, (0, max(0, missing)), mode="replicate").mT
        audio = self._decode(ending=True)
        audio = torch.cat([audio, self.tail], 1)
        surplus = steps * HOP - self.taken
        audio = audio[:, : audio.shape[1] - surplus]
        self._reset()
        return Chunk(audio, lips)

    def _see(self, samples: Tensor) -> Tensor:
        """Draws lips and describes them to the denoiser."""
        if self.feed_lips is None or samples.shape[1] == HISTORY:
            return samples.new_zeros(len(samples), 0, LIP_HEIGHT, LIP_WIDTH, 3)
        lips = self.feed_lips(samples)
        if lips.shape[1]:
            codes = self.denoiser.lip_encoder(lips)
            codes = codes.repeat_interleave(STEPS_PER_FRAME, 1)
            if self.codes is None:
                codes = pad(codes, (0, 0, self.denoiser.lip_delay_steps, 0))
            self.codes = _longer(self.codes, codes, 1)
        return lips

    def _hear(self, samples: Tensor) -> None:
        """Analyses and encodes samples."""
        spectrum = self.denoiser.stft.analyse(samples)
        first, second, self.encoder_past = self.denoiser.encode(
            spectrum, self.encoder_past
        )
        self.spectrum = _longer(self.spectrum, spectrum, 1)
        self.first = _longer(self.first, first, 2)
        self.second = _longer(self.second, second, 2)

    def _decode(self, ending: bool = False) -> Tensor:
        """Cleans the steps whose future and lips are known; samples that are done."""
        ahead = self.denoiser.lookahead_steps
        ready = self.second.shape[2] - ahead
        if self.feed_lips is not None:
            ready = min(ready, 0 if self.codes is None else self.codes.shape[1])
        if ready < self.at_once and not ending:
            return self.spectrum.new_zeros(len(self.spectrum), 0)
        ready = min(ready, self.spectrum.shape[1])
        ready -= 0 if ending else ready % self.at_once
        lips = None
        if self.feed_lips is not None:
            lips, self.codes = self.codes[:, :ready], self.codes[:, ready:]
        mask, paths, decoder = self.denoiser.decode(
            self.first[:, :, :ready],
            self.second[:, :, :ready],
            self.second[:, :, ahead : ahead + ready],
            lips,
            self.decoder_past,
        )
        self.decoder_past = DenoiserPast(paths, decoder)
        clean = self.denoiser.apply_mask(self.spectrum[:, :ready], mask)
        self.spectrum = self.spectrum[:, ready:]
        self.first, self.second = self.first[:, :, ready:], self.second[:, :, ready:]
        added = self.denoiser.stft.overlap_add(self.denoiser.stft.frames(clean))
        if self.tail is not None:
            added[:, :HISTORY] += self.tail
        done, self.tail = added[:, :-HISTORY], added[:, -HISTORY:].clone()
        dropped = min(self.early, done.shape[1])
        self.early -= dropped
        return done[:, dropped:]

    @staticmethod
    def _nothing(like: Tensor) -> Chunk:
        lips = like.new_zeros(len(like), 0, LIP_HEIGHT, LIP_WIDTH, 3)
        return Chunk(like.new_zeros(len(like), 0), lips)


def _longer(kept: Tensor | None, new: Tensor, dim: int) -> Tensor:
    return new if kept is None else torch.cat([kept, new], dim)
