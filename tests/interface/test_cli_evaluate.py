"""``pvsd evaluate``: folders of any program, lists, models, and what goes wrong."""

import csv
import importlib.util
import json
import os
import sys
import types

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.evaluation import run as run_module
from pvsd_modules.evaluation import scoring
from pvsd_modules.evaluation.dnsmos import Dnsmos
from pvsd_modules.evaluation.folders import match_folders, read_conditions
from pvsd_modules.evaluation.lists import chosen
from pvsd_modules.evaluation.recognition import WordErrors, add_transcripts

QUICK = ("--measures", "si_sdr", "seg_snr")


def sound(seed, seconds=0.5, rate=16000):
    """A tone with a pulse, alike at any rate."""
    time = np.arange(round(seconds * rate)) / rate
    pulse = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + seed) * time)
    return 0.3 * np.sin(2 * np.pi * (300 + 40 * seed) * time) * pulse


def write(path, wave, rate=16000, subtype=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype)
    return path


@pytest.fixture
def folders(tmp_path):
    """Three recordings, one in a sub-folder: clean, noisy, and better."""
    hiss = np.random.default_rng(0).uniform(-0.1, 0.1, 8000)
    for i, name in enumerate(("a", "b", "sub/c")):
        write(tmp_path / f"clean/{name}.wav", sound(i))
        write(tmp_path / f"noisy/{name}.wav", sound(i) + hiss)
        write(tmp_path / f"enhanced/{name}.wav", sound(i) + 0.1 * hiss)
    return tmp_path


@pytest.fixture
def evaluate(pvsd, folders):
    """``code, rows, complaints = evaluate("enhanced", ...)`` of the folders named."""

    def call(*kinds, more=(), model=None, output="scores.csv"):
        words = [word for kind in kinds for word in (f"--{kind}", folders / kind)]
        words += ["--output", folders / output, *more]
        if "--measures" not in more:
            words += QUICK
        code, _, complaints = pvsd("evaluate", *words, model=model)
        rows = []
        if (folders / output).exists():
            with (folders / output).open(errors="surrogateescape") as file:
                rows = list(csv.DictReader(file))
        return code, rows, complaints

    return call


def summary(folders, name="scores.json"):
    return json.loads((folders / name).read_text())


def test_files_of_another_program(evaluate, folders):
    code, rows, complaints = evaluate("clean", "noisy", "enhanced")
    assert (code, complaints) == (0, "")
    assert [row["file"] for row in rows] == ["a", "b", "sub/c"]
    assert list(rows[0])[:5] == [
        "file",
        "si_sdr",
        "seg_snr",
        "noisy_si_sdr",
        "noisy_seg_snr",
    ]
    for row in rows:
        gain = float(row["si_sdr"]) - float(row["noisy_si_sdr"])
        assert gain == pytest.approx(20, abs=0.5)
    assert summary(folders)["groups"][-1]["si_sdr"]["files"] == 3
    assert "| all | 3 |" in (folders / "scores.md").read_text()


def test_columns_of_all_measures(evaluate):
    _, rows, _ = evaluate("clean", "enhanced", more=("--measures", *scoring.MEASURES))
    start = "file pesq_wb pesq_nb_raw stoi estoi si_sdr pesq_nb csig cbak covl seg_snr"
    rest = "snr category speaker seconds adjusted failure"
    assert list(rows[0]) == [*start.split(), *rest.split()]  # and nothing of noisy ones


def test_any_format_rate_and_place(evaluate, folders):
    for path in (folders / "enhanced").rglob("*.wav"):
        path.unlink()
    write(folders / "enhanced/a.flac", sound(0, rate=16000))
    write(folders / "enhanced/b_enhanced.wav", sound(1, rate=48000), 48000)
    write(folders / "enhanced/elsewhere/c.mp3", sound(2, rate=44100), 44100)
    code, rows, complaints = evaluate("clean", "enhanced")
    assert (code, complaints) == (0, "")
    scores = [float(row["si_sdr"]) for row in rows]
    assert scores[0] > 60 and scores[1] > 30 and scores[2] > 10


