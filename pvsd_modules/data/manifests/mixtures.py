"""Fixed lists of test mixtures: which speech, which noise, from where, how loud."""

import logging
import math
import random
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.manifests import record, scan, splits
from pvsd_modules.data.manifests.build import resolved
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.sound_reading import read_mono

logger = logging.getLogger(__name__)

# Places tried in a long recording before its loudest one is taken.
_TRIES = 16
# A stretch counts as sounding when it is at most 20 dB below the whole recording.
_QUIET = 0.1


@dataclass(frozen=True)
class MixtureOptions:
    """How the fixed lists are drawn: SNRs in dB, which are used equally often, numbers
    of mixtures, and the seconds to which longer speech is cut."""

    seed: int = 1234
    valid_snrs: tuple[float, ...] = (-5, 0, 5, 10)
    test_snrs: tuple[float, ...] = (-5, 0, 5, 10)
    valid_count: int = 100
    test_count: int = 200
    max_seconds: float = 10.0

    def __post_init__(self):
        for name in ("valid_snrs", "test_snrs"):
            snrs = getattr(self, name)
            if not snrs or not all(math.isfinite(snr) for snr in snrs):
                raise PvsdError(f"--{name} needs one or more numbers of dB.")
        for name in ("valid_count", "test_count"):
            if getattr(self, name) < 0:
                raise PvsdError(f"--{name} {getattr(self, name)} is below 0.")
        if not 0 < self.max_seconds < math.inf:
            raise PvsdError(f"--max_seconds {self.max_seconds} is not above 0.")


def prepare_mixtures(
    speech_roots: list[str],
    noise_roots: list[str],
    output_folder: str,
    options: MixtureOptions,
) -> bool:
    """Write valid_mixtures.json and test_mixtures.json from the manifests beside them.

    ``speech_roots`` and ``noise_roots`` are those that the manifests in
    ``output_folder`` were made from. Returns False when everything was up to date and
    nothing was written.
    """
    notes = record.Record(Path(output_folder).expanduser())
    made_from = {
        "speech": notes.made.get("speech", {}).get("from"),
        "noise": notes.made.get("noise", {}).get("from"),
        **asdict(options),
    }
    if notes.is_current("mixtures", made_from):
        return False
    roots = {
        "data_root": str(scan.common_folder(resolved(speech_roots))),
        "noise_root": str(scan.common_folder(resolved(noise_roots))),
    }
    unusable, files = {}, []
    for split in ("valid", "test"):
        count = getattr(options, f"{split}_count")
        speech = record.read_json(notes.folder / f"{split}_speech.json")
        noise = record.read_json(notes.folder / f"{split}_noise.json")
        if count and not (speech and noise):
            missing = "noise" if speech else "speech"
            logger.warning("%s_mixtures.json is empty: there is no %s.", split, missing)
            count = 0
        maker = _Maker(roots, f"{options.seed} {split}", options.max_seconds, unusable)
        files.append(f"{split}_mixtures.json")
        snrs = getattr(options, f"{split}_snrs")
        record.write_json(
            notes.folder / files[-1], maker.mix(speech, noise, snrs, count)
        )
    for key, reason in unusable.items():
        logger.warning("not mixed: %s: %s", key, reason)
    notes.note("mixtures", made_from, files)
    return True


def forget_stale_mixtures(output_folder: str) -> None:
    """Remove the mixtures when speech or noise was prepared anew without the other.

    Arguments
    ---------
    output_folder : str
        Where the manifests lie.
    """
    notes = record.Record(Path(output_folder).expanduser())
    made_from = notes.made.get("mixtures", {}).get("from")
    if made_from and any(
        made_from[kind] != notes.made.get(kind, {}).get("from")
        for kind in ("speech", "noise")
    ):
        logger.warning(
            "The mixtures were of other speech or noise and are removed: prepare once "
            "more with both --speech and --noise."
        )
        notes.forget("mixtures")


def spread(manifest: dict, group_key: str, seed: str) -> list[str]:
    """Identifiers of a manifest in an order whose beginnings are even over its groups.

    Every entry comes once before any comes again; groups, named by the entries'
    ``group_key``, take turns.
    """
    groups = defaultdict(list)
    for name in sorted(manifest, key=lambda name: splits.rank(name, seed)):
        groups[manifest[name][group_key]].append(name)
    order = sorted(groups, key=lambda group: splits.rank(group, seed))
    rounds = max(map(len, groups.values()), default=0)
    return [
        groups[group][turn]
        for turn in range(rounds)
        for group in order
        if turn < len(groups[group])
    ]


def sounding_start(wave: np.ndarray, length: int, rng: random.Random) -> int | None:
    """First sample of a random stretch of ``length`` samples where ``wave``, float
    ``[time]``, is not silent; None where it is silent all through. A shorter recording
    is taken from 0."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    if not np.isfinite(energy[-1]) or energy[-1] <= 1e-10 * len(wave):
        return None
    if len(wave) <= length:
        return 0
    floor = _QUIET**2 * energy[-1] / len(wave)
    for _ in range(_TRIES):
        start = rng.randint(0, len(wave) - length)
        if (energy[start + length] - energy[start]) / length >= floor:
            return start
    # A short sound in long silence: where most of it is.
    return int(np.argmax(energy[length:] - energy[:-length]))


def _snr_index(index: int, files: int, snrs: int) -> int:
    """SNRs in turn; speech that comes again in another pass gets another one."""
    passes = index // files if files % snrs == 0 else 0
    return (index + passes) % snrs


class _Maker:
    """Draws the mixtures of one set."""

    def __init__(self, roots, seed, max_seconds, unusable):
        self.roots, self.seed, self.unusable = roots, seed, unusable
        self.max_samples = round(max_seconds * SAMPLE_RATE)

    def mix(self, speech, noise, snrs, count):
        """Take speech and noise in turn; what is silent or broken is passed over."""
        talkers = self._in_turn(speech, "speaker", "speech")
        noises = self._in_turn(noise, "category", "noise")
        mixtures = {}
        for index in range(count):
            rng = random.Random(f"{self.seed} {index}")
            voice, clean_start, samples = self._cut(talkers, self.max_samples, rng)
            sound, noise_start, _ = self._cut(noises, samples, rng)
            mixtures[f"mixture{index:04d}"] = {
                "clean": voice["wav"],
                "clean_start": clean_start,
                "samples": samples,
                "noise": sound["wav"],
                "noise_start": noise_start,
                "snr": float(snrs[_snr_index(index, len(speech), len(snrs))]),
                "speaker": voice["speaker"],
                "category": sound["category"],
            }
        return mixtures

    def _in_turn(self, manifest, group_key, what):
        """All usable entries again and again; none at all is an error."""
        order = spread(manifest, group_key, f"{self.seed} {what}")
        while order:
            for name in order:
                if manifest[name]["wav"] not in self.unusable:
                    yield manifest[name]
            order = [n for n in order if manifest[n]["wav"] not in self.unusable]
        raise PvsdError(
            f"There is nothing to mix: every {what} file of the set "
            f"{self.seed.split()[-1]} is silent or broken."
        )

    def _cut(self, entries, longest, rng):
        """Next usable entry, its first sample and its number of samples at 16 kHz."""
        for entry in entries:
            try:
                wave = read_mono(entry["wav"].format_map(self.roots)).numpy()
                length = min(longest, len(wave))
                start = sounding_start(wave, length, rng)
            except PvsdError as error:
                self.unusable[entry["wav"]] = str(error)
                continue
            if start is not None:
                return entry, start, length
            self.unusable[entry["wav"]] = "it is silent"
