#!/usr/bin/env python3
"""Enhance an hour of a live stream and see that nothing grows, drifts or stalls.

    python tests/faults/soak.py --minutes 60 --report tests/faults/soak.json

The same minute of synthetic noisy speech is streamed again and again. One minute in ten
comes in chunks of 10 ms, whose processing times are measured; the others come in chunks
of 100 ms, which cost less. Figures:

- growth of memory, from the tenth minute (or the first third) to the end: under 5 MB;
- drift: as many samples come out as went in, and the last minute's output lies where
  the third minute's lay (lag of the largest cross-correlation: 0 samples);
- the 99th percentile of the time that a chunk of 10 ms takes, by the clock and of the
  processor, without what other programs take: the machine's affair, and no limit.
"""

import argparse
import ctypes
import gc
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
import torch

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.synthetic.speech import utter

MINUTE = 60 * SAMPLE_RATE
MOST_GROWTH = 5.0  # MB


def resident() -> float:
    """Megabytes of memory that the process holds, freed memory given back."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def noisy_minute() -> torch.Tensor:
    """``[1, time]``: synthetic speech and noise at 0 dB."""
    wave = torch.from_numpy(utter(60.0, speaker=0, seed=0).wave[:MINUTE])
    noise = torch.randn(len(wave), generator=torch.Generator().manual_seed(0))
    return (wave + wave.std() * noise)[None]


def lag_between(one: np.ndarray, other: np.ndarray) -> int:
    """Samples by which the second signal lies behind the first, within 100 ms."""
    size = 2 * len(one)
    spectra = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    similar = np.fft.irfft(spectra, size)
    reach = SAMPLE_RATE // 10
    near = np.concatenate([similar[-reach:], similar[: reach + 1]])
    return int(np.argmax(near)) - reach


def milliseconds(seconds: np.ndarray) -> dict[str, float]:
    """Median, 99th percentile and largest of some times."""
    points = 1000 * np.quantile(seconds, [0.5, 0.99, 1.0])
    names = ("median_ms", "p99_ms", "largest_ms")
    return dict(zip(names, points.round(2).tolist(), strict=True))


def soak(minutes: int, model: str, note: str) -> dict:
    """Streams ``minutes`` of sound; the figures."""
    enhancer = PseudoVisualEnhancement.from_hparams(model, run_opts={"device": "cpu"})
    minute = noisy_minute()
    context = enhancer.make_streaming_context()
    memory, given, begun = [], 0, time.monotonic()
    early = min(2, minutes - 1)
    exact = [k for k in range(minutes) if k % 10 == 1 or minutes < 10]
    # What is noted has its memory from the beginning on: it must not look like growth.
    times = np.ones((2, len(exact) * 6000))  # by the clock, of the processor
    kept = {k: np.ones(MINUTE + SAMPLE_RATE, "f4") for k in (early, minutes - 1)}
    chunks = 0
    for number in range(minutes):
        size = SAMPLE_RATE // (100 if number in exact else 10)
        place = 0
        for chunk in minute.split(size, dim=1):
            start, used = time.perf_counter(), time.process_time()
            out = enhancer.enhance_chunk(context, chunk)
            if size == SAMPLE_RATE // 100:
                times[0, chunks] = time.perf_counter() - start
                times[1, chunks] = time.process_time() - used
                chunks += 1
            given += out.shape[1]
            if number in kept:
                kept[number][place : place + out.shape[1]] = out[0]
            place += out.shape[1]
        memory.append(resident())
        print(f"minute {number + 1}: {memory[-1]:.1f} MB", flush=True)
    given += enhancer.flush(context).shape[1]
    settled = memory[min(9, max(0, minutes // 3))]
    first, last = (kept[k][: MINUTE - SAMPLE_RATE] for k in (early, minutes - 1))
    return {
        **({"note": note} if note else {}),
        "minutes": minutes,
        "model": model,
        "seconds": round(time.monotonic() - begun),
        "memory_growth_mb": round(memory[-1] - settled, 2),
        "samples_missing": minutes * MINUTE - given,
        "lag_samples": lag_between(first, last),
        "difference": float(np.abs(first - last).max()),
        "chunks_of_10_ms": chunks,
        "clock": milliseconds(times[0]),
        "processor": milliseconds(times[1]),
    }


def main() -> int:
    """Runs from the command line; exit code 1 if something grows or drifts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--model", default="streaming")
    parser.add_argument("--report", type=Path, help="JSON file to write")
    parser.add_argument("--note", default="", help="for the report: about the machine")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = soak(args.minutes, args.model, args.note)
    print(json.dumps(found, indent=1))
    if args.report:
        args.report.write_text(json.dumps(found, indent=1) + "\n")
    faults = found["memory_growth_mb"] >= MOST_GROWTH
    return int(faults or found["samples_missing"] != 0 or found["lag_samples"] != 0)


if __name__ == "__main__":
    sys.exit(main())