def test_a_model_of_this_project(evaluate, folders, identity_folder, tiny_folder):
    keep = ("--save_enhanced", folders / "kept")
    code, rows, _ = evaluate("clean", "noisy", model=identity_folder, more=keep)
    assert code == 0
    for row in rows:
        assert float(row["si_sdr"]) == pytest.approx(float(row["noisy_si_sdr"]))
        kept = soundfile.read(folders / f"kept/{row['file']}.wav")[0]
        noisy = soundfile.read(folders / f"noisy/{row['file']}.wav")[0]
        assert np.allclose(kept, noisy, atol=1e-6)
    own = evaluate("clean", "noisy", model=tiny_folder, output="own.csv")[1]
    none = ("--lips", "none")
    without = evaluate(
        "clean", "noisy", model=tiny_folder, more=none, output="none.csv"
    )
    assert own[0]["si_sdr"] != without[1][0]["si_sdr"]


def test_what_fails_is_named_and_counts_in_no_mean(evaluate, folders):
    for i, name in enumerate("defgh"):
        write(folders / f"clean/{name}.wav", sound(i))
    write(folders / "enhanced/e.wav", sound(1, 1.5))
    write(folders / "enhanced/f.wav", np.full(8000, np.nan), subtype="FLOAT")
    write(folders / "enhanced/g.wav", np.zeros(8000))
    (folders / "enhanced/h.wav").write_text("no sound")
    write(folders / "enhanced/extra.wav", sound(0))
    code, rows, complaints = evaluate("clean", "enhanced")
    assert code == 1
    found = summary(folders)
    assert sorted(found["failures"]) == ["d", "e", "extra", "f", "g", "h"]
    for name, words in {
        "d": "no enhanced file",
        "e": "do not belong together",
        "extra": "no clean file",
        "f": "no numbers",
        "g": "silent",
        "h": "h.wav",
    }.items():
        assert words in found["failures"][name]
        assert f"pvsd: {name}: " in complaints
    assert "6 of 9 recordings FAILED" in complaints
    assert found["groups"][-1]["si_sdr"]["files"] == 3
    assert [row["si_sdr"] for row in rows if row["failure"]] == [""] * 6


def test_a_name_that_is_no_text(evaluate, folders):
    for kind in ("clean", "enhanced"):
        path = folders / kind
        os.rename(path / "a.wav", os.fsencode(path) + b"/\xe9.wav")
    for _ in range(2):  # and the table can be read again
        code, rows, _ = evaluate("clean", "enhanced")
        assert code == 0 and len(rows) == 3


def test_small_differences_of_length_are_mended_and_reported(evaluate, folders):
    write(folders / "enhanced/a.wav", sound(0)[:-500])
    write(folders / "enhanced/b.wav", np.pad(sound(1), (0, 300)))
    code, rows, _ = evaluate("clean", "enhanced")
    assert code == 0
    assert [row["adjusted"] for row in rows] == ["-500", "300", ""]
    assert float(rows[1]["si_sdr"]) > 60
    assert summary(folders)["adjusted"] == {"a": -500, "b": 300}
    assert "2 of the files, by 31 ms at most" in (folders / "scores.md").read_text()


def test_an_interrupted_run_goes_on_and_a_changed_one_is_refused(
    evaluate, folders, monkeypatch
):
    done = []

    class Interrupted(scoring.Scorer):
        def __call__(self, name, *task):
            if len(done) == 1:
                done.append("stop")
                raise KeyboardInterrupt
            done.append(name)
            return super().__call__(name, *task)

    monkeypatch.setattr(run_module, "Scorer", Interrupted)
    kinds = ("clean", "noisy", "enhanced")
    assert evaluate(*kinds)[0] == 130
    assert evaluate(*kinds)[0] == 0
    assert done == ["a", "stop", "b", "sub/c"]
    before = (folders / "scores.csv").read_text()
    write(folders / "enhanced/b.wav", 0.9 * sound(1))
    code, _, complaints = evaluate(*kinds)
    assert code == 2 and "system changed" in complaints and "--overwrite" in complaints
    assert (folders / "scores.csv").read_text() == before
    assert evaluate(*kinds, more=("--overwrite",))[0] == 0
    assert (folders / "scores.csv").read_text() != before


