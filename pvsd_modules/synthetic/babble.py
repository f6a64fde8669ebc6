"""Text of synthetic speech: speech sounds in syllables, words and pauses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sound:
    """One speech sound: loudness of its parts, resonances, mouth opening 0..1."""

    name: str
    voice: float
    breath: float
    hiss: float
    resonances: tuple[float, float, float]
    hiss_centre: float
    opening: float
    seconds: float


_VOWELS = [
    Sound("AA", 1.0, 0.02, 0, (750, 1150, 2500), 0, 1.00, 0.15),
    Sound("AE", 1.0, 0.02, 0, (680, 1700, 2450), 0, 0.85, 0.14),
    Sound("EH", 1.0, 0.02, 0, (550, 1800, 2500), 0, 0.65, 0.12),
    Sound("IY", 0.9, 0.02, 0, (290, 2250, 2950), 0, 0.35, 0.12),
    Sound("AO", 1.0, 0.02, 0, (560, 900, 2450), 0, 0.70, 0.14),
    Sound("UW", 0.9, 0.02, 0, (310, 950, 2300), 0, 0.30, 0.13),
    Sound("ER", 0.9, 0.02, 0, (480, 1350, 1750), 0, 0.45, 0.13),
]
_CONSONANTS = [
    Sound("M", 0.45, 0.0, 0, (250, 1000, 2200), 0, 0.0, 0.07),
    Sound("N", 0.45, 0.0, 0, (280, 1500, 2500), 0, 0.12, 0.06),
    Sound("L", 0.60, 0.0, 0, (360, 1200, 2700), 0, 0.30, 0.06),
    Sound("W", 0.60, 0.0, 0, (300, 700, 2200), 0, 0.12, 0.06),
    Sound("S", 0.0, 0.0, 0.30, (320, 1650, 2600), 6200, 0.12, 0.10),
    Sound("SH", 0.0, 0.0, 0.35, (320, 1700, 2500), 3200, 0.18, 0.10),
    Sound("F", 0.0, 0.02, 0.06, (320, 1100, 2300), 5000, 0.05, 0.08),
    Sound("Z", 0.35, 0.0, 0.15, (300, 1650, 2600), 6000, 0.12, 0.07),
    Sound("HH", 0.0, 0.25, 0, (520, 1500, 2500), 0, 0.40, 0.05),
]
# A stop is silence with the mouth shut by lips or tongue, then a short burst.
_STOPS = {
    "P": (Sound("", 0, 0, 0, (300, 800, 2200), 0, 0.0, 0.06), 1200.0),
    "B": (Sound("", 0.15, 0, 0, (250, 800, 2200), 0, 0.0, 0.05), 1000.0),
    "T": (Sound("", 0, 0, 0, (320, 1700, 2600), 0, 0.12, 0.05), 5000.0),
    "D": (Sound("", 0.15, 0, 0, (280, 1700, 2600), 0, 0.12, 0.04), 4500.0),
    "K": (Sound("", 0, 0, 0, (320, 1900, 2300), 0, 0.20, 0.06), 2200.0),
}
_PAUSE = Sound("", 0, 0, 0, (450, 1450, 2450), 0, 0.0, 0.3)


@dataclass(frozen=True)
class Word:
    """One babbled word and when it is said, in seconds."""

    text: str
    start: float
    end: float


def plan(seconds: float, pace: float, rng) -> tuple[list[Sound], list[Word]]:
    """Babble for some seconds: words of one to three syllables, pauses between some
    words.

    ``pace`` scales the lengths of sounds; the last one may reach beyond, and the words
    are those that end in time.
    """
    sounds, words, now = [], [], 0.0

    def add(sound, scale=1.0):
        """Appends a sound at the speaker's pace."""
        nonlocal now
        length = sound.seconds * scale * pace * rng.uniform(0.8, 1.25)
        sounds.append(Sound(**(vars(sound) | {"seconds": length})))
        now += length

    add(_PAUSE, rng.uniform(0.3, 0.9))
    until_pause = rng.integers(2, 6)
    while now < seconds:
        start, text = now, ""
        for _ in range(rng.integers(1, 4)):
            text += _onset(add, rng)
            vowel = _VOWELS[rng.integers(len(_VOWELS))]
            add(vowel, rng.uniform(0.7, 1.5))
            text += vowel.name
            if rng.random() < 0.25:
                coda = _CONSONANTS[rng.integers(len(_CONSONANTS) - 1)]
                add(coda, 0.8)
                text += coda.name
        words.append(Word(text, start, now))
        until_pause -= 1
        if until_pause == 0:
            add(_PAUSE, rng.uniform(0.6, 1.6))
            until_pause = rng.integers(2, 6)
    return sounds, [w for w in words if w.end <= seconds]


def _onset(add, rng) -> str:
    """Begin a syllable with a stop, another consonant, or nothing."""
    kind = rng.random()
    if kind < 0.35:
        name = list(_STOPS)[rng.integers(len(_STOPS))]
        shut, burst = _STOPS[name]
        add(shut)
        opening = shut.opening + 0.1
        add(Sound("", 0, 0.05, 0.4, shut.resonances, burst, opening, 0.015))
        return name
    if kind < 0.9:
        consonant = _CONSONANTS[rng.integers(len(_CONSONANTS))]
        add(consonant)
        return consonant.name
    return ""
