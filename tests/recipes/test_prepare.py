"""prepare.py on small synthetic corpora of every layout it knows."""

import csv
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from speechbrain.dataio.dataio import load_data_json

from pvsd_modules.data.manifests import quality
from pvsd_modules.data.manifests.rooms import files_by_room
from pvsd_modules.data.shards import ShardStore
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.walking import walk

SCRIPT = Path(__file__).parents[2] / "recipes" / "LRS3_VGGSound" / "prepare.py"
_spec = importlib.util.spec_from_file_location("prepare_script", SCRIPT)
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)


def write(path, seconds=1.0, rate=16000, level=0.1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = level * np.random.default_rng(seed).standard_normal(int(seconds * rate))
    kind = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    soundfile.write(path, wave, rate, **kind)
    return path


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def speakers(folder, name):
    return {item["speaker"] for item in read(folder, name).values()}


def run(*arguments):
    few = ("--valid_count", 4, "--test_count", 16)  # by default 100 and 200
    return script.main([str(argument) for argument in (*few, *arguments)])


@pytest.fixture
def lrs3(tmp_path):
    """Raw LRS3: pretrain, trainval and test, folders of speakers, clips."""
    root = tmp_path / "lrs3"
    for s in range(8):
        for clip in range(2):
            write(root / "trainval" / f"speaker{s}" / f"0000{clip}.wav")
        write(root / "pretrain" / f"speaker{s}" / "50001.wav", 2.0)
    for s in range(3):
        write(root / "test" / f"unseen{s}" / "00001.flac")
    return root


@pytest.fixture
def vggsound(tmp_path):
    """VGGSound: a flat folder and its table, with a class of speech in it."""
    root = tmp_path / "vggsound"
    rows = []
    labels = ["rain", "male speech, man speaking", "dog barking", "people crowd"]
    for i in range(24):
        name, start = f"-video_{i:04d}", 10 * i
        write(root / f"{name}_{start:06d}.wav", 1.5, rate=8000, seed=i)
        rows.append([name, start, labels[i % 4], "test" if i >= 16 else "train"])
    write(root / "notinthere1_000000.wav")
    with (root / "vggsound.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def test_lrs3_and_vggsound(lrs3, vggsound, tmp_path):
    out = tmp_path / "out"
    options = ["--speech", lrs3, "--noise", vggsound, "--output_folder", out]
    options += ["--test_count", 30, "--test_snrs", 0, 5, "--valid_count", 8]
    assert run(*options, "--max_seconds", 0.6) == 0

    assert speakers(out, "test_speech") == {"unseen0", "unseen1", "unseen2"}
    train, valid = speakers(out, "train_speech"), speakers(out, "valid_speech")
    assert len(train) == 7 and len(valid) == 1 and not train & valid
    # A speaker's pretrain and trainval clips go together.
    assert len(read(out, "valid_speech")) == 3
    item = read(out, "train_speech")[f"pretrain/{min(train)}/50001"]
    assert item["wav"] == f"{{data_root}}/pretrain/{min(train)}/50001.wav"
    assert item["length"] == 2.0

    noises = {s: read(out, f"{s}_noise") for s in ("train", "valid", "test")}
    kept = {item["category"] for part in noises.values() for item in part.values()}
    assert kept == {"rain", "dog barking", "people crowd"}
    assert len(noises["test"]) == 6 and len(noises["train"]) == 11
    skipped = (out / "noise_skipped.txt").read_text()
    assert "notinthere1_000000" in skipped and skipped.count("male speech") == 6

    mixtures = load_data_json(
        out / "test_mixtures.json", {"data_root": lrs3, "noise_root": vggsound}
    )
    assert len(mixtures) == 30
    assert sorted(m["snr"] for m in mixtures.values()) == [0.0] * 15 + [5.0] * 15
    test_files = {Path(item["wav"]).name for item in noises["test"].values()}
    used = [Path(m["noise"]).name for m in mixtures.values()]
    assert set(used) == test_files and used.count(used[0]) == 5
    for mixture in mixtures.values():
        assert Path(mixture["clean"]).is_file() and Path(mixture["noise"]).is_file()
        assert mixture["samples"] == 9600
        assert 0 <= mixture["clean_start"] <= 16000 - 9600
        # The noise is counted at 16 kHz, though its file has 8 kHz.
        assert 0 <= mixture["noise_start"] <= 24000 - 9600
    assert max(m["noise_start"] for m in mixtures.values()) > 6400


def test_shards_hold_what_the_manifests_list(lrs3, vggsound, tmp_path):
    out, shards = tmp_path / "out", tmp_path / "shards"
    options = ["--speech", lrs3, "--noise", vggsound, "--output_folder", out]
    options += ["--shards", shards, "--shard_files", 10, "--test_count", 10]
    assert run(*options) == 0
    store = ShardStore(shards, str(lrs3), str(vggsound))
    roots = {"data_root": str(lrs3), "noise_root": str(vggsound)}
    lists = [load_data_json(path, roots) for path in out.glob("*_mixtures.json")]
    mixed = [m[key] for items in lists for m in items.values() for key in KEYS]
    assert mixed and all(store.samples(path) >= 16000 for path in mixed)
    count = sum(len(read(out, f"{s}_speech")) for s in ("train", "valid", "test"))
    assert len([path for path in store.index if str(lrs3) in path]) == count == 27


KEYS = ("clean", "noise")


def test_speech_classes_can_be_kept(vggsound, tmp_path):
    out = tmp_path / "out"
    run("--noise", vggsound, "--output_folder", out, "--keep_speech_classes")
    assert "male speech, man speaking" in {
        item["category"] for item in read(out, "train_noise").values()
    }


def test_vggsound_without_its_table_is_told(vggsound, tmp_path, caplog):
    (vggsound / "vggsound.csv").rename(tmp_path / "labels.csv")
    run("--noise", vggsound, "--output_folder", tmp_path / "a")
    assert "no vggsound.csv" in caplog.text
    options = ["--noise", vggsound, "--vggsound_csv", tmp_path / "labels.csv"]
    run(*options, "--output_folder", tmp_path / "b")
    assert len(read(tmp_path / "b", "test_noise")) == 6


def test_csv_manifest_keeps_its_splits(tmp_path):
    root = tmp_path / "corpus"
    rows = [["path", "type", "source", "speaker", "category", "split"]]
    for i, split in enumerate(["train", "train", "valid", "test"]):
        write(root / f"s{i}.opus", 1.0, rate=16000)
        rows.append([f"s{i}.opus", "speech", "mine", f"anna{i}", "", split])
        write(root / f"n{{{i}}}.wav", 1.0)
        rows.append([f"n{{{i}}}.wav", "noise", "mine", "", "rain", split])
    rows.append(["gone.wav", "speech", "mine", "anna0", "", "train"])
    table = root / "manifest.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "out"
    # A file that cannot be read is an exit code of 1, also when nothing is new.
    for _ in range(2):
        assert run("--speech", table, "--noise", table, "--output_folder", out) == 1
    assert speakers(out, "train_speech") == {"anna0", "anna1"}
    assert speakers(out, "test_speech") == {"anna3"}
    assert "gone.wav" in (out / "speech_skipped.txt").read_text()
    # A brace in a file name is no placeholder.
    loaded = load_data_json(out / "test_noise.json", {"noise_root": root})
    assert [Path(item["wav"]).is_file() for item in loaded.values()] == [True]


def make_clip(folder, frames=25, listed=25):
    write(folder / "audio.wav", listed / 25)
    for k in range(frames):
        (folder / f"{k}.jpg").touch()
    (folder / "info.json").write_text(json.dumps({"frame_count": listed}))


def test_preprocessed_faces_and_the_same_as_speech(tmp_path):
    root, out = tmp_path / "faces", tmp_path / "out"
    for i in range(20):
        make_clip(root / "anna" / f"clip{i:02d}")
    make_clip(root / "anna" / "torn", frames=20)
    options = ["--faces", root, "--speech", root, "--split_every_tenth"]
    assert run(*options, "--output_folder", out) == 1
    faces = read(out, "test_faces")
    assert list(faces) == ["anna/clip09", "anna/clip19"]
    assert faces["anna/clip09"] == {
        "wav": "{data_root}/anna/clip09/audio.wav",
        "frames": "{data_root}/anna/clip09",
        "frame_count": 25,
        "length": 1.0,
        "speaker": "anna",
    }
    assert "lacks 5 of 25 frames" in (out / "faces_skipped.txt").read_text()
    assert len(read(out, "valid_faces")) == 2 and len(read(out, "train_faces")) == 16
    assert "anna/clip00" in read(out, "train_speech")


def test_voicebank_pairs(tmp_path):
    root, out = tmp_path / "vbd", tmp_path / "out"
    for kind in ("clean", "noisy"):
        for speaker in ("p226", "p227", "p287", "p230"):
            write(root / f"{kind}_trainset_28spk_wav" / f"{speaker}_001.wav", 1.0)
        write(root / f"{kind}_testset_wav" / "p232_001.wav")
    write(root / "noisy_testset_wav" / "p232_002.wav")
    write(root / "clean_testset_wav" / "p232_003.wav", 1.0)
    write(root / "noisy_testset_wav" / "p232_003.wav", 2.0)
    options = ["--pairs", root, "--output_folder", out]
    assert run(*options, "--valid_speakers", "p226", "p287") == 0
    assert speakers(out, "valid_pairs") == {"p226", "p287"}
    assert speakers(out, "train_pairs") == {"p227", "p230"}
    [pair] = read(out, "test_pairs").values()
    assert pair["clean"] == "{data_root}/clean_testset_wav/p232_001.wav"
    assert pair["noisy"] == "{data_root}/noisy_testset_wav/p232_001.wav"
    skipped = (out / "pairs_skipped.txt").read_text()
    assert "p232_002.wav\tthere is no clean" in skipped
    assert "p232_003.wav\tthe pair is not aligned" in skipped
    run(*options)  # without names, a share of the speakers
    assert len(speakers(out, "valid_pairs")) == 1
    assert run(*options, "--valid_speakers", "p999") == 2


def test_unusable_files_are_named_and_do_not_stop_the_run(tmp_path, caplog):
    root, out = tmp_path / "speech", tmp_path / "out"
    for s in range(4):
        write(root / f"s{s}" / "fine.wav")
    (root / "s0" / "empty.wav").touch()
    (root / "s1" / "page.mp4").write_text("<html>not found</html>")
    write(root / "s2" / "nothing.wav", 0.0)
    write(root / "s3" / "short.wav", 0.1)
    assert run("--speech", root, "--output_folder", out) == 1
    skipped = (out / "speech_skipped.txt").read_text()
    lines = dict(line.split("\t") for line in skipped.splitlines())
    bad = {"s0/empty.wav", "s1/page.mp4", "s2/nothing.wav", "s3/short.wav"}
    assert set(lines) == bad
    assert "shorter than 0.5 s" in lines["s3/short.wav"]
    assert "4 files of speech left out" in caplog.text
    (root / "s0" / "empty.wav").unlink()
    for name in bad - {"s0/empty.wav"}:
        (root / name).unlink()
    run("--speech", root, "--output_folder", out)
    assert not (out / "speech_skipped.txt").exists()


def test_silent_noise_is_never_mixed(tmp_path, caplog):
    for i in range(3):
        write(tmp_path / "speech" / "test" / f"s{i}" / "a.wav", seed=i)
        write(tmp_path / "speech" / "valid" / f"v{i}" / "a.wav", seed=i)
    for split in ("valid", "test"):
        write(tmp_path / "noise" / split / "rain" / "silent.wav", level=0.0)
        write(tmp_path / "noise" / split / "rain" / "loud.wav", 0.3)
    out = tmp_path / "out"
    options = ["--speech", tmp_path / "speech", "--noise", tmp_path / "noise"]
    options += ["--test_count", 9, "--min_seconds", 0.2]
    assert run(*options, "--output_folder", out) == 0
    mixtures = read(out, "test_mixtures")
    assert len(mixtures) == 9
    assert {m["noise"] for m in mixtures.values()} == {
        "{noise_root}/test/rain/loud.wav"
    }
    assert "silent.wav" in caplog.text
    assert "speech train is empty" in caplog.text


def table(path, rows):
    """Write rows (dicts) as a CSV manifest, and a sound file for each of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = sorted({key for row in rows for key in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_several_roots_licences_and_rooms(tmp_path):
    mine, other, out = tmp_path / "mine", tmp_path / "other", tmp_path / "out"
    free = {"type": "speech", "split": "train", "licence": "CC-BY-4.0"}
    rows = [
        {**free, "path": "a.wav", "speaker": "anna"},
        {**free, "path": "b.wav", "speaker": "bob", "licence": "GNU GPL V3+"},
        {**free, "path": "n.wav", "type": "noise", "category": "rain"},
    ]
    for k, name in enumerate("abn"):
        write(mine / f"{name}.wav", seed=k)
    for k in range(3):
        write(other / "speech" / f"s{k}" / "x.wav", seed=k)
        for place in ("hall", "hall2"):
            write(mine / "rir" / place / f"{k}.wav", 0.2)
            rows.append({"path": f"rir/{place}/{k}.wav", "type": "rir"})
    rows[-1] |= {"room": "elsewhere", "split": "valid"}
    manifest = table(mine / "manifest.csv", rows)
    options = ["--noise", manifest, "--rooms", manifest, "--output_folder", out]
    options += ["--exclude_licences", "gpl", "--valid_fraction", 0]
    options += ["--test_fraction", 0, "--speech", manifest, other / "speech"]
    assert run(*options) == 0
    speech = read(out, "train_speech")
    # The paths begin at the folder that holds both roots.
    assert {item["wav"] for item in speech.values()} == {
        "{data_root}/mine/a.wav",
        *(f"{{data_root}}/other/speech/s{k}/x.wav" for k in range(3)),
    }
    assert speakers(out, "train_speech") == {"anna", "s0", "s1", "s2"}
    assert (
        "b.wav\tof the licence GNU GPL V3+" in (out / "speech_skipped.txt").read_text()
    )
    [noise] = read(out, "train_noise").values()
    assert noise["wav"] == "{noise_root}/n.wav"
    roots = {"rooms_root": str(mine)}
    rooms = files_by_room(load_data_json(out / "train_rooms.json", roots))
    assert {room: len(files) for room, files in rooms.items()} == {
        "hall": 3,
        "hall2": 2,
    }
    assert all(Path(file).is_file() for files in rooms.values() for file in files)
    [room] = read(out, "valid_rooms").values()
    assert room["room"] == "elsewhere"
    # A root inside another one does not list a file twice.
    nested = [
        "--speech",
        other,
        other / "speech",
        "--output_folder",
        tmp_path / "twice",
    ]
    assert run(*nested, "--valid_fraction", 0, "--test_fraction", 0) == 0
    assert len(read(tmp_path / "twice", "train_speech")) == 3


def low_passed(path, hertz):
    time = np.arange(16000) / 16000
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * hertz * time), 16000)


def test_what_is_no_usable_signal_is_left_out_with_its_reason(tmp_path):
    for kind in ("speech", "noise"):
        root = tmp_path / kind
        for split in ("train", "valid", "test"):
            write(root / split / "x" / "good.wav")
        for name, options in {
            "ten_samples": {"seconds": 10 / 16000},
            "quiet": {"level": 1e-4},
            "silent": {"level": 0.0},
        }.items():
            write(root / "test" / "x" / f"{name}.wav", **options)
        wave = np.full(16000, 0.1, np.float32)
        wave[5] = np.nan
        soundfile.write(root / "test" / "x" / "nan.wav", wave, 16000, subtype="FLOAT")
        low_passed(root / "test" / "x" / "dull.wav", 30 if kind == "noise" else 1000)
    out = tmp_path / "out"
    options = ["--speech", tmp_path / "speech", "--noise", tmp_path / "noise"]
    assert run(*options, "--output_folder", out, "--test_count", 20) == 0
    for kind in ("speech", "noise"):
        text = (out / f"{kind}_skipped.txt").read_text()
        reasons = dict(line.split("\t") for line in text.splitlines())
        found = {Path(key).stem: reason for key, reason in reasons.items()}
        assert set(found) == {"ten_samples", "quiet", "silent", "nan", "dull"}
        assert found["ten_samples"].startswith("shorter than 0.5 s: 0.000625 s")
        assert found["quiet"].startswith("quieter than -60 dB full scale: -79.9")
        assert found["silent"] == "it is silent"
        assert found["nan"] == "it has samples that are not finite numbers"
        assert found["dull"].startswith("bandwidth of less than")
    noises = {mixture["noise"] for mixture in read(out, "test_mixtures").values()}
    assert noises == {"{noise_root}/test/x/good.wav"}


def test_an_interrupted_call_measures_no_file_twice(tmp_path, monkeypatch):
    root, out = tmp_path / "speech", tmp_path / "out"
    for k in range(6):
        write(root / f"s{k}" / "a.wav", seed=k)
    measured = []

    def measure(path, real=quality.measure_file):
        if len(measured) == 4:
            raise KeyboardInterrupt
        measured.append(path)
        return real(path)

    monkeypatch.setattr(quality, "measure_file", measure)
    options = ["--speech", root, "--output_folder", out, "--workers", 1]
    with pytest.raises(KeyboardInterrupt):
        run(*options)
    assert len(measured) == 4 and not (out / "train_speech.json").exists()
    with (out / "measured.jsonl").open("a") as file:
        file.write('["half')
    first = list(measured)
    measured.clear()
    assert run(*options) == 0
    assert len(set(first) | set(measured)) == 6 and len(measured) <= 3
    measured.clear()
    assert run(*options, "--seed", 5) == 0  # other splits, nothing to decode
    assert len(measured) <= 1
    write(root / "s0" / "a.wav", 1.5)
    assert run(*options) == 0
    assert root / "s0" / "a.wav" in measured


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_one_bad_name_does_not_stop_the_others(tmp_path, monkeypatch):
    root, out = tmp_path / "speech", tmp_path / "out"
    for k in range(3):
        write(root / f"s{k}" / "fine.wav")
    (root / "s0" / "loop.wav").symlink_to("loop.wav")
    odd = os.fsencode(root / "s1") + b"/caf\xe9.wav"
    Path(os.fsdecode(odd)).write_bytes((root / "s0" / "fine.wav").read_bytes())
    write(root / "closed" / "x.wav")
    os.mkfifo(root / "s2" / "pipe.wav")
    listed = os.scandir

    def scandir(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert run("--speech", root, "--output_folder", out) == 1
    text = (out / "speech_skipped.txt").read_text(encoding="utf-8")
    reasons = dict(line.split("\t") for line in text.splitlines())
    assert "Permission denied" in reasons["closed"]
    assert "not UTF-8" in reasons["s1/caf?.wav"]
    assert "a pipe" in reasons["s2/pipe.wav"]
    assert set(reasons) == {"closed", "s1/caf?.wav", "s0/loop.wav", "s2/pipe.wav"}
    used = [
        item for s in ("train", "valid", "test") for item in read(out, f"{s}_speech")
    ]
    assert sorted(used) == ["s0/fine", "s1/fine", "s2/fine"]
    with pytest.raises(PvsdError, match="closed cannot be read: Permission denied"):
        walk(root / "closed", frozenset({".wav"}))


def test_a_table_reads_no_file_outside_of_its_folder(tmp_path):
    write(tmp_path / "secret.wav")
    write(tmp_path / "theirs" / "a.wav")
    long = "x" * 300 + ".wav"
    paths = ["a.wav", "../secret.wav", str(tmp_path / "secret.wav"), long]
    given = table(tmp_path / "theirs" / "m.csv", [{"path": path} for path in paths])
    out = tmp_path / "out"
    assert run("--speech", given, "--output_folder", out) == 1
    assert list(read(out, "train_speech")) == ["a"]
    text = (out / "speech_skipped.txt").read_text()
    assert text.count("outside of its folder") == 2 and "too long" in text


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_same_arguments_same_manifests_and_no_work_twice(lrs3, vggsound, tmp_path):
    options = ["--speech", lrs3, "--noise", vggsound, "--test_count", 10]
    assert run(*options, "--output_folder", tmp_path / "a") == 0
    assert run(*options, "--output_folder", tmp_path / "b") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "a").iterdir()}
    assert run(*options, "--output_folder", tmp_path / "a") == 0
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "a").iterdir()} == before


def test_what_changed_is_prepared_again(lrs3, vggsound, tmp_path):
    out = tmp_path / "out"
    options = ["--speech", lrs3, "--noise", vggsound, "--output_folder", out]
    run(*options)
    first = contents(out)
    run(*options, "--seed", 7)  # an argument
    assert contents(out)["test_mixtures.json"] != first["test_mixtures.json"]
    run(*options)
    assert contents(out) == first
    write(lrs3 / "trainval" / "newcomer" / "00000.wav")  # a file more
    run(*options)
    assert "trainval/newcomer/00000" in {
        **read(out, "train_speech"),
        **read(out, "valid_speech"),
    }
    moved = lrs3.with_name("elsewhere")  # another data root
    lrs3.rename(moved)
    (moved / "test" / "unseen0" / "00001.flac").unlink()
    run("--speech", moved, "--noise", vggsound, "--output_folder", out)
    assert speakers(out, "test_speech") == {"unseen1", "unseen2"}
    (out / "valid_noise.json").unlink()  # a manifest gone
    run("--speech", moved, "--noise", vggsound, "--output_folder", out)
    assert read(out, "valid_noise")


def test_mixtures_of_other_speech_are_removed(lrs3, vggsound, tmp_path, caplog):
    out = tmp_path / "out"
    run("--speech", lrs3, "--noise", vggsound, "--output_folder", out)
    run("--speech", lrs3, "--output_folder", out)
    assert (out / "test_mixtures.json").is_file()
    run("--speech", lrs3, "--output_folder", out, "--seed", 9)
    assert not (out / "test_mixtures.json").exists()
    assert "mixtures were of other speech" in caplog.text


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ([], "nothing to prepare"),
        (["--speech", "nowhere"], "does not exist"),
        (["--speech", "."], "No speech was found"),
        (["--noise", "."], "No noise was found"),
        (["--pairs", "."], "No pair can be used"),
        (["--faces", "."], "run preprocess.py"),
        (["--rooms", "."], "No impulse response was found"),
        (["--speech", ".", "--test_fraction", "0.9"], "not between 0 and 0.5"),
        (["--speech", ".", "--valid_fraction", "nan"], "not between 0 and 0.5"),
        (["--speech", ".", "--min_seconds", "nan"], "not a number of 0 or more"),
        (["--speech", ".", "--min_level_db", "inf"], "not between -200 and 0 dB"),
        (["--speech", ".", "--test_snrs", "0", "nan"], "one or more numbers of dB"),
        (["--speech", ".", "--test_count", "-1"], "is below 0"),
        (["--speech", ".", "--max_seconds", "0"], "is not above 0"),
        (["--speech", ".", "--workers", "0"], "is below 1"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, "--output_folder", "out") == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_flat_folder_is_one_speaker_named_like_it(tmp_path):
    for i in range(10):
        write(tmp_path / "anna" / f"{i}.wav")
    options = ["--speech", tmp_path / "anna", "--output_folder", tmp_path / "out"]
    run(*options, "--split_every_tenth")
    assert speakers(tmp_path / "out", "test_speech") == {"anna"}
    assert list(read(tmp_path / "out", "test_speech")) == ["9"]
