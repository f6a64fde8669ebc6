#!/usr/bin/env python3
"""Decode mutated audio and video files, each in a child process with limits.

    python tests/faults/fuzz_decoders.py --count 10000 --report tests/faults/fuzz.json

One process imports everything once and forks a child for each file (Linux and macOS).
The child probes, reads all sound and the pictures, and for every fourth file writes an
enhanced copy as well. What may come out is sound or one sentence; a traceback, a crash,
the memory limit or the time limit is a fault, and its file is kept in --keep.
The same seed makes the same files.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import probe
from pvsd_modules.io.sound_reading import sound_blocks
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.io.writing import write_media

RATE = 16000
# Suffix, sound codec, picture codec.
SEEDS = {
    "pcm16.wav": ("pcm_s16le", None),
    "pcm24.wav": ("pcm_s24le", None),
    "float.wav": ("pcm_f32le", None),
    "adpcm.wav": ("adpcm_ms", None),
    "a.aiff": ("pcm_s16be", None),
    "a.caf": ("pcm_s16le", None),
    "a.au": ("pcm_s16be", None),
    "a.flac": ("flac", None),
    "a.mp3": ("libmp3lame", None),
    "vorbis.ogg": (None, None),  # by libsndfile
    "a.opus": ("libopus", None),
    "aac.m4a": ("aac", None),
    "alac.m4a": ("alac", None),
    "a.wma": ("wmav2", None),
    "a.aac": ("aac", None),
    "h264.mp4": ("aac", "libx264"),
    "mpeg4.mov": ("pcm_s16le", "mpeg4"),
    "a.mkv": ("libmp3lame", "mpeg4"),
    "a.webm": ("libopus", "libvpx"),
    "a.avi": ("libmp3lame", "mpeg4"),
    "a.ts": ("mp2", "mpeg2video"),
    "a.flv": ("aac", "flv"),
}
OUTCOMES = {0: "sound", 3: "sentence", 4: "traceback", 5: "memory"}
FAULTS = ("traceback", "memory", "crash", "timeout")
MEMORY = 2 << 30  # bytes above what the parent has
SECONDS = 20  # of processor time for each file
WAIT = 300  # seconds for each file, also where the machine is busy


def write_seed(path: Path, codec: str | None, picture: str | None) -> None:
    """Half a second of a tone, with pictures where there is a codec for them."""
    wave = 0.3 * np.sin(2 * np.pi * 300 * np.arange(RATE // 2) / RATE)
    if codec is None:
        soundfile.write(path, wave, RATE)
        return
    with av.open(str(path), "w") as target:
        rate = 48000 if codec == "libopus" else RATE
        sound = target.add_stream(codec, rate=rate, layout="mono")
        sound.bit_rate = 64000
        sound.codec_context.open()
        streams = [sound]
        if picture:
            video = target.add_stream(picture, rate=25)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
            streams.append(video)
            for k in range(12):
                pixels = np.full((64, 64, 3), 20 * k, np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                target.mux(video.encode(frame.reformat(format="yuv420p")))
        frame = av.AudioFrame.from_ndarray(
            wave.astype(np.float32)[None], format="fltp", layout="mono"
        )
        frame.sample_rate = RATE
        size = sound.codec_context.frame_size or 1024
        resampler = av.AudioResampler(
            sound.codec_context.format.name, "mono", rate, frame_size=size
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            target.mux(sound.encode(part))
        for stream in streams:
            target.mux(stream.encode(None))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file with one to four kinds of damage."""
    content = np.frombuffer(data, np.uint8).copy()
    for _ in range(rng.integers(1, 5)):
        if len(content) < 8:
            break
        # Half of the damage hits the head, where the format is described.
        reach = len(content) if rng.random() < 0.5 else min(len(content), 512)
        place, length = int(rng.integers(reach)), int(rng.integers(1, 65))
        kind = rng.integers(7)
        if kind == 0:
            places = rng.integers(0, reach, length)
            content[places] = rng.integers(0, 256, length)
        elif kind == 1:
            content[place] ^= np.uint8(1 << rng.integers(8))
        elif kind == 2:  # the largest and smallest numbers of a header
            content[place : place + 4] = rng.choice([0, 127, 128, 255])
        elif kind == 3:
            content = content[: max(8, place)]
        elif kind == 4:
            content = np.delete(content, np.s_[place : place + length])
        elif kind == 5:
            piece = content[place : place + 8 * length]
            content = np.insert(content, int(rng.integers(len(content))), piece)
        else:
            content[place : place + length] = 0
    return content.tobytes()


