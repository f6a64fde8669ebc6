"""Videos become face crops and sound; what cannot be used is reported."""

import importlib.util
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.preprocess_clip import Settings, find_clips
from pvsd_modules.faces.preprocess_many import preprocess_clips, summarise
from pvsd_modules.io.atomic import folder_written_whole
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.synthetic.corpus import utter, write_clip
from pvsd_modules.synthetic.face import face_frames

SCRIPT = Path(__file__).parents[2] / "recipes" / "LRS3_VGGSound" / "preprocess.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("preprocess_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "lrs3"
    write_clip(root / "trainval" / "alice" / "00001.mp4", 1.0, speaker=0, seed=1)
    write_clip(root / "trainval" / "bob" / "00001.mp4", 1.0, speaker=1, seed=2)
    return root


def face_video(path, seconds=1.0, wave=None, face=True):
    frames = np.stack(list(face_frames(np.zeros(round(25 * seconds)))))
    if not face:
        frames[:] = 128
    wave = utter(seconds).wave if wave is None else wave
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lips([(frames, wave)], 16000, path, enlarge=1)


def check_clip(folder, seconds=1.0):
    import cv2

    info = json.loads((folder / "info.json").read_text())
    count = info["frame_count"]
    assert count == round(25 * seconds)
    names = {path.name for path in folder.iterdir()}
    assert names == {"audio.wav", "info.json"} | {f"{k}.jpg" for k in range(count)}
    samples, rate = soundfile.read(folder / "audio.wav", dtype="int16")
    assert samples.shape == (640 * count,) and rate == 16000
    assert soundfile.info(folder / "audio.wav").subtype == "PCM_16"
    assert cv2.imread(str(folder / "0.jpg")).shape == (96, 96, 3)
    assert len(info["boxes"]) == count
    return info, samples / 32768, folder


def test_lips_of_the_crops_follow_the_sound_that_is_written(tree, tmp_path):
    import cv2

    out = tmp_path / "faces"
    outcomes = preprocess_clips(find_clips(tree), out)
    assert [o.status for o in outcomes] == ["done", "done"]
    for clip, speaker, seed in [("alice", 0, 1), ("bob", 1, 2)]:
        info, samples, folder = check_clip(out / "trainval" / clip / "00001")
        assert info["settings"]["detector"] == "haar" and info["source_fps"] == 25
        assert info["missing"] == [] and not info["variable_rate"]
        said = utter(1.0, speaker, seed)
        np.testing.assert_allclose(samples, said.wave, atol=0.15)
        crops = [cv2.imread(str(folder / f"{k}.jpg")) for k in range(25)]
        lips = np.stack(crops)[:, 48:, 24:72].astype(float)
        dark = (lips.sum(axis=3) < 150).sum(axis=(1, 2))
        assert np.corrcoef(dark, said.opening)[0, 1] > 0.85


def test_bad_videos_are_told_and_do_not_stop_the_run(tree, tmp_path, script, capsys):
    bad = tree / "trainval" / "bad"
    bad.mkdir()
    (bad / "unreadable.mp4").write_bytes(b"<html>gone</html>" * 50)
    (bad / "empty.mp4").write_bytes(b"")
    face_video(bad / "silent.mp4", wave=np.zeros(16000, np.float32))
    face_video(bad / "faceless.mp4", face=False)
    face_video(bad / "short.mp4", seconds=0.2)
    face_video(bad / "soundless.mp4", wave=np.zeros(0, np.float32))
    out = tmp_path / "faces"
    assert script.main([str(tree), str(out)]) == 1  # two of them cannot be read
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["done"], summary["failed"]) == (2, 6)
    expected = {
        "unreadable": "cannot be read",
        "empty": "is empty",
        "silent": "silent",
        "faceless": "no face",
        "short": "too short: 0.20 s",
        "soundless": "no sound",
    }
    for name, reason in expected.items():
        assert reason in summary["failures"][f"trainval/bad/{name}"], name
    assert "trainval/bad/silent: silent" in capsys.readouterr().out
    kept = [path for path in out.rglob("*") if "bad" in path.parts and path.is_file()]
    assert kept == []
    # With nothing but failures the exit code tells.
    assert script.main([str(bad), str(tmp_path / "none")]) == 1


