"""Training items like recordings from the field: all disturbances together."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.data.augmentation import Augmenter, machine_noise, room_responses
from pvsd_modules.data.batch_mixing import mix_coloured
from pvsd_modules.data.codecs import available, band_limit, mp3, mu_law, opus
from pvsd_modules.data.disturbances import clicks, gaps, handling, rumble, wind
from pvsd_modules.data.drawn import Colour, Drawn, FieldEffects
from pvsd_modules.data.effects import apply_colour
from pvsd_modules.data.mixing import item_generator, read_looped
from pvsd_modules.data.rooms import MeasuredRooms, early_part
from pvsd_modules.data.training_mixer import TrainingMixer


@dataclass
class FieldAugmenter(Augmenter):
    """Chances and ranges of what a `FieldMixer` does beyond the `Augmenter`.

    Arguments
    ---------
    low_snr : float
        Share of the items with noise whose SNR is drawn from the lower end of the
        range to ``low_snr_limit`` dB.
    low_snr_limit : float
        See ``low_snr``.
    third_noise : float
        Chance of a third noise where there is a second one.
    babble : float
        Chance that a noise is babble of ``babble_voices`` training speakers.
    babble_voices : tuple of int
        Smallest and largest number of voices.
    measured_rooms : float
        Share of the rooms that are measured ones, where the mixer has some.
    shared_room, noise_room : float
        Chance of a noise to come from another place of the speech's room, and of a
        room of its own where the speech has none. If noises were always dry, what
        reverberates would be speech.
    late_share : float
        Factor on what reverberates later than 50 ms in the target. The denoiser is
        asked for the direct sound and the early reflections as they are, and for
        less of the rest.
    covered : float
        Chance of stretches of 100 to 400 ms in which the noise covers the speech,
        by ``covered_snr`` dB.
    covered_snr : tuple of float
        See ``covered``.
    lost : float
        Chance of lost packets, 1 to 4 gaps of 20 to 60 ms without sound; the target
        has none.
    wind, rumble, handling, clicks, line_noise : float
        Chances of `pvsd_modules.data.disturbances`, and of hiss and hum on top of
        all else.
    offset : float
        Chance of a DC offset of up to a tenth of full scale.
    coded : float
        Chance that the noisy signal has been through a codec; the target is not, but
        has the same bandwidth.
    sixteen_bits : float
        Chance that the noisy signal is rounded to 16 bits.
    """

    narrowband: float = 0.2
    # Up to the edge that resamplers leave: a network that never met it fails there.
    narrowband_hz: tuple = (3000.0, 7950.0)
    level_db: tuple = (-70.0, 0.0)
    clean_only: float = 0.04
    second_noise: float = 0.3
    reverberation: float = 0.4
    low_snr: float = 0.2
    low_snr_limit: float = 0.0
    third_noise: float = 0.3
    babble: float = 0.1
    babble_voices: tuple = (3, 8)
    measured_rooms: float = 0.5
    shared_room: float = 0.8
    noise_room: float = 0.3
    late_share: float = 0.1
    covered: float = 0.15
    covered_snr: tuple = (-15.0, -3.0)
    lost: float = 0.03
    wind: float = 0.06
    rumble: float = 0.12
    handling: float = 0.05
    clicks: float = 0.04
    line_noise: float = 0.1
    offset: float = 0.08
    coded: float = 0.12
    sixteen_bits: float = 0.5


class FieldMixer(TrainingMixer):
    """A `TrainingMixer` with measured rooms, babble, disturbances and codecs.

    Arguments
    ---------
    rooms : MeasuredRooms or None
        Joins the synthetic rooms.
    **others
        Those of `TrainingMixer`; ``augment`` is a `FieldAugmenter`, or None for the
        paper's protocol.
    """

    def __init__(self, *others, rooms: MeasuredRooms | None = None, **more):
        super().__init__(*others, **more)
        self.rooms = rooms

    def draw(self, item_id: str, wav: str, speech: Tensor | None = None) -> Drawn:
        """What an item is made of; arguments as for a call.

        In the order in which it happens on the way from a mouth to a file: room,
        noises, disturbances of microphone and line, level, clipping, codec, network.
        What goes through a codec is mixed here.
        """
        if self.augment is None or not self.noise:
            return super().draw(item_id, wav, speech)
        augment = self.augment
        random = item_generator(self.seed, self.epoch, item_id)
        length = self._length(random, speech=True)
        clean, start = self._speech(wav, speech, random, length)
        drawn = Drawn(start, clean, colours=[augment.draw_colour(random)])
        effects = drawn.effects
        room: list[Tensor] = []
        if random.random() < augment.reverberation:
            response, *room = self._room(random)
            decibels = drawn.colours[0].decibels
            drawn.colours = [Colour(decibels, response)]
            effects.target = Colour(decibels, early_part(response, augment.late_share))
        self._draw_noises(drawn, random, room)
        chance = random.random()
        if chance < augment.clean_only:
            drawn.content = "clean"
        elif chance < augment.clean_only + augment.noise_only:
            drawn.content = "noise"
        else:
            drawn.snr = self._snr(random)
            if random.random() < augment.covered:
                effects.cover = 1 - gaps(self.samples, random, 0.1, 0.4, 3)
                effects.cover_snr = random.uniform(*augment.covered_snr)
        drawn.interruption, drawn.silence = augment.draw_pauses(random, self.samples)
        self._draw_disturbances(effects, random)
        drawn.finish = augment.draw_finish(random)
        if random.random() < augment.offset:
            effects.offset = float(random.uniform(-0.1, 0.1))
        if random.random() < augment.coded:
            noisy, clean = self._code(*self.mix(drawn), random)
            effects = FieldEffects()
            drawn = Drawn(start, clean, [noisy], content="given", effects=effects)
        if random.random() < augment.lost:
            effects.lost = gaps(self.samples, random, 0.02, 0.06, 4)
        effects.sixteen_bits = random.random() < augment.sixteen_bits
        return drawn

    def mix(self, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """Noisy and clean of an item, ``[segment]``; `mix_batch` does the same."""
        if self.augment is None or not self.noise:
            return super().mix(drawn)
        signals = torch.zeros(1, 5, self.samples)
        for place, wav, colour in drawn.signals():
            if colour is not None:
                wav = apply_colour(wav, colour, self.samples)
            signals[0, place] = wav
        noisy, clean = mix_coloured(signals, [drawn])
        return noisy[0], clean[0]

    def _room(self, random: np.random.Generator) -> list[Tensor]:
        """A room's responses for the speech and three noises."""
        measured = random.random() < self.augment.measured_rooms
        draw = self.rooms if self.rooms and measured else room_responses
        return draw(random, 4)

    def _draw_noises(
        self, drawn: Drawn, random: np.random.Generator, room: list[Tensor]
    ) -> None:
        """One to three noises at random levels, most of them in the speech's room."""
        augment = self.augment
        in_room = augment.shared_room if room else augment.noise_room
        for chance in (1.0, augment.second_noise, augment.third_noise):
            if random.random() >= chance:
                break
            babble = random.random() < augment.babble
            wav = self._babble(random) if babble else self._noise(random)
            response = None
            if random.random() < in_room:
                room = room or self._room(random)
                response = room[len(drawn.noises) % len(room)]
            drawn.noises.append(wav)
            drawn.colours.append(Colour(augment.draw_colour(random).decibels, response))
        drawn.noise_ratio = random.uniform(-5, 15)
        drawn.effects.third_ratio = random.uniform(-5, 15)

    def _babble(self, random: np.random.Generator) -> Tensor:
        """Several training speakers at once."""
        low, high = self.augment.babble_voices
        babble = torch.zeros(self.samples)
        for _ in range(int(random.integers(low, high + 1))):
            path = self.speech[int(random.integers(len(self.speech)))]
            start = int(random.integers(self.store.samples(path)))
            voice = read_looped(self.store, path, start, self.samples)
            power = float(voice.square().mean()) ** 0.5
            gain = 0.1 / max(power, 1e-4) * 10 ** (random.uniform(-9, 0) / 20)
            babble += gain * voice
        return babble

    def _snr(self, random: np.random.Generator) -> float:
        low = self.augment.low_snr if self.augment and len(self.snrs) == 2 else 0.0
        if low and random.random() < low:
            return float(random.uniform(self.snrs[0], self.augment.low_snr_limit))
        return super()._snr(random)

    def _draw_disturbances(self, effects: FieldEffects, random: np.random.Generator):
        """What microphones and lines add, at levels relative to the mixture."""
        augment = self.augment
        kinds = (
            (augment.wind, wind, (-15.0, 10.0)),
            (augment.rumble, rumble, (-25.0, 15.0)),
            (augment.handling, handling, (-20.0, 5.0)),
            (augment.line_noise, machine_noise, (-45.0, -10.0)),
        )
        for chance, sound, decibels in kinds:
            if random.random() < chance:
                gain = 10 * 10 ** (random.uniform(*decibels) / 20)
                added = gain * sound(self.samples, random)
                effects.added = (
                    added if effects.added is None else effects.added + added
                )
        if random.random() < augment.clicks:
            gain = 10 ** (random.uniform(-20, 6) / 20)
            effects.clicks = gain * clicks(self.samples, random)

    @staticmethod
    def _code(noisy: Tensor, clean: Tensor, random: np.random.Generator):
        """Through a codec: the target is only limited to the codec's bandwidth."""
        names = ["mu-law", *sorted(available())]
        name = names[int(random.integers(len(names)))]
        if name == "mu-law":
            return mu_law(noisy), band_limit(clean, 3700.0)
        if name == "opus":
            rates = {4000: (8000, 12000), 6000: (12000, 16000), 8000: (12000, 16000)}
            cutoff = int(random.choice([4000, 6000, 8000, 8000]))
            rate = int(random.choice(rates[cutoff]))
            limit = cutoff - 300.0 if cutoff < 8000 else 8000.0
            return opus(noisy, rate, cutoff), band_limit(clean, limit)
        return mp3(noisy, int(random.choice([24000, 32000, 48000, 64000]))), clean