def test_noisy_files_are_scored_once_for_all_systems(evaluate, folders, monkeypatch):
    count = []
    original = scoring.measure

    def counting(*task):
        count.append(task)
        return original(*task)

    monkeypatch.setattr(scoring, "measure", counting)
    one = evaluate("clean", "noisy", "enhanced", output="one.csv")[1]
    assert len(count) == 6
    (folders / "better").symlink_to(folders / "clean")
    more = ("--enhanced", folders / "better")
    two = evaluate("clean", "noisy", more=more, output="two.csv")[1]
    assert len(count) == 9
    for a, b in zip(one, two, strict=True):
        assert a["noisy_si_sdr"] == b["noisy_si_sdr"] and a["si_sdr"] != b["si_sdr"]


def test_a_list_and_its_mixtures_for_other_programs(pvsd, folders, identity_folder):
    entry = {"clean": "{data_root}/a.wav", "clean_start": 640, "samples": 6400}
    entry |= {"noise": "{noise_root}/b.wav", "noise_start": 99, "category": "tone"}
    mixtures = {f"m{snr}": {**entry, "snr": snr} for snr in (-5, 0, 5)}
    (folders / "list.json").write_text(json.dumps(mixtures))
    words = ["--list", folders / "list.json", "--data_root", folders / "clean"]
    words += ["--noise_root", folders / "noisy"]
    mixed = ["--write_mixtures", folders / "mixed"]
    code, printed, _ = pvsd("evaluate", *words, *mixed, model=None)
    assert code == 0 and "3 mixtures" in printed
    clean, rate = soundfile.read(folders / "mixed/clean/m5.wav")
    noisy, _ = soundfile.read(folders / "mixed/noisy/m5.wav")
    noise = noisy - clean
    assert (rate, len(clean)) == (16000, 6400)
    assert 10 * np.log10((clean**2).mean() / (noise**2).mean()) == pytest.approx(5)
    tables = []
    for name, system in (
        ("model.csv", ["--model", identity_folder]),
        ("folder.csv", ["--enhanced", folders / "mixed/noisy"]),
    ):
        output = ["--output", folders / name, "--snrs", "0", "5", *QUICK]
        assert pvsd("evaluate", *words, *system, *output, model=None)[0] == 0
        with (folders / name).open() as file:
            tables.append(list(csv.DictReader(file)))
    assert [row["file"] for row in tables[0]] == ["m0", "m5"]
    assert tables[0][0]["category"] == "tone"
    assert [g["snr"] for g in summary(folders, "model.json")["groups"]] == [0, 5, "all"]
    for a, b in zip(*tables, strict=True):
        assert float(a["si_sdr"]) == pytest.approx(float(b["si_sdr"]), abs=1e-4)
        assert float(a["noisy_si_sdr"]) == pytest.approx(float(a["snr"]), abs=0.3)
    assert pvsd("evaluate", *words, *mixed, model=None)[0] == 2  # not written over


def test_part_of_a_list_has_all_its_snrs():
    items = {f"m{i}": {"snr": (-5, 0, 5, 10)[i % 4]} for i in range(400)}
    part = chosen(items, None, 8)
    assert list(part) == [name for name in items if name in part]
    assert sorted(item["snr"] for item in part.values()) == 2 * [-5] + 2 * [0] + 2 * [
        5
    ] + 2 * [10]
    assert len(chosen(items, [0.0, 10.0], 0)) == 200
    assert len(chosen(items, None, 1000)) == 400


def test_a_network_that_breaks_is_a_named_failure(folders, monkeypatch):
    def broken(item, signals):
        raise RuntimeError("sizes\n do not fit")

    items = match_folders(folders / "clean", folders / "noisy", folders / "enhanced")
    scorer = scoring.Scorer(scoring.Settings(model=None, measures=("si_sdr",)))
    monkeypatch.setattr(scorer, "system", broken)
    assert scorer("a", items["a"])["failure"] == "sizes do not fit"