def with_checksums(data: bytes) -> bytes:
    """Ogg pages with right checksums: else a reader drops every damaged page."""
    content, start = bytearray(data), data.find(b"OggS")
    while start >= 0:
        end = data.find(b"OggS", start + 4)
        page = content[start : end if end > 0 else len(content)]
        if len(page) >= 27:
            page[22:26] = bytes(4)
            register = 0
            for byte in page:
                register ^= byte << 24
                for _ in range(8):
                    high = register & 0x80000000
                    register = (
                        register << 1 ^ (0x04C11DB7 if high else 0)
                    ) & 0xFFFFFFFF
            content[start + 22 : start + 26] = register.to_bytes(4, "little")
        start = end
    return bytes(content)


def use(path: Path, copy: bool) -> None:
    """Does with a file what the commands do."""
    info = probe(path)
    for _ in sound_blocks(info, 16000):
        pass
    if info.video is not None:
        for k, _ in enumerate(read_frames(info)):
            if k >= 50:
                break
    if copy:
        output = path.with_name(f"out_{path.name}")
        try:
            write_media(info, {info.selected: sound_blocks(info)}, output)
        finally:
            output.unlink(missing_ok=True)


def child(path: Path, copy: bool, report: int) -> None:
    """Runs in the fork; never returns."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    code = 0
    try:
        use(path, copy)
    except PvsdError as error:
        code = 3 if "\n" not in str(error) else 4
        os.write(report, str(error).encode(errors="replace")[:2000])
    except MemoryError:
        code = 5
        os.write(report, traceback.format_exc().encode(errors="replace")[-2000:])
    except BaseException:
        code = 4
        os.write(report, traceback.format_exc().encode(errors="replace")[-2000:])
    os._exit(code)


def tried(path: Path, copy: bool) -> tuple[str, str]:
    """The outcome of one file in a child process, and what it said."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        child(path, copy, writing)
    os.close(writing)
    outcome = None
    if signal.sigtimedwait({signal.SIGCHLD}, WAIT) is None:
        os.kill(process, signal.SIGKILL)
        signal.sigtimedwait({signal.SIGCHLD}, WAIT)
        outcome = "timeout"
    _, status = os.waitpid(process, 0)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    if outcome is None:
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            outcome = "timeout" if number == signal.SIGXCPU else "crash"
            said = signal.Signals(number).name
        else:
            outcome = OUTCOMES.get(os.WEXITSTATUS(status), "traceback")
    return outcome, said


def fuzz(count: int, seed: int, keep: Path | None = None) -> Iterator[dict]:
    """Tries mutated files.

    Arguments
    ---------
    count : int
        Files.
    seed : int
        Of the first one; each has its own.
    keep : Path or None
        Where the files of faults are copied.

    Yields
    ------
    dict
        Outcomes by kind of file, and the faults: after each 500 files, and at the end.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    counts = {name: Counter() for name in SEEDS}
    faults, begun = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        seeds = {}
        for name, codecs in SEEDS.items():
            write_seed(Path(folder, name), *codecs)
            seeds[name] = Path(folder, name).read_bytes()
        names = list(SEEDS)
        for done, number in enumerate(range(seed, seed + count), start=1):
            name = names[number % len(names)]
            path = Path(folder, f"case_{name}")
            data = mutated(seeds[name], np.random.default_rng(number))
            path.write_bytes(with_checksums(data) if number % 3 else data)
            outcome, said = tried(path, copy=number // len(names) % 4 == 0)
            counts[name][outcome] += 1
            if outcome in FAULTS:
                last = said.strip().splitlines()[-1] if said.strip() else ""
                faults.append(
                    {"seed": number, "file": name, "outcome": outcome, "said": last}
                )
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, keep / f"{number}_{name}")
                    (keep / f"{number}_{name}.txt").write_text(said)
            if done % 500 == 0 or done == count:
                yield {
                    "files": done,
                    "first_seed": seed,
                    "seconds": round(time.monotonic() - begun),
                    "total": dict(sum(counts.values(), Counter())),
                    "by_file": {key: dict(counter) for key, counter in counts.items()},
                    "faults": faults,
                }


def main() -> int:
    """Runs from the command line; exit code 1 if there were faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files of faults")
    parser.add_argument("--report", type=Path, help="JSON file to write")
    args = parser.parse_args()
    found = {"faults": []}
    for found in fuzz(args.count, args.seed, args.keep):
        faults = len(found["faults"])
        print(f"{found['files']} files, {found['seconds']} s, {faults} faults")
        if args.report:
            args.report.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if found["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
