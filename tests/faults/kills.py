#!/usr/bin/env python3
"""Kill commands at random moments and see that nothing is lost and all goes on.

    python tests/faults/kills.py --count 100 --report tests/faults/kills.json

One process imports everything once and forks each run (Linux and macOS). A run is
ended by SIGKILL, SIGTERM or SIGINT after a random time, up to three times in a row;
then the same command runs to its end. Checked each time:

- a file under a final name is whole: as an undisturbed run writes it;
- the inputs are what they were;
- the last run succeeds, its files are byte for byte those of an undisturbed run, and no
  temporary file is left.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interface"))

import av  # noqa: E402
import numpy as np  # noqa: E402
import soundfile  # noqa: E402
import tiny_networks  # noqa: E402
import torch  # noqa: E402
from hyperpyyaml import load_hyperpyyaml  # noqa: E402

from pvsd_modules import cli, evaluation, inference  # noqa: E402, F401
from pvsd_modules.checkpoints import runs  # noqa: E402
from pvsd_modules.checkpoints.export import export  # noqa: E402
from pvsd_modules.report import build  # noqa: E402, F401

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
# Grows by rows, which are whole; and empty, of a run that was killed.
PARTIAL = {"scores.csv.part", "scores.csv.lock"}
RUN = """student: !new:pvsd_modules.models.open.lip_generator.OpenLipGenerator
  channels: 32
  layers: 1
  motions: 8
denoiser: !new:pvsd_modules.models.open.wide_denoiser.WideDenoiser
  channels: 16
  blocks: 1
"""


def write_inputs(folder: Path) -> None:
    """Recordings, a video, a model and a run."""
    rng = np.random.default_rng(0)
    for kind in ("noisy", "clean"):
        (folder / kind).mkdir(parents=True)
        for name in ("a.wav", "b.flac", "c.wav"):
            soundfile.write(folder / kind / name, rng.uniform(-0.3, 0.3, 24000), 16000)
    with av.open(str(folder / "noisy" / "d.mp4"), "w") as target:
        video, sound = target.add_stream("mpeg4", 25), target.add_stream("aac", 16000)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            target.mux(video.encode(frame.reformat(format="yuv420p")))
        wave = rng.uniform(-0.3, 0.3, (1, 16384)).astype(np.float32)
        for begin in range(0, 16384, 1024):
            part = np.ascontiguousarray(wave[:, begin : begin + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate = 16000
            target.mux(sound.encode(frame))
        for stream in (video, sound):
            target.mux(stream.encode(None))
    tiny_networks.make_folder(folder / "model")
    (folder / "run").mkdir()
    (folder / "run" / "hyperparams.yaml").write_text(RUN)
    torch.manual_seed(0)
    networks = load_hyperpyyaml(RUN)
    runs.StrictCheckpointer(folder / "run" / "save", networks).save_checkpoint(
        meta={"pesq": 1.0}
    )
    (folder / "scores").mkdir()
    rows = "".join(f"{name},{k},{k}.5\n" for k, name in enumerate("abcdef"))
    for name in ("one", "two"):
        (folder / "scores" / f"{name}.csv").write_text(f"file,snr,si_sdr\n{rows}")


def command(*words) -> int:
    """`pvsd` in this process."""
    return cli.main([str(word) for word in words])


def scenarios(given: Path) -> dict:
    """What is run, by name: functions of a folder to write to."""
    model = ("--trust", "--model", given / "model", "--device", "cpu")
    scores = ("--measures", "si_sdr", "seg_snr", "--overwrite")

    def enhance(out):
        return command("enhance", given / "noisy", "-o", out / "enhanced", *model)

    def lips(out):
        wav = given / "noisy" / "a.wav"
        return command("lips", wav, "-o", out / "lips.mp4", "--overwrite", *model)

    def evaluate(out):
        pairs = ("--noisy", given / "noisy", "--clean", given / "clean")
        table = ("--output", out / "scores.csv")
        code = command("evaluate", *pairs, *table, *scores[:-1], *model)
        return 0 if code == 1 else code  # d.mp4 has no clean file, which is said

    def export_run(out):
        sources = {"student": given / "run", "denoiser": given / "run"}
        export(sources, out / "exported", overwrite=True)
        return 0

    def report(out):
        systems = [f"{n}={given}/scores/{n}.csv" for n in ("one", "two")]
        page = ("-o", out / "report.html", "--overwrite")
        return command("report", "--scores", *systems, *page)

    return {
        "enhance": enhance,
        "lips": lips,
        "evaluate": evaluate,
        "export": export_run,
        "report": report,
    }


def forked(call, folder: Path) -> int:
    """Begins a run in a child process; its identifier."""
    process = os.fork()
    if process:
        return process
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    said = os.open(folder.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 2)
    code = 99
    try:
        code = call(folder)
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(code)


def digests(folder: Path) -> dict[str, str]:
    """Files by name, without the times that archives and pages hold."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def wrong_files(found: dict, wanted: dict) -> list[str]:
    """Final names whose content is not that of an undisturbed run."""
    return [
        name
        for name, digest in found.items()
        if not any(part.startswith(".") for part in Path(name).parts)
        and Path(name).name not in PARTIAL
        and wanted.get(name) != digest
    ]


