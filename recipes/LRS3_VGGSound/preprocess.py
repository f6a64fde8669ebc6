#!/usr/bin/env python3
"""Face crops and 16 kHz sound from talking-face videos, for training on real lips.

    python preprocess.py /data/lrs3/trainval /data/lrs3_faces --workers 8

makes ``/data/lrs3_faces/<folder>/<clip>/`` with ``0.jpg``, ``1.jpg``, ...,
``audio.wav`` and ``info.json`` of each ``<folder>/<clip>.mp4``. It goes on where it
stopped when run again. Over several machines that share the output folder, start it
with torchrun: every rank takes its share of the clips.

    torchrun --nnodes 4 ... preprocess.py /data/lrs3/trainval /data/lrs3_faces

Several runs may also be started by hand on the same folders: no clip is made twice.

Videos that are of no use (without sound, silent, without a face, too short) or cannot
be read are listed at the end and in ``summary.json``; they do not stop the run. The
exit code is 1 if some cannot be read or nothing worked, 2 if the command is wrong.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from pvsd_modules.commands.common import say
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.faces.detectors import make_detector
from pvsd_modules.faces.preprocess_clip import Settings, find_clips
from pvsd_modules.faces.preprocess_many import Outcome, preprocess_clips, summarise
from pvsd_modules.io.atomic import write_text
from pvsd_modules.io.walking import printable


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; its defaults are those of `Settings`."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, help="tree or flat folder of videos")
    parser.add_argument("preprocessed", type=Path, help="folder to write to")
    parser.add_argument(
        "--detector", choices=["haar", "s3fd", "centre"], default=usual.detector
    )
    parser.add_argument(
        "--detect_every",
        type=int,
        default=usual.detect_every,
        metavar="FRAMES",
        help="look for the face in one frame of this many, interpolate the others",
    )
    parser.add_argument("--device", default=usual.device, help="for s3fd, e.g. cuda:0")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--shortest", type=float, default=usual.shortest, metavar="S")
    parser.add_argument(
        "--longest_gap",
        type=float,
        default=usual.longest_gap,
        metavar="S",
        help="leave out videos that show no face for longer than this on end",
    )
    parser.add_argument("--quality", type=int, default=usual.quality, help="of JPEG")
    parser.add_argument("--limit", type=int, help="take only the first clips")
    options = parser.parse_args(arguments)
    for name in ("detect_every", "workers", "limit"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be 1 or more")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Preprocess the folder of the command line and report; returns the exit code."""
    options = parse_arguments(arguments)
    rank = int(os.environ.get("RANK", 0))
    world = int(os.environ.get("WORLD_SIZE", 1))
    unread = []

    def report(clip, reason):
        """Lists a video that cannot be looked at."""
        if rank == 0:  # every rank sees them
            unread.append(Outcome(printable(clip), "failed", reason, fault=True))

    try:
        settings = Settings(
            detector=options.detector,
            detect_every=options.detect_every,
            device=options.device,
            shortest=options.shortest,
            longest_gap=options.longest_gap,
            quality=options.quality,
        )
        make_detector(options.detector, options.device)  # fails now, not per clip
        found = find_clips(options.videos, report)
        clips = sorted(found.items())[: options.limit]
    except PvsdError as error:
        print(error, file=sys.stderr)
        return 2
    share = dict(clips[rank::world])
    outcomes = preprocess_clips(share, options.preprocessed, settings, options.workers)
    outcomes += unread
    summary = summarise(outcomes)
    name = "summary.json" if world == 1 else f"summary-{rank}-of-{world}.json"
    target = options.preprocessed / name
    unwritten = False
    try:
        write_text(target, json.dumps(summary, indent=1) + "\n")
    except PvsdError as error:
        print(error, file=sys.stderr)
        unwritten = True
    for clip, reason in summary["failures"].items():
        say(f"failed: {clip}: {reason}")
    say(
        f"{summary['done']} clips done, {summary['skipped']} were done before, "
        f"{summary['failed']} failed. Details: {target}"
    )
    nothing = bool(outcomes) and summary["failed"] == len(outcomes)
    return int(unwritten or nothing or any(outcome.fault for outcome in outcomes))


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main())
