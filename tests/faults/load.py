#!/usr/bin/env python3
"""Let many clients use `pvsd demo` at once and see that nothing fails.

    python tests/faults/load.py --clients 50 --seconds 120 --report FILE

Each client opens the page, sends synthetic noisy speech of 1 to 4 s, waits, fetches
what the page plays and a download of a random strength, and begins again. One in ten
sends no sound at all, one in ten leaves while its recording waits. Allowed answers are
the right one and a clear "busy", after which the client tries again as the page asks
its reader to. Everything else is a failure. The server is stopped by SIGTERM and must
leave no file behind.
"""

import argparse
import asyncio
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import soundfile

from pvsd_modules.io.wav import wav_bytes
from pvsd_modules.synthetic.speech import utter


def recordings() -> list[bytes]:
    """WAV files of 1, 2, 3 and 4 seconds."""
    noise = np.random.default_rng(0)
    found = []
    for seconds in range(1, 5):
        wave = utter(float(seconds), speaker=seconds, seed=0).wave
        found.append(wav_bytes(wave + noise.normal(0, 0.02, len(wave))))
    return found


def memory(process: int) -> float:
    """Megabytes that a process and its children hold."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(
        int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 / 1e6
        for one in [process, *map(int, children)]
    )


class Client:
    """One of many, with a cookie of its own."""

    def __init__(self, url: str, number: int, files: list[bytes], counts: Counter):
        self.http = httpx.AsyncClient(base_url=url, timeout=60, verify=False)
        self.random = random.Random(number)
        self.files, self.counts, self.waits = files, counts, []

    async def run(self, end: float) -> None:
        """Use the server until a time."""
        async with self.http:
            while time.monotonic() < end:
                try:
                    outcome = await self.once()
                except (httpx.HTTPError, AssertionError) as error:
                    outcome = f"failure: {error!r}"[:200]
                self.counts[outcome] += 1

    async def ask(self, url: str, method: str = "GET", **options) -> httpx.Response:
        """A request; those for small things are timed."""
        begun = time.perf_counter()
        answer = await self.http.request(method, url, **options)
        if url.startswith("/job/") and method == "GET" and "." not in url:
            self.waits.append(time.perf_counter() - begun)
        return answer

    async def once(self) -> str:
        """One recording."""
        assert (await self.ask("/")).status_code == 200
        fate = self.random.random()
        wrong, leaves = fate < 0.1, 0.1 <= fate < 0.2
        data = b"no sound at all " * 99 if wrong else self.random.choice(self.files)
        answer = await self.ask("/job?name=a.wav", "POST", content=data)
        if answer.status_code == 503:
            assert "busy" in answer.json()["detail"]
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            return "busy"
        assert answer.status_code == 202, answer.text
        job = f"/job/{answer.json()['id']}"
        if leaves:
            await asyncio.sleep(self.random.uniform(0, 0.5))
            assert (await self.ask(job, "DELETE")).status_code == 204
            assert (await self.ask(job)).status_code == 404
            return "left"
        while (state := (await self.ask(job)).json())["state"] not in (
            "done",
            "failed",
        ):
            await asyncio.sleep(0.3)
        if wrong:
            assert "cannot be read" in state["error"], state
            return "refused"
        assert state["state"] == "done", state
        await self.check(job, data)
        return "done"

    async def check(self, job: str, data: bytes) -> None:
        """Everything that the page fetches is there, and is this client's."""
        noisy, _ = soundfile.read(io.BytesIO(data), dtype="float32")
        before, after = [
            np.frombuffer((await self.ask(f"{job}/{side}.f32")).content, np.float32)
            for side in ("before", "after")
        ]
        np.testing.assert_array_equal(before, noisy)
        lips = await self.ask(f"{job}/lips0.jpg")
        assert lips.status_code == 200, lips.text
        strength = self.random.random()
        answer = await self.ask(f"{job}/enhanced?strength={strength}")
        assert answer.status_code == 200, answer.text
        written, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        wanted = strength * after + (1 - strength) * before
        assert np.abs(written - np.clip(wanted, -1, 1)).max() < 1e-4  # of 16 bits


async def load(url: str, clients: int, seconds: float, process: int) -> dict:
    """Figures of many clients."""
    counts: Counter = Counter()
    files = recordings()
    users = [Client(url, number, files, counts) for number in range(clients)]
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, memory(process))
            await asyncio.sleep(1)

    watcher = asyncio.create_task(watch())
    begun, end = memory(process), time.monotonic() + seconds
    await asyncio.gather(*(user.run(end) for user in users))
    watcher.cancel()
    waits = [1000 * wait for user in users for wait in user.waits]
    return {
        "clients": clients,
        "seconds": seconds,
        "outcomes": dict(sorted(counts.items())),
        "answer_ms_median": round(float(np.median(waits)), 1),
        "answer_ms_p99": round(float(np.quantile(waits, 0.99)), 1),
        "memory_mb_begin": round(begun),
        "memory_mb_most": round(most),
    }


def main() -> int:
    """Runs from the command line; exit code 1 if anything failed or was left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--report", type=Path, help="JSON file to write")
    args = parser.parse_args()
    words = [sys.executable, "-m", "pvsd_modules.cli", "demo", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
            words,
            env={**os.environ, "TMPDIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            url = server.stdout.readline().split()[2]
            try:
                found = asyncio.run(load(url, args.clients, args.seconds, server.pid))
            finally:
                server.send_signal(signal.SIGTERM)
        found["exit_code"] = server.returncode
        found["files_left"] = len(list(Path(folder).rglob("*")))
    print(json.dumps(found, indent=1))
    if args.report:
        args.report.write_text(json.dumps(found, indent=1) + "\n")
    failures = [name for name in found["outcomes"] if name.startswith("failure")]
    return int(bool(failures or found["exit_code"] or found["files_left"]))


if __name__ == "__main__":
    sys.exit(main())