def try_kills(
    name: str,
    call,
    times: int,
    base: Path,
    wanted: dict,
    seconds: float,
    chance: random.Random,
) -> tuple[list[str], list[str]]:
    """Kills one command some times, then lets it end; signals and problems."""
    out = base / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    sent, problems = [], []
    for _ in range(times):
        process = forked(call, out)
        time.sleep(chance.uniform(0, 1.1 * seconds))
        number = chance.choice(SIGNALS)
        os.kill(process, number)
        os.waitpid(process, 0)
        sent.append(number.name)
        wrong = wrong_files(digests(out), wanted)
        problems += [
            f"{name}: {file} is not whole after {number.name}" for file in wrong
        ]
    _, status = os.waitpid(forked(call, out), 0)
    if os.waitstatus_to_exitcode(status):
        said = (base / "said.txt").read_text(errors="replace").strip()[-300:]
        problems.append(f"{name}: does not go on after {sent}: {said}")
    found = digests(out)
    for file in sorted(found.keys() ^ wanted.keys()):
        problems.append(f"{name}: {file} is too much or missing after {sent}")
    problems += [
        f"{name}: {file} differs after {sent}"
        for file in wanted
        if file in found and found[file] != wanted[file]
    ]
    return sent, problems


def kill_all(count: int, seed: int) -> dict:
    """Kills commands ``count`` times in turn; what happened."""
    chance, begun = random.Random(seed), time.monotonic()
    kills, problems = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        write_inputs(base / "given")
        inputs = digests(base / "given")
        calls = scenarios(base / "given")
        wanted, seconds = {}, {}
        for name, call in calls.items():
            for _ in range(2):  # the second time nothing is imported any more
                out = base / "reference"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                start = time.monotonic()
                _, status = os.waitpid(forked(call, out), 0)
                seconds[name] = time.monotonic() - start
                if os.waitstatus_to_exitcode(status):
                    raise SystemExit((base / "said.txt").read_text())
            wanted[name] = digests(out)
        names = list(calls)
        done = turn = 0
        while done < count:
            name = names[turn % len(names)]
            times = min(count - done, 1 + turn // len(names) % 3)
            sent, found = try_kills(
                name, calls[name], times, base, wanted[name], seconds[name], chance
            )
            kills.update(f"{name} {number}" for number in sent)
            problems += found
            done, turn = done + times, turn + 1
        if digests(base / "given") != inputs:
            problems.append("inputs were changed")
    return {
        "kills": sum(kills.values()),
        "seed": seed,
        "seconds": round(time.monotonic() - begun),
        "by_command": dict(sorted(kills.items())),
        "problems": problems,
    }


def main() -> int:
    """Runs from the command line; exit code 1 if there were problems."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="JSON file to write")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = kill_all(args.count, args.seed)
    print(json.dumps(found, indent=1))
    if args.report:
        args.report.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if found["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
