"""Writes the manifests of any kind of data: find, check, split, write, report."""

import functools
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pvsd_modules.data.manifests import quality, record, scan, splits
from pvsd_modules.data.manifests.scan import LeftOut, Recording
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import write_text

logger = logging.getLogger(__name__)

PREPROCESSED_AUDIO = "audio.wav"


@dataclass(frozen=True)
class Options:
    """What decides how manifests are made.

    Arguments
    ---------
    seed : int
        Seed of the split by group (speaker, source recording, room).
    valid_fraction, test_fraction : float
        Shares of the seconds for a set that the corpus does not have itself.
    split_every_tenth : bool
        Split a single speaker's recordings by name (see `splits.every_tenth`).
    min_seconds, min_level_db : float
        See `quality.Limits`; for speech, noise, pairs and faces.
    min_speech_bandwidth, min_noise_bandwidth : float
        See `quality.Limits`, in Hz.
    vggsound_csv : str, optional
        VGGSound's table when it does not lie in the noise's folder.
    keep_speech_classes : bool
        Keep VGGSound's speech and singing classes among the noise.
    valid_speakers : tuple of str
        Speakers of the pairs' training set that become its valid set.
    exclude_licences : tuple of str
        Leave out what a table's column `licence` says one of these words of.
    """

    seed: int = 1234
    valid_fraction: float = 0.05
    test_fraction: float = 0.05
    split_every_tenth: bool = False
    min_seconds: float = 0.5
    min_level_db: float = -60.0
    min_speech_bandwidth: float = 3000.0
    min_noise_bandwidth: float = 100.0
    vggsound_csv: str | None = None
    keep_speech_classes: bool = False
    valid_speakers: tuple[str, ...] = ()
    exclude_licences: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("valid_fraction", "test_fraction"):
            share = getattr(self, name)
            if not 0 <= share < 0.5:
                raise PvsdError(f"--{name} {share} is not between 0 and 0.5.")
        for name in ("min_seconds", "min_speech_bandwidth", "min_noise_bandwidth"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise PvsdError(f"--{name} {value} is not a number of 0 or more.")
        if not -200 <= self.min_level_db <= 0:
            raise PvsdError(
                f"--min_level_db {self.min_level_db} is not between -200 and 0 dB."
            )


class Kind:
    """One kind of data; each subclass says what is special about it.

    Attributes
    ----------
    name : str
        As in `<split>_<name>.json`.
    group : str
        What must stay in one set, for messages.
    depends_on : tuple of str
        The `Options` that change its manifests.
    missing : str
        The sentence for a data root without any, up to its name.
    hint : str
        What a data root should hold, for messages.
    """

    name = ""
    group = "speaker"
    depends_on: tuple[str, ...] = ()
    missing = ""
    hint = ""

    def find(self, root: Path, options: Options, left_out: LeftOut) -> list[Recording]:
        """The files of one root, with keys relative to it; nothing is decoded."""
        raise NotImplementedError

    def files(self, item: Recording) -> list[Path]:
        """What is read of a recording."""
        return [item.path]

    def tables(self, root: Path, options: Options) -> list[Path]:
        """Files beside the recordings whose change changes the manifests."""
        return [root] if root.is_file() else []

    def limits(self, options: Options) -> quality.Limits:
        """Least values of a recording."""
        return quality.Limits(options.min_seconds, options.min_level_db)

    def check(self, recordings, options, left_out, measure) -> list[Recording]:
        """The recordings that can be used, with their lengths.

        ``measure`` is `quality.measure` of recordings and limits.
        """
        return measure(recordings, self.limits(options))

    def split(self, recordings: list[Recording], options: Options) -> None:
        """Fill in the set of each recording."""
        by_name = options.split_every_tenth and "split_every_tenth" in self.depends_on
        if not (by_name and splits.every_tenth(recordings)):
            shares = {"valid": options.valid_fraction, "test": options.test_fraction}
            splits.assign(recordings, shares, options.seed, self.group)

    def entry(self, item: Recording) -> dict:
        """What the manifest says of a recording."""
        raise NotImplementedError


def prepare_kind(
    kind: Kind,
    roots: list[str],
    output_folder: str,
    options: Options,
    workers: int = 1,
) -> bool:
    """Write `train_<name>.json`, `valid_<name>.json` and `test_<name>.json`.

    Arguments
    ---------
    kind : Kind
    roots : list of str
        Folders and CSV manifests. `{data_root}` (or `{noise_root}`) of the manifests
        stands for the deepest folder that holds all of them.
    output_folder : str
        Where the manifests go.
    options : Options
    workers : int
        Threads that decode.

    Returns
    -------
    bool
        False when everything was up to date and nothing was written.

    Raises
    ------
    PvsdError
        If a root is missing or no file can be used.
    """
    roots = resolved(roots)
    base = scan.common_folder(roots)
    left_out, recordings = LeftOut(), {}
    for root in roots:
        here, folder = LeftOut(), scan.folder_of(root).relative_to(base)
        for item in kind.find(root, options, here):
            item.key = (folder / item.key).as_posix()
            recordings.setdefault(item.key, item)  # two roots, one inside the other
        for key, reason in here.reasons.items():
            left_out.add((folder / key).as_posix(), reason, key in here.faults)
    recordings = list(recordings.values())
    tables = [path for root in roots for path in kind.tables(root, options)]
    made_from = {
        "roots": [str(root) for root in roots],
        "data": record.fingerprint([p for r in recordings for p in kind.files(r)]),
        "tables": record.fingerprint(tables),
        "left_out": sorted(left_out.reasons),
        **{name: getattr(options, name) for name in kind.depends_on},
    }
    notes = record.Record(Path(output_folder).expanduser())
    if notes.is_current(kind.name, made_from):
        return False
    for item in recordings:
        words = [
            w for w in options.exclude_licences if w.lower() in item.licence.lower()
        ]
        if words:
            left_out.add(item.key, f"of the licence {item.licence}")
    log = notes.folder / "measured.jsonl"
    settings = {"left_out": left_out, "workers": workers, "log": log}
    measure = functools.partial(quality.measure, **settings)
    usable = kind.check(left_out.kept(recordings), options, left_out, measure)
    if not usable:
        raise PvsdError(_nothing_found(kind, roots, left_out))
    kind.split(usable, options)
    files = _write_splits(kind, usable, notes.folder)
    files += _report(kind, usable, left_out, notes.folder)
    notes.note(kind.name, made_from, files, len(left_out.faults))
    logger.info("%s: the manifests' paths are relative to %s", kind.name, base)
    return True


def resolved(roots: list[str] | str) -> list[Path]:
    """Absolute paths of one root or of several."""
    roots = [roots] if isinstance(roots, str | Path) else roots
    return [Path(root).expanduser().resolve() for root in roots]


def escape(text: str) -> str:
    """Double the braces of a text that goes into a manifest, where SpeechBrain fills in
    `{data_root}`."""
    return text.replace("{", "{{").replace("}", "}}")


def identifiers(recordings: list[Recording]) -> list[str]:
    """A unique name for each recording of a manifest: its path without the ending where
    that is enough."""
    # A preprocessed clip is named by its folder, not by the audio.wav in it.
    paths = [
        PurePosixPath(item.key.removesuffix(f"/{PREPROCESSED_AUDIO}"))
        for item in recordings
    ]
    short = [path.with_suffix("").as_posix() for path in paths]
    count = Counter(short)
    return [
        item.key if count[name] > 1 else name
        for item, name in zip(recordings, short, strict=True)
    ]


def _nothing_found(kind: Kind, roots: list[Path], left_out: LeftOut) -> str:
    where = ", ".join(map(str, roots))
    if left_out.reasons:
        key, reason = next(iter(left_out.reasons.items()))
        return (
            f"None of the {len(left_out.reasons)} files of {kind.name} in {where} can "
            f"be used; the first one, {key}: {reason}"
        )
    return f"{kind.missing} in {where}: {kind.hint}."


def _report(
    kind: Kind, recordings: list[Recording], left_out: LeftOut, folder: Path
) -> list[str]:
    """Log how much there is of each set, and write the table of what was left out.

    The table is `<kind>_skipped.txt`. Returns the names of the files.
    """
    for split in scan.SPLITS:
        items = [item for item in recordings if item.split == split]
        groups = len({item.group for item in items})
        hours = sum(item.seconds for item in items) / 3600
        logger.info(
            "%s %s: %d files, %.2f h, %d %ss",
            *(kind.name, split, len(items), hours, groups, kind.group),
        )
        if not items:
            logger.warning(
                "%s %s is empty: there are too few %ss to keep a set of their own.",
                *(kind.name, split, kind.group),
            )
    path = folder / f"{kind.name}_skipped.txt"
    if not left_out.reasons:
        path.unlink(missing_ok=True)
        return []
    lines = [f"{key}\t{why}" for key, why in sorted(left_out.reasons.items())]
    write_text(path, "\n".join(lines) + "\n")
    # Faults first: the user has to mend them, the rest is as it was asked for.
    shown = sorted(lines, key=lambda line: line.split("\t")[0] not in left_out.faults)
    for line in shown[:10]:
        logger.warning("left out: %s", line.replace("\t", ": "))
    logger.warning(
        "%d files of %s left out, all named in %s", len(lines), kind.name, path.name
    )
    return [path.name]


def _write_splits(kind: Kind, recordings: list[Recording], folder: Path) -> list[str]:
    """Write the manifests of the three sets; returns the names of the files."""
    ordered = sorted(recordings, key=lambda item: item.key)
    named = dict(zip(identifiers(ordered), ordered, strict=True))
    files = []
    for split in scan.SPLITS:
        items = {name: item for name, item in named.items() if item.split == split}
        files.append(f"{split}_{kind.name}.json")
        content = {name: kind.entry(item) for name, item in items.items()}
        record.write_json(folder / files[-1], content)
    return files
