"""`pvsd enhance` of folders: nothing is done twice, and nothing bad stops the rest."""

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
import tiny_networks

from pvsd_modules.commands import common
from pvsd_modules.commands.naming import plan_outputs

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="links and signals of POSIX")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(path, samples=2000, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(seed).uniform(-0.3, 0.3, samples)
    soundfile.write(path, sound, 16000)
    return path


def test_finished_files_are_skipped_and_changed_ones_are_not(pvsd, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.wav", "sub/b.wav", "c.wav"):
        write(folder / name)
    command = ("enhance", folder, "-o", out)
    code, printed, _ = pvsd(*command)
    assert code == 0 and "3 enhanced, 0 skipped" in printed
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    code, printed, _ = pvsd(*command)
    assert code == 0 and "0 enhanced, 3 skipped (done before), 0 failed" in printed
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    write(folder / "a.wav", 3000, seed=1)  # another input
    (out / "c.wav").unlink()
    code, printed, _ = pvsd(*command)
    assert code == 0 and "2 enhanced, 1 skipped" in printed
    assert soundfile.info(out / "a.wav").frames == 3000
    write(out / "c.wav", 77)  # the user's own
    code, printed, complaints = pvsd(*command)
    assert code == 1 and "c.wav exists: add --overwrite" in complaints
    assert soundfile.info(out / "c.wav").frames == 77
    code, printed, complaints = pvsd(*command, "--strength", 0.5)  # other settings
    assert code == 1 and "3 of 3 files failed" in complaints


def test_jobs_formats_and_report(pvsd, tmp_path, monkeypatch):
    for place in (ROOT, Path(__file__).parent):
        path = f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        monkeypatch.setenv("PYTHONPATH", path)
    for name in ("a.wav", "b.wav", "c.wav"):
        write(tmp_path / "in" / name)
    (tmp_path / "in" / "d.wav").write_text("no sound")
    report, out = tmp_path / "log.json", tmp_path / "out"
    options = ("--jobs", 2, "--format", "flac", "--report", report, "--trust")
    code, printed, complaints = pvsd("enhance", tmp_path / "in", "-o", out, *options)
    assert code == 1 and "3 enhanced, 0 skipped (done before), 1 failed" in printed
    assert sorted(path.name for path in out.iterdir()) == ["a.flac", "b.flac", "c.flac"]
    found = json.loads(report.read_text())
    assert (found["enhanced"], found["failed"]) == (3, 1)
    states = {Path(one["input"]).name: one for one in found["files"]}
    assert states["a.wav"]["status"] == "enhanced" and not states["a.wav"]["error"]
    assert states["a.wav"]["seconds"] == 0.125
    assert "d.wav" in states["d.wav"]["error"]
    code, printed, _ = pvsd("enhance", tmp_path / "in", "-o", out, *options)
    assert code == 1 and "3 skipped" in printed  # a report of ours is replaced
    report.write_text("precious")
    code, _, complaints = pvsd("enhance", tmp_path / "in", "-o", out, *options)
    assert code == 2 and "log.json exists" in complaints
    assert report.read_text() == "precious"


def test_patterns_are_expanded_where_the_shell_did_not(tmp_path, monkeypatch, pvsd):
    write(tmp_path / "in" / "a.wav")
    write(tmp_path / "in" / "deep" / "b.wav")
    monkeypatch.chdir(tmp_path)
    jobs = plan_outputs([Path("in/**/*.wav")], "out/")
    assert [path.as_posix() for path, _ in jobs] == ["in/a.wav", "in/deep/b.wav"]
    code, _, complaints = pvsd("enhance", "in/*.xyz", "-o", "out/")
    assert code == 2 and "matches no file" in complaints


@posix
def test_bad_names_are_named_and_the_others_go_on(pvsd, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    write(folder / "a.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "gone.wav").symlink_to("nowhere.wav")
    (folder / "circle").symlink_to(folder)
    long = write(folder / f"{'n' * 245}.wav")
    (folder / "closed").mkdir()
    walk = os.walk

    def guarded(top, onerror=None, **options):  # permissions do not bind root
        for place, folders, names in walk(top, onerror=onerror, **options):
            if place == str(folder):
                folders.remove("closed")
                closed = os.path.join(place, "closed")
                onerror(PermissionError(13, "Permission denied", closed))
            yield place, folders, names

    monkeypatch.setattr(os, "walk", guarded)
    code, printed, complaints = pvsd("enhance", folder, "-o", tmp_path / "out")
    assert code == 1 and "2 enhanced" in printed and "3 failed" in printed
    for name in ("loop.wav", "gone.wav", "closed"):
        assert name in complaints
    # With "_enhanced" the name is too long.
    code, printed, complaints = pvsd("enhance", long, folder / "a.wav")
    assert code == 1 and "1 enhanced" in printed and "longer than 255" in complaints
    code, _, complaints = pvsd("enhance", long)
    assert code == 2 and complaints.count("\n") == 1


def test_a_closed_standard_output_stops_nothing(pvsd, tmp_path, monkeypatch):
    class Closed:
        def write(self, text=""):
            raise BrokenPipeError

        flush = write

        def isatty(self):
            return False

    for name in ("a.wav", "b.wav"):
        write(tmp_path / "in" / name)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, Closed())
        common.say("nobody reads this", stream)
        monkeypatch.setattr(sys, stream, Closed())
    from tiny_networks import make_folder

    from pvsd_modules import cli

    model = make_folder(tmp_path / "model", "IdentityDenoiser")
    words = ["enhance", tmp_path / "in", "-o", tmp_path / "out", "--model", model]
    assert cli.main([*map(str, words), "--trust"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
    monkeypatch.chdir(tmp_path)
    for line, written in (
        ("evaluate --enhanced out --clean in --measures si_sdr --output s.csv", "s.md"),
        ("evaluate --compare s.csv s.csv --output c.json", "c.json"),
        ("report --scores a=s.csv -o r.html", "r.html"),
        ("info", "r.html"),
    ):
        monkeypatch.setattr(sys, "stdout", Closed())
        monkeypatch.setattr(sys, "stderr", Closed())
        assert cli.main(line.split()) == 0 and Path(written).is_file()


@posix
@pytest.mark.parametrize(
    ("number", "denoiser"),
    [
        ("SIGTERM", "SlowDenoiser"),
        ("SIGTERM", "DeafDenoiser"),
        ("SIGHUP", "SlowDenoiser"),
        ("SIGINT", "SlowDenoiser"),
    ],
)
def test_signals_clean_up(tmp_path, number, denoiser):
    """While the model loads or while it runs: one sentence, nothing half-written."""
    write(tmp_path / "a.wav", 16000 * 1800)
    model = tiny_networks.make_folder(tmp_path / "slow", denoiser)
    words = ["enhance", "a.wav", "-o", "out/b.wav", "--trust", "--model"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pvsd_modules.cli", *words, str(model)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
    )
    if number == "SIGINT":  # in the midst of imports
        while not Path(f"/proc/{process.pid}/maps").exists():
            time.sleep(0.01)
        while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
            time.sleep(0.01)
    else:
        while not (tmp_path / "out").is_dir() or not any((tmp_path / "out").iterdir()):
            time.sleep(0.05)
            assert process.poll() is None
    process.send_signal(getattr(signal, number))
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, number)
    assert complaints == "pvsd: interrupted, nothing half-written is left.\n"
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_files_whose_nearest_formats_are_the_same_are_all_written(pvsd, tmp_path):
    for name in ("talk.gsm", "talk.spx", "talk.m4a"):
        write(tmp_path / "in" / "a.wav").rename(tmp_path / "in" / name)
    code, _, complaints = pvsd("enhance", tmp_path / "in", "-o", tmp_path / "out")
    written = sorted(path.name for path in (tmp_path / "out").glob("talk*"))
    assert code == 0
    assert written == ["talk.gsm.m4a", "talk.m4a", "talk.spx.m4a"]
    assert "talk.gsm.m4a is written instead" in complaints