def test_a_second_run_goes_on_where_the_first_stopped(tree, tmp_path):
    out, clips = tmp_path / "faces", find_clips(tree)
    first = dict(list(clips.items())[:1])
    preprocess_clips(first, out)
    folder = out / next(iter(first))
    before = (folder / "audio.wav").stat().st_mtime_ns
    # What a killed run leaves behind: part of a clip under another name.
    with folder_written_whole(out / "trainval" / "bob" / "x") as own:
        name = own.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")
    half = out / "trainval" / "bob" / name
    half.mkdir(parents=True)
    (half / "0.jpg").write_bytes(b"half")
    outcomes = preprocess_clips(clips, out)
    assert [o.status for o in outcomes] == ["skipped", "done"]
    assert (folder / "audio.wav").stat().st_mtime_ns == before
    assert not half.exists()
    check_clip(out / "trainval" / "bob" / "00001")
    # Other settings make a clip anew.
    changed = preprocess_clips(first, out, Settings(detector="centre"))
    assert changed[0].status == "done"
    info, *_ = check_clip(folder)
    assert info["settings"]["detector"] == "centre"
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_an_incomplete_clip_is_made_again(tree, tmp_path):
    out, clips = tmp_path / "faces", find_clips(tree)
    settings = Settings(detector="centre")
    preprocess_clips(clips, out, settings)
    (out / "trainval" / "bob" / "00001" / "7.jpg").unlink()
    (out / "trainval" / "alice" / "00001" / "audio.wav").unlink()
    assert [o.status for o in preprocess_clips(clips, out, settings)] == ["done"] * 2
    check_clip(out / "trainval" / "bob" / "00001")


def preprocess_all(tree, out, results):
    settings = Settings(detector="centre")
    results.put([o.status for o in preprocess_clips(find_clips(tree), out, settings)])


