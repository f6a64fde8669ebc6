"""Makes one training item: a stretch of speech, noises, a room, a level."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLES_PER_FRAME
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.augmentation import Augmenter, machine_noise
from pvsd_modules.data.drawn import Drawn, draw_burst
from pvsd_modules.data.effects import (
    apply_colour,
    apply_finish,
    apply_pauses,
    at_speed,
)
from pvsd_modules.data.mixing import burst, item_generator, mix_at_snr, read_looped


class TrainingMixer:
    """Noisy and clean segments of a fixed length, the same for the same epoch.

    Arguments
    ---------
    store : AudioStore
        Holds every file of both manifests.
    speech, noise : dict
        Loaded manifests, ``{id: {"wav": path, ...}}``; ``noise`` may be None where
        only clean speech is wanted.
    segment_seconds : float
        Length of an item; a multiple of 40 ms.
    snrs : list of float
        Two numbers are a range in dB to draw from evenly, more are a choice.
    augment : Augmenter or None
        Everything beyond mixing; None for the paper's protocol.
    bursts : bool
        Whether the paper's bursts are applied.
    join : bool
        Whether short utterances are filled up with others (not where the picture
        must fit the sound); the rest is silence.
    seed : int
        Seed of the experiment.
    """

    def __init__(
        self,
        store: AudioStore,
        speech: dict,
        noise: dict | None,
        segment_seconds: float = 3.0,
        snrs=(-8.0, 20.0),
        augment: Augmenter | None = None,
        bursts: bool = False,
        join: bool = True,
        seed: int = 0,
    ):
        self.store = store
        self.speech = [speech[key]["wav"] for key in sorted(speech)]
        self.noise = [noise[key]["wav"] for key in sorted(noise)] if noise else []
        self.samples = round(segment_seconds * 25) * SAMPLES_PER_FRAME
        self.snrs = [float(snr) for snr in snrs]
        self.augment = augment
        self.bursts = bursts
        self.join = join
        self.seed = seed
        self.epoch = 0

    def __call__(
        self, item_id: str, wav: str, speech: Tensor | None = None
    ) -> tuple[Tensor, Tensor, int]:
        """One item.

        Arguments
        ---------
        item_id : str
            Identifier of the utterance.
        wav : str
            Its file.
        speech : Tensor, optional
            What the file holds, ``[time]``, where it was read already.

        Returns
        -------
        Tensor, Tensor
            Noisy and clean, ``[segment]``.
        int
            First sample of the segment in the file, a multiple of 640.

        Notes
        -----
        A segment played faster or slower than it was spoken no longer fits the frames
        of its video: where ``join`` is off, speech keeps its speed.
        """
        drawn = self.draw(item_id, wav, speech)
        return *self.mix(drawn), drawn.start

    def draw(self, item_id: str, wav: str, speech: Tensor | None = None) -> Drawn:
        """What an item is made of; arguments as for a call."""
        random = item_generator(self.seed, self.epoch, item_id)
        length = self._length(random, speech=True)
        clean, start = self._speech(wav, speech, random, length)
        if not self.noise:
            return Drawn(start, clean)

        noise, snr = partial(self._noise, random), partial(self._snr, random)
        if self.augment is not None:
            inputs = (clean, start, noise, snr, self.bursts)
            return self.augment.draw(random, self.samples, *inputs)
        drawn = Drawn(start, clean, [noise()], snr=snr())
        if self.bursts:
            drawn.burst = draw_burst(self.samples, random)
        return drawn

    def mix(self, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """Noisy and clean of an item, ``[segment]``; `mix_batch` does the same."""
        signals = [drawn.speech, *drawn.noises]
        if drawn.colours:
            pairs = zip(signals, drawn.colours, strict=True)
            signals = [apply_colour(x, colour, self.samples) for x, colour in pairs]
        else:
            signals = [at_speed(x, self.samples) for x in signals]
        clean, *noises = signals
        if not noises:
            return clean, clean
        noise = noises[0]
        if len(noises) > 1:
            noise = mix_at_snr(noise, noises[1], drawn.noise_ratio)
        if drawn.content == "clean":
            noisy = clean
        elif drawn.content == "noise":
            noisy, clean = noise, torch.zeros_like(clean)
        elif drawn.content == "given":
            noisy = noise
        else:
            noisy = mix_at_snr(clean, noise, drawn.snr)
        noisy = burst(noisy, clean, drawn.burst)
        noisy, clean = apply_pauses(noisy, clean, drawn.interruption, drawn.silence)
        return apply_finish(noisy, clean, drawn.finish)

    def _length(self, random: np.random.Generator, speech: bool) -> int:
        """How many samples to read for an item, which is then played in its length."""
        if self.augment is None or (speech and not self.join):
            return self.samples
        return self.augment.source_samples(self.samples, random, speech)

    def _snr(self, random: np.random.Generator) -> float:
        if len(self.snrs) == 2:
            return float(random.uniform(*self.snrs))
        return float(random.choice(self.snrs))

    def _speech(
        self, wav: str, given: Tensor | None, random: np.random.Generator, samples: int
    ) -> tuple[Tensor, int]:
        length = self.store.samples(wav) if given is None else len(given)
        slack = max(0, length - samples) // SAMPLES_PER_FRAME
        start = int(random.integers(0, slack + 1)) * SAMPLES_PER_FRAME
        if given is None:
            parts = [self.store.read(wav, start, samples)]
        else:
            parts = [given[start : start + samples]]
        filled = len(parts[0])
        while self.join and filled < samples:
            parts.append(torch.zeros(int(random.integers(1600, 12800))))
            other = self.speech[int(random.integers(len(self.speech)))]
            parts.append(self.store.read(other, 0, samples))
            filled += len(parts[-2]) + len(parts[-1])
        out = torch.zeros(samples)
        joined = torch.cat(parts)[:samples]
        out[: len(joined)] = joined
        return out, start

    def _noise(self, random: np.random.Generator) -> Tensor:
        """A random stretch of a random noise; tries again where it is silent.

        Its length is that of a segment before its speed is changed.
        """
        if self.augment and random.random() < self.augment.machine_noise:
            return machine_noise(self.samples, random)
        samples = self._length(random, speech=False)
        for _ in range(5):
            path = self.noise[int(random.integers(len(self.noise)))]
            length = self.store.samples(path)
            start = int(random.integers(0, length))
            stretch = read_looped(self.store, path, start, samples)
            if float(stretch.square().mean()) > 1e-9:
                break
        return stretch