def test_names_of_the_dns_challenge(tmp_path):
    for i in (7, 17):
        write(tmp_path / f"clean/clean_fileid_{i}.wav", sound(i))
        name = f"clnsp1_train_6900{i}_1_snr15_tl-21_fileid_{i}.wav"
        write(tmp_path / "noisy" / name, sound(i))
        write(tmp_path / f"mine/enhanced_fileid_{i}.wav", sound(i))
    items = match_folders(tmp_path / "clean", tmp_path / "noisy", tmp_path / "mine")
    assert len(items) == 2
    for name, item in items.items():
        number = name.split("_")[-1]
        assert item["clean"].endswith(f"/clean_fileid_{number}.wav")
        assert item["enhanced"].endswith(f"/enhanced_fileid_{number}.wav")
        assert item["snr"] == 15.0 and "failure" not in item
    assert len(match_folders(tmp_path / "clean", None, tmp_path / "mine")) == 2


def test_names_of_voicebank_demand(tmp_path):
    for name in ("p232_001", "p257_010"):
        write(tmp_path / f"clean_testset_wav/{name}.wav", sound(1))
        write(tmp_path / f"noisy_testset_wav/{name}.wav", sound(2))
    (tmp_path / "log_testset.txt").write_text("p232_001 bus 17.5\np257_010 cafe 2.5\n")
    conditions = read_conditions(tmp_path / "log_testset.txt")
    folders = (tmp_path / "clean_testset_wav", tmp_path / "noisy_testset_wav")
    items = match_folders(*folders, conditions=conditions)
    assert items["p232_001"]["snr"] == 17.5
    assert items["p257_010"]["category"] == "cafe"
    assert items["p257_010"]["speaker"] == "p257"
    (tmp_path / "more.csv").write_text("file,speaker,snr\np232_001.wav,me,3\n")
    conditions = read_conditions(tmp_path / "more.csv")
    item = match_folders(*folders, conditions=conditions)["p232_001"]
    assert (item["speaker"], item["snr"]) == ("me", 3.0)


def test_comparison(pvsd, folders, evaluate):
    evaluate("clean", "noisy", "enhanced", output="better.csv")
    more = ("--enhanced", folders / "noisy")
    evaluate("clean", "noisy", output="same.csv", more=more)
    output = folders / "difference.json"
    words = ["--compare", folders / "same.csv", folders / "better.csv"]
    code, printed, _ = pvsd("evaluate", *words, "--output", output, model=None)
    assert code == 0
    result = json.loads(output.read_text())["groups"][-1]["si_sdr"]
    assert result["difference"] == pytest.approx(20, abs=0.5)
    assert result["p_value"] == 2 / 8  # three recordings, all better
    assert "p\u00a0=\u00a00.250" in printed
    assert pvsd("evaluate", *words, "--output", output, model=None)[0] == 2
    code, _, complaints = pvsd("evaluate", *words, "--measures", "stoi", model=None)
    assert code == 2 and "si_sdr, seg_snr" in complaints


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "--clean DIR"),
        (["--clean", "clean"], "--noisy DIR"),
        (["--clean", "clean", "--enhanced", "enhanced"], "--output"),
        (["--clean", "clean", "--noisy", "noisy", "--model", "no"], "no shipped model"),
        (["--clean", "clean", "--noisy", "nothing"], "is not a folder"),
        (["--clean", "clean", "--noisy", "other"], "have nothing in common"),
        (["--clean", "clean", "--enhanced", "enhanced", "--lips", "none"], "Either"),
        (["--list", "none.json"], "does not exist"),
        (["--list", "odd.json"], "no list of mixtures"),
        (["--list", "far.json"], "check --data_root"),
        (["--clean", "clean", "--noisy", "noisy", "--lips", "x"], "is unknown"),
        (["--clean", "clean", "--noisy", "noisy", "--measures", "x"], "is unknown"),
        (["--clean", "clean", "--noisy", "noisy", "--dnsmos", "x"], "does not exist"),
        (["--clean", "clean", "--noisy", "noisy", "--asr", "x"], "--transcripts"),
        (["--compare", "a.csv", "b.csv"], "cannot be read"),
    ],
)
def test_mistakes_are_sentences(pvsd, folders, monkeypatch, words, sentence):
    monkeypatch.chdir(folders)
    write(folders / "other/x.wav", sound(0))
    (folders / "odd.json").write_text('{"a": {"wav": "a.wav"}}')
    (folders / "far.json").write_text('{"a": {"clean": "n.wav", "noisy": "m.wav"}}')
    if sentence != "--output":
        words = [*words, "--output", "scores.csv"]
    code, _, complaints = pvsd("evaluate", *words, model=None)
    assert code == 2 and sentence in complaints, complaints
    assert "Traceback" not in complaints
    assert not (folders / "scores.csv").exists()


