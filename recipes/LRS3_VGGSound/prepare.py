#!/usr/bin/env python3
"""Write the JSON manifests that training and evaluation read.

    python prepare.py --speech LRS3 --noise VGGSOUND --output_folder MANIFESTS

Nothing is written when the manifests still fit the data and the arguments. The
training scripts call `prepare_missing` through `run_on_main`. What is written, and how
the sets are kept apart, is described in README.md beside this file. The exit code is 1
if files could not be read (they are named, the others are used), 2 if the command is
wrong.
"""

import argparse
import dataclasses
import logging
import os
import sys
from pathlib import Path

from pvsd_modules.data.manifests.build import Options, prepare_kind, resolved
from pvsd_modules.data.manifests.faces import Faces
from pvsd_modules.data.manifests.mixtures import (
    MixtureOptions,
    forget_stale_mixtures,
    prepare_mixtures,
)
from pvsd_modules.data.manifests.noise import Noise
from pvsd_modules.data.manifests.pairs import Pairs
from pvsd_modules.data.manifests.record import count_faults, read_json
from pvsd_modules.data.manifests.rooms import Rooms
from pvsd_modules.data.manifests.scan import SPLITS, common_folder
from pvsd_modules.data.manifests.speech import Speech
from pvsd_modules.data.shards import write_shards
from pvsd_modules.errors import PvsdError, exit_on_error

logger = logging.getLogger(__name__)


def prepare(
    output_folder,
    speech=(),
    noise=(),
    rooms=(),
    faces=None,
    pairs=None,
    workers=1,
    shards=None,
    shard_files=500,
    **options,
):
    """Prepare each kind of data that is given.

    Arguments
    ---------
    output_folder : str
        Where the manifests go.
    speech, noise, rooms : str or list of str
        Data roots: folders or CSV manifests. With speech and noise, the valid and test
        mixtures are drawn too.
    faces : str, optional
        Folder that preprocess.py wrote.
    pairs : str, optional
        Folder of pre-mixed pairs, such as VoiceBank-DEMAND's.
    workers : int
        Threads that decode.
    shards : str, optional
        Folder for WebDataset shards of speech and noise, which `--store_folder` of the
        training scripts then names.
    shard_files : int
        Recordings of a shard.
    **options : dict
        Fields of `Options` and `MixtureOptions`.

    Returns
    -------
    int
        How many files could not be read.
    """
    if not any((speech, noise, rooms, faces, pairs)):
        raise PvsdError(
            "There is nothing to prepare: give at least one of --speech, --noise, "
            "--rooms, --faces and --pairs."
        )
    for name, number in (("workers", workers), ("shard_files", shard_files)):
        if number < 1:
            raise PvsdError(f"--{name} {number} is below 1.")
    chosen = pick(Options, options)
    mixed = pick(MixtureOptions, options)
    given = {Speech(): speech, Noise(): noise, Rooms(): rooms}
    given |= {Faces(): faces, Pairs(): pairs}
    written = {}
    for kind, roots in given.items():
        if roots:
            written[kind.name] = prepare_kind(
                kind, as_list(roots), output_folder, chosen, workers
            )
    if speech and noise:
        written["mixtures"] = prepare_mixtures(
            as_list(speech), as_list(noise), output_folder, mixed
        )
    elif speech or noise:
        forget_stale_mixtures(output_folder)
    if shards:
        for kind, roots in (("speech", as_list(speech)), ("noise", as_list(noise))):
            if roots:
                root = str(common_folder(resolved(roots)))
                write_all_shards(
                    output_folder, kind, root, shards, shard_files, workers
                )
    for name, is_new in written.items():
        logger.info("%s: %s", name, "written" if is_new else "up to date")
    return count_faults(output_folder, written)


def write_all_shards(manifests, kind, root, shards, files, workers):
    """Shards of the three sets of a kind, from the manifests of a folder."""
    for split in SPLITS:
        name = f"{split}_{kind}"
        manifest = read_json(Path(manifests).expanduser() / f"{name}.json")
        roots = {"data_root": root, "noise_root": root}
        paths = {key: item["wav"].format_map(roots) for key, item in manifest.items()}
        write_shards(manifest, paths, Path(shards).expanduser(), name, files, workers)


def pick(options_class, options):
    """The given options that a class of options has, as an object of it."""
    names = {field.name for field in dataclasses.fields(options_class)}
    return options_class(**{k: v for k, v in options.items() if k in names})


