"""Peak memory and loading time, each in a process of its own.

Run as ``python -m pvsd_modules.benchmark.memory MODEL INPUT OUTPUT PRECISION``, and
perhaps ``trust``, it enhances a file as ``pvsd enhance`` does and prints its cost.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from pvsd_modules.benchmark.rows import Row
from pvsd_modules.benchmark.subject import load, write_sound
from pvsd_modules.errors import PvsdError


def memory(
    source: Path | str,
    durations: tuple[float, ...],
    folder: Path,
    precision="fp32",
    trust: bool = False,
) -> list[Row]:
    """Enhance files of several lengths in seconds, each in a fresh process of one
    thread.

    Rows of the peak resident memory of each, the time that loading took in the first,
    and how much more the longest needed than the one of a minute. A `PvsdError` when
    such a process fails.
    """
    peaks, rows = {}, []
    for seconds in durations:
        path, output = folder / "in.wav", folder / "out.wav"
        write_sound(path, seconds)
        words = [str(source), str(path), str(output), precision]
        found = _in_a_process([*words, "trust"] if trust else words)
        peaks[seconds] = found["peak"] / 1e6
        if not rows:
            rows.append(Row("load the model", found["load"], "s"))
        name = f"peak memory, {precision}, {_words(seconds)} of sound"
        rows.append(Row(name, peaks[seconds], "MB"))
        path.unlink()
        output.unlink()
    longest = max(peaks)
    if 60 in peaks and longest > 60:
        name = f"peak memory of {_words(longest)} over that of 1 min"
        rows.append(Row(name, peaks[longest] - peaks[60], "MB"))
    return rows


def _words(seconds: float) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:g} s"


def _in_a_process(arguments: list[str]) -> dict:
    command = [sys.executable, "-m", "pvsd_modules.benchmark.memory", *arguments]
    # The child imports from the same places as this process.
    places = {"PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **places},
        check=False,
    )
    if ran.returncode:
        reason = ran.stderr.strip() or f"exit code {ran.returncode}"
        raise PvsdError(f"Measuring memory failed: {reason.splitlines()[-1]}")
    return json.loads(ran.stdout.splitlines()[-1])


def peak_bytes() -> int:
    """The peak resident memory of this process."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage would also count the parent, from before the process was its own.
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    size = 1 if sys.platform == "darwin" else 1024
    return size * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _enhance(source: str, path: str, output: str, precision: str, *trust: str) -> dict:
    torch.set_num_threads(1)
    folder = Path(source)
    begun = time.perf_counter()
    model = load(folder if folder.is_dir() else source, precision, "trust" in trust)
    loaded = time.perf_counter() - begun
    model.enhance_to_file(path, output)
    return {"load": loaded, "peak": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(_enhance(*sys.argv[1:])))