def test_dnsmos_with_a_stand_in(monkeypatch):
    fed = []

    class Session:
        def __init__(self, path, *_, **__):
            if "bad" in path:
                raise RuntimeError("not a model")

        def get_inputs(self):
            return [types.SimpleNamespace(name="input_1")]

        def run(self, _, feed):
            fed.append(feed["input_1"])
            return [np.array([[3.0, 2.0, 1.0]], np.float32)]

    fake = types.SimpleNamespace(
        InferenceSession=Session, SessionOptions=types.SimpleNamespace
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    scores = Dnsmos("model.onnx")(torch.ones(8000), {})
    # As in the published tool: doubled to 16 s, whose segments begin at 0 to 6 s.
    assert [x.shape for x in fed] == 7 * [(1, 144160)]
    assert scores["dnsmos_sig"] == pytest.approx(
        -0.08397278 * 9 + 1.22083953 * 3 + 0.0052439
    )
    assert scores["dnsmos_ovr"] == pytest.approx(-0.06766283 + 1.11546468 + 0.04602535)
    fed.clear()
    Dnsmos("model.onnx")(torch.rand(11 * 16000), {})
    assert len(fed) == 2 and fed[0].dtype == np.float32
    with pytest.raises(Exception, match=r"bad\.onnx is no network"):
        Dnsmos("bad.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Exception, match="pip install onnxruntime"):
        Dnsmos("model.onnx")


def test_dnsmos_needs_no_clean_files(pvsd, folders):
    pytest.importorskip("onnxruntime")
    if importlib.util.find_spec("speechmos") is None:
        pytest.skip("speechmos is not installed")
    words = ["--noisy", folders / "noisy", "--enhanced", folders / "enhanced"]
    words += ["--dnsmos", "--output", folders / "mos.csv"]
    code, _, complaints = pvsd("evaluate", *words, model=None)
    assert (code, complaints) == (0, "")
    with (folders / "mos.csv").open() as file:
        rows = list(csv.DictReader(file))
    ratings = ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovr"]
    assert list(rows[0])[:7] == ["file", *ratings, *(f"noisy_{x}" for x in ratings)]
    for row in rows:
        assert all(0.9 < float(row[name]) < 5 for name in ratings)
        assert float(row["dnsmos_bak"]) != float(row["noisy_dnsmos_bak"])


def test_word_errors_with_a_stand_in(tmp_path, monkeypatch):
    from speechbrain.inference.ASR import EncoderDecoderASR

    class Recogniser:
        def transcribe_batch(self, wavs, lengths):
            assert wavs.shape == (1, 8000) and lengths.tolist() == [1.0]
            return ["HELLO WORD"], None

    def load(**_):
        return Recogniser()

    monkeypatch.setattr(EncoderDecoderASR, "from_hparams", load)
    (tmp_path / "hyperparams.yaml").write_text("decoder: x\n")
    measure = WordErrors(tmp_path)
    signal = torch.zeros(8000)
    assert measure(signal, {"text": "Hello, world!"}) == {"wer": 50.0, "words": 2.0}
    assert measure(signal, {}) == {"wer": None, "words": None}
    with pytest.raises(Exception, match="holds no hyperparams"):
        WordErrors(tmp_path / "none")
    items = {"x/a": {"clean": "c/a.flac"}, "b": {"clean": "c/b.wav"}}
    (tmp_path / "t.csv").write_text("ID,wrd\na,one two\nb.wav,three\n")
    texts = [
        item["text"] for item in add_transcripts(items, tmp_path / "t.csv").values()
    ]
    assert texts == ["one two", "three"]
    (tmp_path / "t.json").write_text('{"b": {"text": "four"}, "z": "five"}')
    assert add_transcripts(items, tmp_path / "t.json")["b"]["text"] == "four"
    (tmp_path / "t.json").write_text('{"z": "five"}')
    with pytest.raises(Exception, match="holds the words of no recording"):
        add_transcripts(items, tmp_path / "t.json")