def as_list(roots):
    """One root or several."""
    return [roots] if isinstance(roots, str | os.PathLike) else list(roots)


def prepare_missing(
    output_folder, speech=None, noise=None, faces=None, skip_prep=False
):
    """What the training scripts call: prepare kinds that have no manifests yet.

    Manifests that are there are left as they are, whatever they were made from. Nothing
    is prepared where speech and noise are one folder without a table that tells which
    is which.

    Arguments
    ---------
    output_folder : str
        Where the manifests are or go.
    speech, noise : str, optional
        Folders, or folders with a table ``manifest.csv``.
    faces : str, optional
        Folder that preprocess.py wrote.
    skip_prep : bool
        Do nothing.
    """
    there = {path.name for path in Path(output_folder).glob("*.json")}
    if skip_prep:
        return
    if faces and "train_faces.json" not in there:
        prepare(output_folder, faces=faces)
    names = {"train_speech.json", "train_noise.json", "valid_mixtures.json"}
    tables = [Path(root or ".", "manifest.csv") for root in (speech, noise)]
    separate = str(speech) != str(noise) or tables[0].is_file()
    if speech and noise and separate and not there & names:
        speech, noise = (
            str(table) if table.is_file() else root
            for root, table in zip((speech, noise), tables, strict=True)
        )
        prepare(output_folder, speech=speech, noise=noise)


def main(arguments=None):
    """Run from the command line; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    usual, mixed = Options(), MixtureOptions()
    add, several = parser.add_argument, {"nargs": "+", "default": []}
    add("--output_folder", required=True, help="where the manifests go")
    place = "folders or CSV manifests"
    add("--speech", help=f"{place}: LRS3 raw or preprocessed, or any", **several)
    add("--noise", help=f"{place}: VGGSound or any", **several)
    add("--rooms", help=f"{place}: impulse responses (rows of type rir)", **several)
    add("--faces", help="folder that preprocess.py wrote")
    add("--pairs", help="folder of noisy and clean pairs, as VoiceBank-DEMAND's")
    add("--shards", help="folder for WebDataset shards of speech and noise as well")
    add("--shard_files", type=int, default=500, help="recordings of a shard")
    add("--workers", type=int, default=os.cpu_count(), help="threads that decode")
    add("--seed", type=int, default=usual.seed, help="seed of splits and mixtures")
    number = {"type": float, "metavar": "X"}
    for name, text in (
        ("valid_fraction", "share of a valid set, if the corpus has none"),
        ("test_fraction", "share of a test set, if the corpus has none"),
        ("min_seconds", "leave out shorter recordings"),
        ("min_level_db", "leave out quieter recordings, dB relative to full scale"),
        ("min_speech_bandwidth", "leave out speech of less bandwidth, Hz"),
        ("min_noise_bandwidth", "leave out noise of less bandwidth, Hz"),
    ):
        add(f"--{name}", default=getattr(usual, name), help=text, **number)
    add(
        "--split_every_tenth",
        action="store_true",
        help="for a single speaker: by name, every 9th of ten valid, 10th test",
    )
    add("--vggsound_csv", help="VGGSound's table, if not in the noise folder")
    add(
        "--keep_speech_classes",
        action="store_true",
        help="keep VGGSound's classes of people speaking and singing",
    )
    add(
        "--exclude_licences",
        metavar="WORD",
        help="leave out rows whose column licence contains one of these, such as GPL",
        **several,
    )
    add(
        "--valid_speakers",
        help="of the pairs' training set, instead of a share (VoiceBank: p226 p287)",
        **several,
    )
    for split in ("valid", "test"):
        snrs = getattr(mixed, f"{split}_snrs")
        text = f"SNRs of the {split} mixtures in dB, used equally often"
        add(f"--{split}_snrs", nargs="+", default=snrs, help=text, **number)
        count = getattr(mixed, f"{split}_count")
        text = f"number of {split} mixtures"
        add(f"--{split}_count", type=int, default=count, help=text)
    text = "longest mixture, seconds"
    add("--max_seconds", default=mixed.max_seconds, help=text, **number)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        faults = prepare(**vars(parser.parse_args(arguments)))
    except PvsdError as error:
        print(f"prepare.py: {error}", file=sys.stderr)
        return 2
    return 1 if faults else 0


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main())
