"""``pvsd evaluate`` keeps the user's files, survives crashes, and ends in sentences."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pvsd_modules.io.locking import locked
from pvsd_modules.metrics import MEASURES, pesq_wb
from pvsd_modules.metrics.pesq_process import pesq_process

QUICK = ("--measures", "si_sdr")
ITEM = {"clean": "clean/a.wav", "noise": "noisy/a.wav", "samples": 4000, "snr": 0}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two recordings: clean, noisy, and enhanced."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 8000)
    t = np.arange(8000) / 16000
    for k, name in enumerate("ab"):
        wave = 0.3 * np.sin(2 * np.pi * (300 + 40 * k) * t) * (1 + np.sin(9 * t))
        for kind, level in (("clean", 0), ("noisy", 1), ("enhanced", 0.1)):
            (tmp_path / kind).mkdir(exist_ok=True)
            soundfile.write(
                tmp_path / kind / f"{name}.wav", wave + level * noise, 16000
            )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def words(text, *more):
    kinds = {"c": "clean", "n": "noisy", "e": "enhanced"}
    found = [word for x in text for word in (f"--{kinds[x]}", kinds[x])]
    return [*found, *QUICK, *more]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (words("nc", "--output", "s.csv", "--save_enhanced", "noisy"), "are read"),
        (words("nc", "--output", "s.csv", "--save_enhanced", "clean"), "are read"),
        (
            words("nc", "--output", "s.csv", "--save_enhanced", "noisy", "--overwrite"),
            "are read",
        ),
        (
            words("nc", "--output", "s.csv", "--save_enhanced", "kept"),
            "kept/a.wav exis",
        ),
        (words("ec", "--output", "u.csv"), "u.md was not written by this command"),
        (words("ec", "--output", "q.md"), "name a .csv file"),
        (words("ec", "--output", os.devnull), "name a .csv file"),
        (words("ec", "--output", "t.csv", "--conditions", "t.csv"), "is read by this"),
        (
            words("ec", "--output", "s.csv", "--conditions", "nan.csv"),
            "SNR of a is nan",
        ),
        (["--compare", "u.md", "u.md", "--output", "u.md"], "no column named file"),
        (["--list", "pipe.json", *QUICK, "--output", "s.csv"], "json is a folder, pip"),
        (["--noisy", "noisy", "--output", "s.csv"], "only --dnsmos is possible"),
    ],
)
def test_nothing_of_the_user_is_replaced(
    pvsd, folders, identity_folder, options, sentence
):
    (folders / "u.md").write_text("mine")
    (folders / "t.csv").write_text("file,snr\na,0\n")
    (folders / "nan.csv").write_text("file,snr\na,nan\n")
    (folders / "kept").mkdir()
    (folders / "kept" / "a.wav").write_text("mine")
    os.mkfifo(folders / "pipe.json")
    before = contents(folders)
    model = identity_folder if "--noisy" in options else None
    code, _, complaints = pvsd("evaluate", *options, model=model)
    assert code == 2 and sentence in complaints, complaints
    assert contents(folders) == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "3",
        "[]",
        "null",
        '["a"]',
        '{"a": 1}',
        '{"a": [1, 2]}',
        '{"a": {"clean": 3, "noisy": "x"}}',
        '{"a": {"clean": "clean/a\\u0000.wav", "noisy": "noisy/a.wav"}}',
        *(
            json.dumps({"a": {**ITEM, **wrong}})
            for wrong in (
                {"snr": float("nan")},
                {"snr": float("inf")},
                {"snr": "loud"},
                {"samples": -5},
                {"samples": 0},
                {"samples": 2.5},
                {"noise_start": -7},
                {"clean_start": "x"},
                {"category": {"a": 1}},
                {"speaker": [1]},
            )
        ),
    ],
)
def test_lists_of_a_wrong_shape_are_sentences(pvsd, folders, content):
    (folders / "list.json").write_text(content)
    options = ["--list", "list.json", *QUICK, "--output", "s.csv"]
    code, _, complaints = pvsd("evaluate", *options, model=None)
    assert code == 2 and "list.json" in complaints and complaints.count("\n") == 1
    assert not list(folders.glob("s.*"))


def test_a_run_that_failed_early_leaves_nothing_in_the_way(pvsd, folders):
    options = words("nc", "--output", "s.csv", "--lips", "teacher")
    assert pvsd("evaluate", *options, "--model", "nowhere", model=None)[0] == 2
    assert not list(folders.glob("s.*"))
    assert pvsd("evaluate", *words("ec", "--output", "s.csv"), model=None)[0] == 0


def test_two_runs_do_not_write_one_table(pvsd, folders):
    options = words("ec", "--output", "s.csv")
    with locked(folders / "s.csv.lock"):
        code, _, complaints = pvsd("evaluate", *options, model=None)
    assert code == 2 and "s.csv is being written by another run" in complaints
    assert {path.name for path in folders.glob("s.*")} <= {"s.csv.lock"}
    assert pvsd("evaluate", *options, model=None)[0] == 0
    assert {path.suffix for path in folders.glob("s.*")} == {".csv", ".json", ".md"}


def test_the_same_run_gives_the_same_bytes(pvsd, folders):
    names = ("--measures", *MEASURES)
    for place in ("one", "two"):
        options = [*words("nec", "--output", f"{place}/s.csv"), *names]
        assert pvsd("evaluate", *options, model=None)[0] == 0
    assert contents(folders / "one") == contents(folders / "two")
    first = (folders / "one" / "s.csv").read_text().splitlines()[1]
    assert all(len(cell.partition(".")[2]) <= 6 for cell in first.split(","))


def test_pipes_and_broken_files_are_named_and_the_others_scored(pvsd, folders):
    (folders / "enhanced" / "b.wav").unlink()
    os.mkfifo(folders / "enhanced" / "b.wav")
    os.mkfifo(folders / "other.json")
    code, _, complaints = pvsd(
        "evaluate", *words("ec", "--output", "s.csv"), model=None
    )
    assert code == 1 and "b.wav" in complaints
    assert json.loads((folders / "s.json").read_text())["groups"][-1]["files"] == 1


def test_a_file_that_cannot_be_read_stops_no_other(pvsd, folders, monkeypatch):
    def refused(path, *_, opened=Path.open, **__):
        if path.name == "b.wav":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *_, **__)

    monkeypatch.setattr(Path, "open", refused)
    assert pvsd("evaluate", *words("ec", "--output", "s.csv"), model=None)[0] < 2
    assert json.loads((folders / "s.json").read_text())["groups"][-1]["files"] >= 1


def utterances(count, on=0.25, off=0.24):
    """Bursts of a buzz with pauses between them."""
    t = np.arange(round(16000 * on)) / 16000
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20))
    burst = np.concatenate(
        [0.2 * buzz * np.hanning(len(t)), np.zeros(int(16000 * off))]
    )
    return np.tile(burst, count)


def test_a_crash_of_pesq_leaves_its_cells_empty_and_the_run_goes_on(pvsd, folders):
    hiss = np.random.default_rng(0).normal(0, 0.01, 2 * 10**6)
    for name, wave in (("crash", utterances(60)), ("long", utterances(80, 0.4, 0.6))):
        for kind, level in (("clean", 0), ("enhanced", 1)):
            noisy = wave + level * hiss[: len(wave)]
            soundfile.write(folders / kind / f"{name}.wav", noisy, 16000)
    options = [*words("ec", "--output", "s.csv"), "--measures", "pesq_wb", "si_sdr"]
    assert pvsd("evaluate", *options, model=None)[0] == 0
    summary = json.loads((folders / "s.json").read_text())
    assert "crash" in summary["undefined"]["pesq_wb"]
    assert "long" not in summary["undefined"]["pesq_wb"]  # 80 s, scored in pieces
    assert summary["undefined"]["si_sdr"] == [] and not summary["failures"]
    assert "PESQ-WB undefined, left out: " in (folders / "s.md").read_text()


def test_long_recordings_are_scored_in_pieces_of_30_seconds():
    clean = utterances(64, 0.4, 0.6)
    noisy = clean + np.random.default_rng(0).normal(0, 0.01, len(clean))
    pieces = [
        pesq_wb(*x) for x in zip(*(np.split(w, 4) for w in (clean, noisy)), strict=True)
    ]
    assert pesq_wb(clean[: 2 * 256000], noisy[: 2 * 256000]) == pytest.approx(
        np.mean(pieces[:2]), abs=1e-9
    )


def test_pesq_starts_again_after_its_process_has_ended():
    process = pesq_process()
    wave = utterances(4)
    score = process(wave, wave, "wb")
    process._child.kill()
    process._child.wait()
    with pytest.raises(Exception, match="exit code"):
        process(wave, wave, "wb")
    assert process(wave, wave, "wb") == score > 4.6


PARENT = """
import time
import numpy as np
from pvsd_modules.metrics.pesq_process import pesq_process

process = pesq_process()
process(np.ones(16000), np.ones(16000), "wb")
print(process._child.pid, flush=True)
time.sleep(600)
"""


def test_the_process_of_pesq_ends_with_a_parent_that_is_killed():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)  # it is there
        parent.kill()
    for _ in range(300):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("it outlived its parent")
