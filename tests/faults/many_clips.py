#!/usr/bin/env python3
"""Preprocess a list as long as LRS3's over two ranks, and kill one in the midst.

    python tests/faults/many_clips.py --report tests/faults/many_clips.json

The videos are links, and what makes a clip of a video is replaced by a function that
writes small files: list, shares of the ranks, state on disk and restart are the real
ones. Rank 1 is killed when it has made a fifth of its share, and started again. Then
every clip is there, made once (the one in work at the kill may be made twice), and
nothing else. Figures: time and peak memory of listing, of making, and of skipping what
is done, with one process and with two workers.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "LRS3_VGGSound"
CLIPS_OF_A_FOLDER = 50


def run_rank(made: str, kill_after: int, words: list[str]) -> int:
    """What a rank does: preprocess.py with another way to make a clip, which kills
    this process in the midst of a clip once ``kill_after`` are made (0: never)."""
    from pvsd_modules.faces import preprocess_many
    from pvsd_modules.faces.preprocess_clip import find_clips
    from pvsd_modules.io.atomic import folder_written_whole

    sys.path.insert(0, str(RECIPE))
    import preprocess

    log = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    written = 0

    def write_clip(path, folder, settings):
        nonlocal written
        record = {"frame_count": 1, "settings": settings.stored()}
        with folder_written_whole(folder) as temporary:
            (temporary / "0.jpg").touch()
            if kill_after and written == kill_after:
                os.kill(os.getpid(), signal.SIGKILL)
            (temporary / "audio.wav").touch()
            (temporary / "info.json").write_text(json.dumps(record))
        os.write(log, f"{folder}\n".encode())
        written += 1
        return record | {"variable_rate": False, "missing": []}

    preprocess_many.preprocess_clip = write_clip
    listing = []

    def timed(*args):
        begun = cpu()
        found = find_clips(*args)
        listing.append(cpu() - begun)
        return found

    preprocess.find_clips = timed
    begun = cpu()
    code = preprocess.main(words)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"list_cpu_s": listing[0], "cpu_s": cpu() - begun, "peak_mb": most}
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))
    return code


def cpu() -> float:
    """CPU-seconds of this process and of its workers that have ended."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def start(
    folder: Path, rank: int, world: int = 2, workers: int = 1, kill_after: int = 0
):
    """A rank as torchrun would start it."""
    words = [sys.executable, __file__, "--rank", str(folder / f"made{rank}")]
    words += [str(kill_after)]
    words += [str(folder / "videos"), str(folder / "faces"), "--detector", "centre"]
    environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": str(world)}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [*words, "--workers", str(workers)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def figures_of(process) -> dict:
    """The figures that a rank printed at its end."""
    out, _ = process.communicate()
    assert process.returncode == 0, out
    return json.loads(out.splitlines()[-1])


def lines(path: Path) -> list[str]:
    """What a rank has made."""
    return path.read_text().splitlines() if path.is_file() else []


def measure(count: int, folder: Path) -> dict:
    """Runs everything in an empty folder; figures and counts."""
    for clip in range(count):
        place = folder / "videos" / f"{clip // CLIPS_OF_A_FOLDER:05d}"
        if clip % CLIPS_OF_A_FOLDER == 0:
            place.mkdir(parents=True)
        (place / f"{clip:06d}.mp4").symlink_to(ROOT / "examples" / "noisy.wav")
    ranks = [start(folder, 0), start(folder, 1, kill_after=count // 10)]
    ranks[1].communicate()
    assert ranks[1].returncode == -signal.SIGKILL
    at_kill = len(lines(folder / "made1"))
    found = {"clips": count, "rank 0": figures_of(ranks[0])}
    found["rank 1, again"] = figures_of(start(folder, 1))
    made = [*lines(folder / "made0"), *lines(folder / "made1")]
    summaries = [
        json.loads((folder / "faces" / f"summary-{rank}-of-2.json").read_text())
        for rank in (0, 1)
    ]
    clips = list((folder / "faces").glob("*/*/info.json"))
    found |= {
        "made before the kill": at_kill,
        "skipped after it": summaries[1]["skipped"],
        "made twice": len(made) - len(set(made)),
        "missing": count - len(clips),
        "left over": len(list((folder / "faces").glob("*/.pvsd*"))),
        "in summaries": sum(s["done"] + s["skipped"] for s in summaries),
    }
    found["all done, one process"] = figures_of(start(folder, 0, world=1))
    found["all done, two workers"] = figures_of(start(folder, 0, world=1, workers=2))
    return found


def main() -> int:
    """Runs from the command line; exit code 1 if a clip is missing or made twice."""
    if sys.argv[1:2] == ["--rank"]:
        return run_rank(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=150_000)
    parser.add_argument("--report", type=Path, help="JSON file to write")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args.count, Path(folder))
        print(json.dumps(found, indent=1), flush=True)  # deleting takes minutes
        if args.report:
            args.report.write_text(json.dumps(found, indent=1) + "\n")
    whole = found["in summaries"] == args.count and found["made twice"] == 0
    killed = found["made before the kill"] == args.count // 10
    return int(not whole or not killed or found["missing"] or found["left over"])


if __name__ == "__main__":
    sys.exit(main())
