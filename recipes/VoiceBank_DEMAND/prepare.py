#!/usr/bin/env python3
"""Write what training on VoiceBank-DEMAND reads: manifests, and the noise by itself.

    python prepare.py --data_root VOICEBANK --output_folder MANIFESTS

VOICEBANK holds clean_trainset_28spk_wav, noisy_trainset_28spk_wav, clean_testset_wav
and noisy_testset_wav (or the 56 speakers' set). Training mixes speech and noise anew in
every epoch, so the noise of the training pairs, noisy minus clean, is written to
MANIFESTS/noise. Valid and test are the pairs as they are. With the same data and
arguments nothing is written again; the exit codes are those of the other recipe.
"""

import argparse
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.manifests import record
from pvsd_modules.data.manifests.build import Options, escape, prepare_kind
from pvsd_modules.data.manifests.pairs import Pairs
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.sound_reading import read_mono
from pvsd_modules.io.wav import wav_bytes

logger = logging.getLogger(__name__)


def prepare(data_root, output_folder, valid_speakers=("p226", "p287"), workers=1):
    """Manifests of pairs, and of speech and noise of the training pairs.

    Arguments
    ---------
    data_root : str
        See above.
    output_folder : str
        Where manifests and noise go.
    valid_speakers : sequence of str
        Speakers of the training set that become the valid set.
    workers : int
        Threads that decode.

    Returns
    -------
    int
        How many files could not be read.
    """
    if workers < 1:
        raise PvsdError(f"--workers {workers} is below 1.")
    output = Path(output_folder).expanduser()
    options = Options(valid_speakers=tuple(valid_speakers))
    is_new = prepare_kind(Pairs(), [data_root], output, options, workers)
    notes = record.Record(output)
    made_from = {"pairs": notes.made["pairs"]["from"]}
    if not notes.is_current("training", made_from):
        files = write_training(data_root, output, workers)
        notes.note("training", made_from, files)
        is_new = True
    logger.info("VoiceBank-DEMAND: %s", "written" if is_new else "up to date")
    return record.count_faults(output, ["pairs"])


def write_training(data_root, output, workers):
    """Writes noise, train_speech.json and train_noise.json; names of the manifests."""
    pairs = load_manifest(output / "train_pairs.json", str(data_root))
    listed = record.read_json(output / "train_pairs.json")
    with ThreadPoolExecutor(workers) as pool:
        jobs = [(output / "noise" / noise_name(name), pairs[name]) for name in pairs]
        done = pool.map(write_noise, *zip(*jobs, strict=True))
        list(tqdm(done, "Writing noise", total=len(jobs), disable=None))
    speech, noise = {}, {}
    for name, pair in listed.items():
        common = {"length": pair["length"], "source": "voicebank-demand"}
        speech[name] = {"wav": pair["clean"], "speaker": pair["speaker"], **common}
        wav = "{noise_root}/" + escape(noise_name(name))
        noise[name] = {"wav": wav, "category": "", **common}
    record.write_json(output / "train_speech.json", speech)
    record.write_json(output / "train_noise.json", noise)
    return ["train_speech.json", "train_noise.json"]


def noise_name(pair):
    """File of a pair's noise, such as noise_trainset_28spk_wav/p227_001.wav."""
    return pair.replace("clean", "noise", 1) + ".wav"


def write_noise(path, pair):
    """Writes the difference of a pair, 16 kHz mono; one that is there is kept."""
    if path.is_file():
        return
    noisy, clean = read_mono(pair["noisy"]), read_mono(pair["clean"])
    samples = min(len(noisy), len(clean))
    noise = (noisy[:samples] - clean[:samples]).clamp(-1, 1).numpy()
    with written_whole(path) as temporary:
        temporary.write_bytes(wav_bytes(noise))


def main(arguments=None):
    """Run from the command line; a user's mistake is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--data_root", required=True, help="folder with the four folders of the corpus")
    add("--output_folder", required=True, help="where manifests and noise go")
    add(
        "--valid_speakers",
        nargs="+",
        default=["p226", "p287"],
        help="of the training set (default: p226 p287)",
    )
    add("--workers", type=int, default=os.cpu_count(), help="threads that decode")
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
