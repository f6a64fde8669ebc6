#!/usr/bin/env python3
"""Write the JSON manifests that training and evaluation read.

    python prepare.py --speech LRS3 --noise VGGSOUND --output_folder MANIFESTS

The training scripts call `prepare` through `run_on_main`; it does nothing when the
manifests still fit the data and the arguments. What is written, and how the sets are
kept apart, is described in README.md beside this file.
"""

import argparse
import logging
import sys

from pvsd_modules.data.manifests.faces import prepare_faces
from pvsd_modules.data.manifests.mixtures import forget_stale_mixtures, prepare_mixtures
from pvsd_modules.data.manifests.noise import prepare_noise
from pvsd_modules.data.manifests.pairs import prepare_pairs
from pvsd_modules.data.manifests.speech import prepare_speech
from pvsd_modules.errors import PvsdError

logger = logging.getLogger(__name__)


def prepare(
    output_folder,
    speech=None,
    noise=None,
    faces=None,
    pairs=None,
    seed=1234,
    valid_fraction=0.05,
    test_fraction=0.05,
    min_seconds=0.5,
    split_every_tenth=False,
    vggsound_csv=None,
    keep_speech_classes=False,
    valid_speakers=(),
    valid_snrs=(-5, 0, 5, 10),
    test_snrs=(-5, 0, 5, 10),
    valid_count=100,
    test_count=200,
    max_seconds=10.0,
):
    """Prepare each kind of data that is given.

    Arguments
    ---------
    output_folder : str
        Where the manifests go.
    speech, noise : str, optional
        Data roots: a folder or a CSV manifest. With both, the valid and test
        mixtures are drawn too.
    faces : str, optional
        Folder that preprocess.py wrote.
    pairs : str, optional
        Folder of pre-mixed pairs, such as VoiceBank-DEMAND's.
    seed : int
        Seed of splits and mixtures.
    valid_fraction, test_fraction : float
        Shares of a set that the corpus does not have itself.
    min_seconds : float
        Shorter speech is left out.
    split_every_tenth : bool
        Split one speaker's recordings by name instead of by speaker.
    vggsound_csv : str, optional
        VGGSound's table when it does not lie in the noise folder.
    keep_speech_classes : bool
        Keep VGGSound's speech and singing classes.
    valid_speakers : sequence of str
        Speakers of the pairs' training set that become its valid set.
    valid_snrs, test_snrs : sequence of float
        SNRs of the mixtures in dB.
    valid_count, test_count : int
        Numbers of mixtures.
    max_seconds : float
        Longest mixture.
    """
    if not any((speech, noise, faces, pairs)):
        raise PvsdError(
            "There is nothing to prepare: give at least one of --speech, --noise, "
            "--faces and --pairs."
        )
    shares = dict(valid_fraction=valid_fraction, test_fraction=test_fraction)
    for name, share in shares.items():
        if not 0 <= share < 0.5:
            raise PvsdError(f"--{name} {share} is not between 0 and 0.5.")
    shared = dict(output_folder=output_folder, seed=seed, **shares)
    written = {}
    if speech:
        written["speech"] = prepare_speech(
            speech,
            min_seconds=min_seconds,
            split_every_tenth=split_every_tenth,
            **shared,
        )
    if noise:
        written["noise"] = prepare_noise(
            noise,
            vggsound_csv=vggsound_csv,
            keep_speech_classes=keep_speech_classes,
            **shared,
        )
    if speech and noise:
        written["mixtures"] = prepare_mixtures(
            speech,
            noise,
            output_folder,
            seed=seed,
            valid_snrs=tuple(valid_snrs),
            test_snrs=tuple(test_snrs),
            valid_count=valid_count,
            test_count=test_count,
            max_seconds=max_seconds,
        )
    elif speech or noise:
        forget_stale_mixtures(output_folder)
    if faces:
        written["faces"] = prepare_faces(
            faces, split_every_tenth=split_every_tenth, **shared
        )
    if pairs:
        written["pairs"] = prepare_pairs(
            pairs, valid_speakers=tuple(valid_speakers), **shared
        )
    for kind, is_new in written.items():
        logger.info("%s: %s", kind, "written" if is_new else "up to date")


def main(arguments=None):
    """Run from the command line; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--output_folder", required=True, help="where the manifests go")
    add("--speech", help="folder (LRS3 raw or preprocessed, or any) or CSV manifest")
    add("--noise", help="folder (VGGSound or any) or CSV manifest")
    add("--faces", help="folder that preprocess.py wrote")
    add("--pairs", help="folder of noisy and clean pairs, as VoiceBank-DEMAND's")
    add("--seed", type=int, default=1234, help="seed of splits and mixtures")
    add("--valid_fraction", type=float, default=0.05, help="share, if corpus has none")
    add("--test_fraction", type=float, default=0.05, help="share, if corpus has none")
    add("--min_seconds", type=float, default=0.5, help="leave out shorter speech")
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
        "--valid_speakers",
        nargs="+",
        default=[],
        help="of the pairs' training set, instead of a share (VoiceBank: p226 p287)",
    )
    snrs = {"type": float, "nargs": "+", "default": [-5, 0, 5, 10]}
    add("--valid_snrs", help="dB, used equally often", **snrs)
    add("--test_snrs", help="dB, used equally often", **snrs)
    add("--valid_count", type=int, default=100, help="number of valid mixtures")
    add("--test_count", type=int, default=200, help="number of test mixtures")
    add("--max_seconds", type=float, default=10.0, help="longest mixture")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        prepare(**vars(parser.parse_args(arguments)))
    except PvsdError as error:
        print(f"prepare.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
