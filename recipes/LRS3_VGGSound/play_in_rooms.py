#!/usr/bin/env python3
"""Make recordings such as people send: speech and noise played in measured rooms.

    python prepare.py --speech OPEN/manifest.csv --noise OPEN/manifest.csv \
        --rooms ROOMS/manifest.csv --output_folder M
    python play_in_rooms.py --manifest_folder M --data_root OPEN --rooms_root ROOMS \
        --output_folder PLAYED
    pvsd evaluate --noisy PLAYED/noisy --conditions PLAYED/conditions.csv \
        --dnsmos --output scores.csv

Speech and noise come from two places of one room (where it has two responses), reach
the microphone at a drawn SNR, and are recorded with its own noise at a drawn level. As
with real recordings there is no clean reference: they are scored by DNSMOS.
"""

import argparse
import csv
import sys

import soundfile
import torch
from scipy.signal import fftconvolve

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.commands.common import positive, say
from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.manifests.rooms import files_by_room
from pvsd_modules.data.mixing import item_generator, loop_from, mix_at_snr
from pvsd_modules.errors import exit_on_error
from pvsd_modules.io.atomic import folder_written_whole
from pvsd_modules.io.sound_reading import read_mono

LONGEST = 10 * SAMPLE_RATE  # samples of a recording
SNRS = (0, 5, 10, 15, 20)  # dB at the microphone
LEVELS = (-40, -16)  # dB full scale of the recordings, between
HISS = -55  # dB below the recording: the noise of the microphone


def played(signal, response):
    """A signal ``[time]`` as it arrives, with the room's tail."""
    response = response[response.abs().argmax() :]  # the direct sound comes at once
    return torch.from_numpy(fftconvolve(signal, response)).float()


def record(speech, noise, responses, snr, random):
    """One recording, ``[time]`` at 16 kHz and at most 10 s, with an SNR at the
    microphone in dB.

    ``responses`` are from the places of the speech and of the noise.
    """
    voice = played(speech, responses[0])[:LONGEST]
    start = int(random.integers(len(noise)))
    disturbance = loop_from(noise, start, len(voice) + LONGEST // 10)
    disturbance = played(disturbance, responses[1])[-len(voice) - SAMPLE_RATE :]
    mixed = mix_at_snr(voice, disturbance[: len(voice)], snr)
    hiss = torch.from_numpy(random.standard_normal(len(mixed))).float()
    mixed = mix_at_snr(mixed, hiss, -HISS)
    level = 10 ** (random.uniform(*LEVELS) / 20)
    mixed = mixed * level / mixed.square().mean().sqrt().clamp(min=1e-9)
    return mixed / max(1.0, float(mixed.abs().max()) / 0.99)


def write(manifests, folder, count, seed):
    """Draws and writes recordings and their conditions.

    Arguments
    ---------
    manifests : dict
        ``speech``, ``noise`` and ``rooms``, their roots filled in.
    folder : Path
        Takes ``noisy/<name>.wav`` and ``conditions.csv``.
    count : int
        Number of recordings.
    seed : int
        Same seed, same recordings.
    """
    speech, noise = (list(manifests[kind].values()) for kind in ("speech", "noise"))
    rooms = list(files_by_room(manifests["rooms"]).items())
    (folder / "noisy").mkdir()
    rows = []
    for number in range(count):
        random = item_generator(seed, 0, f"{number}")
        said, disturbing = (x[random.integers(len(x))] for x in (speech, noise))
        room, files = rooms[number % len(rooms)]
        places = random.permutation(files)[:2]
        snr = SNRS[number % len(SNRS)]
        recording = record(
            read_mono(said["wav"])[:LONGEST],
            read_mono(disturbing["wav"]),
            [read_mono(places[0]), read_mono(places[-1])],
            snr,
            random,
        )
        name = f"room{number:04d}"
        path = folder / "noisy" / f"{name}.wav"
        soundfile.write(path, recording.numpy(), SAMPLE_RATE, "PCM_16")
        speaker, category = said.get("speaker", ""), disturbing.get("category", "")
        rows.append([name, snr, category, speaker, room])
    with (folder / "conditions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "snr", "category", "speaker", "room"])
        writer.writerows(rows)


def main(arguments=None):
    """Reads the command line and writes the recordings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--manifest_folder", required=True, help="output folder of prepare.py")
    add("--data_root", required=True, help="the folder of speech")
    add("--noise_root", help="the folder of noise, if another")
    add("--rooms_root", help="the folder of room responses, if another")
    add("--split", default="test", choices=("train", "valid", "test"))
    add("--count", type=positive, default=100, help="recordings (default: 100)")
    add("--seed", type=int, default=2026, help="same seed, same recordings")
    add("--output_folder", required=True, help="must not exist, or be empty")
    args = parser.parse_args(arguments)
    roots = [args.data_root, args.noise_root or args.data_root]
    roots.append(args.rooms_root or args.data_root)
    manifests = {
        kind: load_manifest(f"{args.manifest_folder}/{args.split}_{kind}.json", *roots)
        for kind in ("speech", "noise", "rooms")
    }
    with folder_written_whole(args.output_folder, replace=False) as folder:
        write(manifests, folder, args.count, args.seed)
    say(f"{args.count} recordings are written to {args.output_folder}.")


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main())
