"""Training items like recordings from the field: all disturbances together."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.data.augmentation import Augmenter, machine_noise, room_response
from pvsd_modules.data.codecs import available, band_limit, mp3, mu_law, opus
from pvsd_modules.data.disturbances import clicks, gaps, handling, rumble, wind
from pvsd_modules.data.drawn import Drawn
from pvsd_modules.data.effects import apply_colour, apply_finish, apply_pauses
from pvsd_modules.data.mixing import item_generator, mix_at_snr, read_looped
from pvsd_modules.data.rooms import MeasuredRooms, convolve, early_part
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
    reverberation: float = 0.3
    low_snr: float = 0.2
    low_snr_limit: float = 0.0
    third_noise: float = 0.3
    babble: float = 0.1
    babble_voices: tuple = (3, 8)
    measured_rooms: float = 0.5
    late_share: float = 0.5
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
        """An item that is mixed already; arguments as for a call."""
        if self.augment is None or not self.noise:
            return super().draw(item_id, wav, speech)
        random = item_generator(self.seed, self.epoch, item_id)
        length = self._length(random, speech=True)
        clean, start = self._speech(wav, speech, random, length)
        noisy, clean = self._augmented(clean, random)
        return Drawn(start, clean, [noisy], content="given")

    def _colour(self, wav: Tensor, random: np.random.Generator) -> Tensor:
        """A random smooth filter, at the speed at which the signal was read."""
        return apply_colour(wav, self.augment.draw_colour(random), self.samples)

    def _augmented(self, clean: Tensor, random: np.random.Generator):
        """Noisy and clean, ``[segment]``: see `FieldAugmenter` for what happens.

        In the order in which it happens on the way from a mouth to a file: room,
        noises, disturbances of microphone and line, level, clipping, codec, network.
        """
        augment = self.augment
        clean = self._colour(clean, random)
        spoken, clean = self._in_room(clean, random)
        noise = self._noises(random)
        chance = random.random()
        if chance < augment.clean_only:
            noisy = spoken
        elif chance < augment.clean_only + augment.noise_only:
            spoken = clean = torch.zeros_like(clean)
            noisy = noise
        else:
            noisy = mix_at_snr(spoken, noise, self._snr(random))
            if random.random() < augment.covered:
                noisy = self._cover(noisy, spoken, noise, random)
        late = spoken - clean
        pauses = augment.draw_pauses(random, len(noisy))
        noisy, spoken = apply_pauses(noisy, spoken, *pauses)
        # What interrupts the recording interrupts the target.
        clean = spoken - late * (spoken.abs() > 0)
        noisy = self._disturb(noisy, random)
        noisy, clean = apply_finish(noisy, clean, augment.draw_finish(random))
        return self._transmit(noisy, clean, random)

    def _in_room(self, clean: Tensor, random: np.random.Generator):
        """Speech at the microphone and in the target."""
        augment = self.augment
        if random.random() >= augment.reverberation:
            return clean, clean
        response = self._room(random)
        target = early_part(response, augment.late_share)
        return convolve(clean, response, target)

    def _room(self, random: np.random.Generator) -> Tensor:
        measured = random.random() < self.augment.measured_rooms
        return self.rooms(random) if self.rooms and measured else room_response(random)

    def _noises(self, random: np.random.Generator) -> Tensor:
        """One to three noises at random levels."""
        augment = self.augment
        noise = self._colour(self._noise(random), random)
        for chance in (augment.second_noise, augment.third_noise):
            if random.random() >= chance:
                break
            other = self._colour(self._noise(random), random)
            noise = mix_at_snr(noise, other, random.uniform(-5, 15))
        return noise

    def _noise(self, random: np.random.Generator) -> Tensor:
        augment = self.augment
        if augment is None:
            return super()._noise(random)
        chance = random.random()
        if chance < augment.babble:
            return self._babble(random)
        if chance < augment.babble + augment.machine_noise:
            return machine_noise(self.samples, random)
        samples = self._length(random, speech=False)
        for _ in range(5):
            path = self.noise[int(random.integers(len(self.noise)))]
            start = int(random.integers(self.store.samples(path)))
            stretch = read_looped(self.store, path, start, samples)
            if float(stretch.square().mean()) > 1e-9:
                break
        return stretch

    def _babble(self, random: np.random.Generator) -> Tensor:
        """Several training speakers at once, sometimes in one room."""
        low, high = self.augment.babble_voices
        babble = torch.zeros(self.samples)
        for _ in range(int(random.integers(low, high + 1))):
            path = self.speech[int(random.integers(len(self.speech)))]
            start = int(random.integers(self.store.samples(path)))
            voice = read_looped(self.store, path, start, self.samples)
            power = float(voice.square().mean()) ** 0.5
            gain = 0.1 / max(power, 1e-4) * 10 ** (random.uniform(-9, 0) / 20)
            babble += gain * voice
        if random.random() < 0.5:
            babble = convolve(babble, self._room(random))[0]
        return babble

    def _snr(self, random: np.random.Generator) -> float:
        low = self.augment.low_snr if self.augment and len(self.snrs) == 2 else 0.0
        if low and random.random() < low:
            return float(random.uniform(self.snrs[0], self.augment.low_snr_limit))
        return super()._snr(random)

    def _cover(self, noisy, spoken, noise, random: np.random.Generator) -> Tensor:
        """Makes the noise louder than the speech in up to three short stretches."""
        gate = 1 - gaps(len(noisy), random, 0.1, 0.4, 3)
        if float((gate * noise).square().mean()) < 1e-10:
            noise = machine_noise(len(noisy), random)
        snr = random.uniform(*self.augment.covered_snr)
        return noisy + mix_at_snr(gate * spoken, gate * noise, snr) - gate * spoken

    def _disturb(self, noisy: Tensor, random: np.random.Generator) -> Tensor:
        """Adds what microphones and lines add, at levels relative to the mixture."""
        augment = self.augment
        level = float(noisy.square().mean()) ** 0.5
        if level < 1e-5:
            return noisy
        kinds = (
            (augment.wind, wind, (-15.0, 10.0)),
            (augment.rumble, rumble, (-25.0, 15.0)),
            (augment.handling, handling, (-20.0, 5.0)),
            (augment.line_noise, machine_noise, (-45.0, -10.0)),
        )
        samples = len(noisy)
        for chance, sound, decibels in kinds:
            if random.random() < chance:
                gain = 10 * level * 10 ** (random.uniform(*decibels) / 20)
                noisy = noisy + gain * sound(samples, random)
        if random.random() < augment.clicks:
            gain = float(noisy.abs().max()) * 10 ** (random.uniform(-20, 6) / 20)
            noisy = noisy + gain * clicks(samples, random)
        return noisy

    def _transmit(self, noisy: Tensor, clean: Tensor, random: np.random.Generator):
        """Offset, codec, lost packets and rounding."""
        augment = self.augment
        if random.random() < augment.offset:
            noisy = noisy + float(random.uniform(-0.1, 0.1))
        if random.random() < augment.coded:
            noisy, clean = self._code(noisy, clean, random)
        if random.random() < augment.lost:
            noisy = noisy * gaps(len(noisy), random, 0.02, 0.06, 4)
        if random.random() < augment.sixteen_bits:
            noisy = (noisy.clamp(-1, 1) * 32767).round() / 32767
        return noisy, clean

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