def test_two_runs_at_once_make_no_clip_twice(tree, tmp_path):
    for name in "cdefgh":
        folder = tree / "trainval" / name
        shutil.copytree(tree / "trainval" / "bob", folder)
    spawn = multiprocessing.get_context("spawn")
    results, out = spawn.SimpleQueue(), tmp_path / "faces"
    runs = [
        spawn.Process(target=preprocess_all, args=(tree, out, results)) for _ in "12"
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    first, second = results.get(), results.get()
    assert sorted(first + second) == ["done"] * 8 + ["skipped"] * 8
    for clip in find_clips(tree):
        check_clip(out / clip)


# Preprocesses as the script does, but stops for ever in the midst of two of the clips.
STOPS = """
import sys
import time

import preprocess

from pvsd_modules.faces import preprocess_many
from pvsd_modules.io.atomic import folder_written_whole

make = preprocess_many.preprocess_clip


def make_or_stop(path, folder, settings):
    if folder.parent.name not in STOP_AT:
        return make(path, folder, settings)
    with folder_written_whole(folder) as temporary:
        (temporary / "0.jpg").touch()
        time.sleep(600)


preprocess_many.preprocess_clip = make_or_stop  # in worker processes as well
if __name__ == "__main__":
    sys.exit(preprocess.main(sys.argv[1:]))
"""


def made(out):
    """The clips that are whole."""
    found = out.rglob("info.json")
    return [path for path in found if not path.parent.name.startswith(".pvsd")]


@pytest.mark.skipif(os.name == "nt", reason="asks for a process as POSIX does")
def test_a_killed_rank_is_started_again(tree, tmp_path, script, monkeypatch):
    for name in "cdefghij":
        shutil.copytree(tree / "trainval" / "bob", tree / "trainval" / name)
    out, words = tmp_path / "faces", ["--detector", "centre", "--workers", "2"]
    words = [str(tree), str(out), *words]
    ranks = [{"RANK": str(k), "WORLD_SIZE": "2"} for k in range(2)]
    share = list(find_clips(tree))[::2]
    stop_at = {clip.split("/")[-2] for clip in share[-2:]}
    stops = tmp_path / "stops.py"
    stops.write_text(f"STOP_AT = {stop_at}\n{STOPS}")
    places = os.pathsep.join([str(SCRIPT.parents[2]), str(SCRIPT.parent)])
    environment = os.environ | ranks[0] | {"PYTHONPATH": places}
    killed = subprocess.Popen([sys.executable, stops, *words], env=environment)
    while len(list(out.rglob(".pvsd*/0.jpg"))) < 2 or len(made(out)) < 3:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert len(made(out)) == 3
    for rank in ranks:
        for key, value in rank.items():
            monkeypatch.setenv(key, value)
        assert script.main([*words[:4], "--workers", "1"]) == 0
    for clip in find_clips(tree):
        check_clip(out / clip)
    folders = [path for path in out.rglob("*") if path.is_dir()]
    assert not [path for path in folders if path.name.startswith(".pvsd")]
    counts = [
        json.loads((out / f"summary-{k}-of-2.json").read_text()) for k in range(2)
    ]
    assert [count["done"] + count["skipped"] for count in counts] == [5, 5]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_one_bad_name_does_not_stop_the_others(tree, tmp_path, script, capsys):
    (tree / "trainval" / "loop.mp4").symlink_to("loop.mp4")
    good = (tree / "trainval" / "bob" / "00001.mp4").read_bytes()
    odd = os.fsencode(tree / "trainval") + b"/caf\xe9.mp4"
    Path(os.fsdecode(odd)).write_bytes(good)
    long = "x" * 251
    (tree / "trainval" / f"{long}.mp4").write_bytes(good)
    out = tmp_path / "faces"
    assert script.main([str(tree), str(out), "--detector", "centre"]) == 1
    summary = json.loads((out / "summary.json").read_text())
    assert summary["done"] == 3
    assert set(summary["failures"]) == {"trainval/loop", "trainval/caf?.mp4"}
    assert "not UTF-8" in summary["failures"]["trainval/caf?.mp4"]
    check_clip(out / "trainval" / long)
    assert "failed: trainval/caf?.mp4" in capsys.readouterr().out


def test_a_failure_half_way_leaves_nothing(tree, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    outcomes = preprocess_clips(find_clips(tree), tmp_path / "faces")
    assert [o.status for o in outcomes] == ["failed", "failed"]
    assert "no space is left" in summarise(outcomes)["failures"]["trainval/alice/00001"]
    left = [p for p in (tmp_path / "faces").rglob("*") if p.is_file()]
    assert {p.suffix for p in left} == {".lock"}


def test_a_folder_of_the_user_is_not_replaced(tree, tmp_path):
    folder = tmp_path / "faces" / "trainval" / "alice" / "00001"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("mine")
    outcomes = preprocess_clips(find_clips(tree), tmp_path / "faces")
    assert [o.status for o in outcomes] == ["failed", "done"]
    assert (folder / "thesis.txt").read_text() == "mine"


def test_gaps_are_interpolated_up_to_a_limit(tree, tmp_path):
    seen = {"frames": 0}

    def blinking(picture):
        k = seen["frames"]
        seen["frames"] += 1
        gone = 5 <= k < 5 + seen["gap"]
        return [] if gone else [[40.0 + k, 48, 120 + k, 140]]

    clip = dict(list(find_clips(tree).items())[:1])
    (name,) = clip
    seen["gap"] = 6
    (outcome,) = preprocess_clips(clip, tmp_path / "a", Settings(detector=blinking))
    assert outcome.status == "done" and "interpolated in 6" in outcome.notes[0]
    info = json.loads((tmp_path / "a" / name / "info.json").read_text())
    assert info["missing"] == [5, 6, 7, 8, 9, 10]
    assert info["boxes"][8][0] == pytest.approx(48, abs=1)
    assert info["settings"]["detector"] == "blinking"
    seen.update(frames=0, gap=12)
    (outcome,) = preprocess_clips(clip, tmp_path / "b", Settings(detector=blinking))
    assert outcome.status == "failed" and "no face for 0.48 s" in outcome.reason


def test_a_variable_rate_is_told_and_resampled(tmp_path):
    face_video(tmp_path / "even.mp4")
    path = tmp_path / "phone" / "clip.mkv"
    path.parent.mkdir()
    with av.open(str(tmp_path / "even.mp4")) as old, av.open(str(path), "w") as new:
        copies = [new.add_stream_from_template(stream) for stream in old.streams]
        for packet in old.demux():
            if packet.size and packet.stream.type == "video":
                count = round(packet.pts * packet.time_base * 25)
                late = 0.015 * (1 + np.sin(count)) / float(packet.time_base)
                packet.pts = packet.dts = packet.pts + round(late)
            if packet.size:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    (outcome,) = preprocess_clips(find_clips(path.parent), tmp_path / "faces")
    assert outcome.status == "done" and "variable frame rate" in outcome.notes[0]
    info, *_ = check_clip(tmp_path / "faces" / "phone" / "clip")
    assert info["variable_rate"]


def test_a_detector_that_raises_costs_one_clip(tree, tmp_path):
    def broken(picture):
        raise RuntimeError("out of memory")

    outcomes = preprocess_clips(
        find_clips(tree), tmp_path / "faces", Settings(detector=broken)
    )
    assert [o.reason for o in outcomes] == ["RuntimeError: out of memory"] * 2


def test_processes_and_ranks_share_the_work(tree, tmp_path, script, monkeypatch):
    out = tmp_path / "faces"
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        workers = ["--workers", "2"] if rank == "0" else []
        options = ["--detector", "centre", "--detect_every", "5", *workers]
        assert script.main([str(tree), str(out), *options]) == 0
        summary = json.loads((out / f"summary-{rank}-of-2.json").read_text())
        assert (summary["done"], summary["skipped"], summary["failed"]) == (1, 0, 0)
    check_clip(out / "trainval" / "alice" / "00001")
    check_clip(out / "trainval" / "bob" / "00001")


def dying(picture):
    os._exit(3)


def test_a_worker_that_dies_is_reported(tree, tmp_path):
    settings = Settings(detector=dying)
    outcomes = preprocess_clips(find_clips(tree), tmp_path / "faces", settings, 2)
    assert [o.status for o in outcomes] == ["failed", "failed"]
    assert {o.reason for o in outcomes} == {"its worker process died"}


def test_names_of_flat_and_equal_folders(tmp_path):
    root = tmp_path / "grid"
    root.mkdir()
    for name in ("a.mp4", "b.mp4", "b.MKV", "notes.txt"):
        (root / name).touch()
    assert sorted(find_clips(root)) == ["grid/a", "grid/b.MKV", "grid/b.mp4"]
    with pytest.raises(PvsdError, match="not a folder"):
        find_clips(tmp_path / "none")
    with pytest.raises(PvsdError, match="no video"):
        find_clips(_empty(tmp_path))


def _empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_mistakes_on_the_command_line(tmp_path, script, capsys):
    assert script.main([str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert "not a folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as caught:
        script.main([str(tmp_path), str(tmp_path / "out"), "--workers", "0"])
    assert caught.value.code == 2
    for words in (
        ["--quality", "0"],
        ["--quality", "101"],
        ["--shortest", "nan"],
        ["--shortest", "-1"],
        ["--longest_gap", "inf"],
    ):
        assert script.main([str(tmp_path), str(tmp_path / "out"), *words]) == 2
        assert f"{words[0]} " in capsys.readouterr().err
