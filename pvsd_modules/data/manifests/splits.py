"""Who belongs to which set: the corpus's own word, else whole groups by a hash."""

import hashlib
import logging
from collections import defaultdict

from pvsd_modules.data.manifests.scan import Recording

logger = logging.getLogger(__name__)


def rank(name: str, seed: int) -> str:
    """A sort key, hexadecimal, that depends on the name and the seed alone."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def assign(
    recordings: list[Recording],
    fractions: dict[str, float],
    seed: int,
    what: str = "speaker",
) -> None:
    """Fill in the missing `split` of every recording, in place, whole groups at a time.

    A set the corpus has is taken as it is. A set it lacks is drawn from the recordings
    that are not fixed elsewhere: those without a split, or the training set where the
    corpus splits everything but has no such set (LRS3 has no valid). ``fractions`` are
    the shares of the drawn-from seconds for "valid" and "test", ``seed`` that of the
    hash that orders the groups, ``what`` the word for a group in messages.
    """
    unsplit = [item for item in recordings if not item.split]
    wanted = [
        split
        for split in ("valid", "test")
        if fractions[split] > 0 and not any(r.split == split for r in recordings)
    ]
    pool = unsplit or [item for item in recordings if item.split == "train"]
    # A group that is already fixed somewhere stays whole where it is.
    fixed = {item.group: item.split for item in recordings if item.split}
    if unsplit:
        for item in unsplit:
            item.split = fixed.get(item.group, "")
        pool = [item for item in unsplit if not item.split]
    drawn = _draw(pool, wanted, fractions, seed)
    for item in pool:
        item.split = drawn.get(item.group, "train")
    _warn_of_overlap(recordings, what)


def every_tenth(recordings: list[Recording]) -> bool:
    """Split one speaker's recordings by name, in place: of every ten the 9th valid, the
    10th test. False, and no change, where there are several speakers."""
    if len({item.group for item in recordings}) > 1:
        return False
    for index, item in enumerate(sorted(recordings, key=lambda item: item.key)):
        item.split = {8: "valid", 9: "test"}.get(index % 10, "train")
    return True


def _draw(pool, wanted, fractions, seed):
    """Choose whole groups for each wanted set until its share of seconds is reached."""
    seconds = defaultdict(float)
    for item in pool:
        seconds[item.group] += item.seconds
    free = sorted(seconds, key=lambda group: rank(group, seed))
    total = sum(seconds.values())
    drawn = {}
    for split in wanted:
        target = fractions[split] * total
        # One speaker with half of the corpus is not moved out of the training set.
        limit = max([2 * target] + [seconds[g] for g in _smallest(free, seconds)])
        taken = 0.0
        for group in list(free):
            if len(free) == 1 or taken >= target:
                break
            if seconds[group] <= limit:
                drawn[group] = split
                taken += seconds[group]
                free.remove(group)
    return drawn


def _smallest(groups, seconds):
    return sorted(groups, key=lambda group: (seconds[group], group))[:1]


def _warn_of_overlap(recordings, what):
    where = defaultdict(set)
    for item in recordings:
        where[item.group].add(item.split)
    torn = sorted(group for group, splits in where.items() if len(splits) > 1)
    if torn:
        logger.warning(
            "%d %ss are in more than one set because the corpus's own split says so, "
            "for example %s: test figures are not for unseen %ss.",
            len(torn),
            what,
            ", ".join(torn[:3]),
            what,
        )
