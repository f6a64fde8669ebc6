"""Random choices of one training item, apart from the signal processing they cause.

They are drawn where the item is loaded, from numbers of its own, and applied there or,
for a whole batch at once, on the device that trains: the item is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE

POINTS = 8  # of a random filter


@dataclass
class Colour:
    """A smooth filter, as gains in decibels at points evenly spread over the root of
    the frequency, and the impulse response of a room or None."""

    decibels: np.ndarray
    room: Tensor | None = None

    @property
    def tail(self) -> int:
        """Samples that the filters may add at the end."""
        if self.room is None:
            return 800
        return 8000 if len(self.room) <= 8000 else 16000


@dataclass
class Pause:
    """Seconds of begin and end, and the gain in between; by default none."""

    begin: float = 0.0
    end: float = 0.0
    rest: float = 1.0


@dataclass
class Burst:
    """First sample, length and kind (see `mixing.burst`); by default none."""

    start: int = 0
    length: int = 0
    kind: int = 0


@dataclass
class Finish:
    """Bandwidth in Hz (0 for all), level in dB, and clipping as a part of the peak."""

    cutoff: float = 0.0
    level_db: float | None = None
    clip: float = 1.0


@dataclass
class FieldEffects:
    """What a `FieldMixer` does beyond the others; by default nothing.

    Arguments
    ---------
    target : Colour or None
        Of the speech in the target, where the room in it has less late reverberation.
    third_ratio : float
        Level of the first two noises over the third one in dB.
    cover : Tensor or None
        ``[item]``, 1 where the noise is made louder than the speech, else 0.
    cover_snr : float
        In dB.
    added : Tensor or None
        ``[item]``, added in units of the mixture's root mean square.
    clicks : Tensor or None
        ``[item]``, added in units of the peak.
    offset : float
    lost : Tensor or None
        ``[item]``, gains that are 0 where packets are lost.
    sixteen_bits : bool
        Whether the noisy signal is rounded.
    """

    target: Colour | None = None
    third_ratio: float = 0.0
    cover: Tensor | None = None
    cover_snr: float = 0.0
    added: Tensor | None = None
    clicks: Tensor | None = None
    offset: float = 0.0
    lost: Tensor | None = None
    sixteen_bits: bool = False


@dataclass
class Drawn:
    """Everything that decides an item.

    Arguments
    ---------
    start : int
        First sample of the speech in its file.
    speech : Tensor
        ``[read]``, at the speed at which it was recorded.
    noises : list of Tensor
        ``[read]`` each: none, one, or a second and a third one beside it.
    colours : list of Colour
        Of speech and noises; empty where nothing is coloured.
    noise_ratio : float
        Level of the first noise over the second one in dB.
    content : str
        "both", "clean", "noise", or "given": the noise is the noisy signal already.
    snr : float
        In dB.
    burst : Burst
    interruption, silence : Pause
        Of the noise, and of the whole recording at its beginning.
    finish : Finish
    effects : FieldEffects
    """

    start: int
    speech: Tensor
    noises: list[Tensor] = field(default_factory=list)
    colours: list[Colour] = field(default_factory=list)
    noise_ratio: float = 0.0
    content: str = "both"
    snr: float = 0.0
    burst: Burst = field(default_factory=Burst)
    interruption: Pause = field(default_factory=Pause)
    silence: Pause = field(default_factory=Pause)
    finish: Finish = field(default_factory=Finish)
    effects: FieldEffects = field(default_factory=FieldEffects)

    def signals(self) -> Iterator[tuple[int, Tensor, Colour | None]]:
        """Speech (0), noises (1 to 3) and the speech of the target (4), if it differs:
        place, signal and colour."""
        colours = self.colours or [None] * 4
        yield from zip(range(4), [self.speech, *self.noises], colours, strict=False)
        if self.effects.target is not None:
            yield 4, self.speech, self.effects.target


def draw_burst(length: int, random: np.random.Generator) -> Burst:
    """At most 200 ms of a signal of ``length`` samples."""
    samples = min(length, int(random.integers(1, SAMPLE_RATE // 5 + 1)))
    start = int(random.integers(0, length - samples + 1))
    return Burst(start, samples, int(random.integers(3)))
