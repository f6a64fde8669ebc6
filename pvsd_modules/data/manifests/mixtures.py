"""Fixed lists of test mixtures: which speech, which noise, from where, how loud."""

import logging
import random
from collections import defaultdict
from pathlib import Path

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.manifests import scan, splits, store
from pvsd_modules.data.manifests.scan import Skipped
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.sound_reading import read_mono

logger = logging.getLogger(__name__)

# Places tried in a long recording before its loudest one is taken.
_TRIES = 16
# A stretch counts as sounding when it is at most 20 dB below the whole recording.
_QUIET = 0.1


def prepare_mixtures(
    speech_root: str,
    noise_root: str,
    output_folder: str,
    seed: int = 1234,
    valid_snrs: tuple[float, ...] = (-5, 0, 5, 10),
    test_snrs: tuple[float, ...] = (-5, 0, 5, 10),
    valid_count: int = 100,
    test_count: int = 200,
    max_seconds: float = 10.0,
) -> bool:
    """Write valid_mixtures.json and test_mixtures.json from the manifests beside them.

    Arguments
    ---------
    speech_root : str
        The root that the speech manifests were made from.
    noise_root : str
        The root that the noise manifests were made from.
    output_folder : str
        Where the speech and noise manifests lie and the mixtures go.
    seed : int
        Seed of every choice.
    valid_snrs : tuple of float
        Signal-to-noise ratios in dB, used equally often.
    test_snrs : tuple of float
        Same for the test set.
    valid_count : int
        Number of valid mixtures.
    test_count : int
        Number of test mixtures.
    max_seconds : float
        Longer speech is cut to this.

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.
    """
    folder = Path(output_folder).expanduser()
    roots = {
        "data_root": str(scan.folder_of(Path(speech_root).expanduser().resolve())),
        "noise_root": str(scan.folder_of(Path(noise_root).expanduser().resolve())),
    }
    record = store.Record(folder)
    made_from = {
        "speech": record.made.get("speech", {}).get("from"),
        "noise": record.made.get("noise", {}).get("from"),
        "seed": seed,
        "snrs": [list(valid_snrs), list(test_snrs)],
        "counts": [valid_count, test_count],
        "max_seconds": max_seconds,
    }
    if record.is_current("mixtures", made_from):
        return False
    for name, snrs in (("valid_snrs", valid_snrs), ("test_snrs", test_snrs)):
        if not snrs:
            raise PvsdError(f"--{name} needs at least one number of dB.")
    skipped = Skipped()
    files = []
    for split, snrs, count in (
        ("valid", valid_snrs, valid_count),
        ("test", test_snrs, test_count),
    ):
        speech = store.read_json(folder / f"{split}_speech.json")
        noise = store.read_json(folder / f"{split}_noise.json")
        if count and not (speech and noise):
            logger.warning(
                "%s_mixtures.json is empty: there is no %s.",
                split,
                "noise" if speech else "speech",
            )
            count = 0
        maker = _Maker(roots, f"{seed} {split}", max_seconds, skipped)
        files.append(f"{split}_mixtures.json")
        store.write_json(folder / files[-1], maker.mix(speech, noise, snrs, count))
    for key, reason in skipped.reasons.items():
        logger.warning("not mixed: %s: %s", key, reason)
    record.note("mixtures", made_from, files)
    return True


def forget_stale_mixtures(output_folder: str) -> None:
    """Remove the mixtures when speech or noise was prepared anew without the other.

    Arguments
    ---------
    output_folder : str
        Where the manifests lie.
    """
    record = store.Record(Path(output_folder).expanduser())
    made_from = record.made.get("mixtures", {}).get("from")
    if made_from and any(
        made_from[kind] != record.made.get(kind, {}).get("from")
        for kind in ("speech", "noise")
    ):
        logger.warning(
            "The mixtures were of other speech or noise and are removed: prepare once "
            "more with both --speech and --noise."
        )
        record.forget("mixtures")


def spread(manifest: dict, group_key: str, seed: str) -> list[str]:
    """Order a manifest so that any beginning of it is even over its groups.

    Every entry comes once before any comes again; groups take turns.

    Arguments
    ---------
    manifest : dict
        Identifier to entry.
    group_key : str
        Key of the entry that names its group.
    seed : str
        Seed of the order.

    Returns
    -------
    list of str
        All identifiers, each once.
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
    """A random place where a recording is not silent.

    Arguments
    ---------
    wave : numpy.ndarray
        float [time].
    length : int
        Samples wanted; a shorter recording is taken from its first sample.
    rng : random.Random
        Source of the choice.

    Returns
    -------
    int or None
        First sample, None when the recording is silent all through.
    """
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

    def __init__(self, roots, seed, max_seconds, skipped):
        self.roots, self.seed, self.skipped = roots, seed, skipped
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
                if manifest[name]["wav"] not in self.skipped.reasons:
                    yield manifest[name]
            order = [n for n in order if manifest[n]["wav"] not in self.skipped.reasons]
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
                self.skipped.add(entry["wav"], str(error))
                continue
            if start is not None:
                return entry, start, length
            self.skipped.add(entry["wav"], "it is silent")
