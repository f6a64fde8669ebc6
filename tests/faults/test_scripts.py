"""Short versions of the scripts that are run by hand; their reports hold long ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin", reason="needs Linux"
)


def report_of(words, folder):
    """What a script writes as its report; it must end well."""
    report = folder / "report.json"
    ran = subprocess.run(
        [*words, "--report", report],
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return json.loads(report.read_text())


@pytest.mark.parametrize(
    "script, count",
    [("kills.py", 8), ("fuzz_decoders.py", 66), ("many_clips.py", 300)],
    ids=["kills", "fuzz", "many clips"],
)
def test_nothing_fails(script, count, tmp_path):
    words = [sys.executable, FOLDER / script, "--count", str(count)]
    words += ["--seed", "7"] if script != "many_clips.py" else []
    found = report_of(words, tmp_path)
    counts = [found[key] for key in ("kills", "files", "clips") if key in found]
    assert counts == [count]


def test_clients_of_the_demo_fail_in_nothing(tmp_path):
    pytest.importorskip("uvicorn", reason="needs the extra demo")
    pytest.importorskip("httpx")
    words = [sys.executable, FOLDER / "load.py", "--clients", "12", "--seconds", "3"]
    assert report_of(words, tmp_path)["outcomes"]["done"] > 0
