"""evaluate.py on a small list, with stand-ins for networks."""

import csv
import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hyperpyyaml import load_hyperpyyaml

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import Scorer, Settings, run
from pvsd_modules.evaluation.protocol import evaluate_systems
from pvsd_modules.evaluation.scoring import COLUMNS
from pvsd_modules.metrics import MEASURES
from pvsd_modules.synthetic.noise import noise_like
from pvsd_modules.synthetic.speech import utter

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "hparams" / "evaluate.yaml"
QUICK = {"measures": "[si_sdr]"}


@pytest.fixture(scope="module")
def networks():
    """The module of stand-ins, importable in processes of a pool, too."""
    folder = str(ROOT / "tests" / "interface")
    sys.path.insert(0, folder)
    import tiny_networks

    yield tiny_networks
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three recordings, one of them silent, mixed at two SNRs; pairs as well."""
    root = tmp_path_factory.mktemp("data")
    mixtures, pairs = {}, {}
    soundfile.write(root / "noise.wav", noise_like(1.5, "pink", 1), 16000)
    for i in range(3):
        wave = np.asarray(utter(1.6, speaker=i, seed=i).wave) * (i != 2)
        soundfile.write(root / f"clean{i}.wav", wave, 16000)
        mixtures[f"m{i}"] = {
            "clean": f"{{data_root}}/clean{i}.wav",
            "clean_start": 640,
            "samples": 22400,
            "noise": "{noise_root}/noise.wav",
            "noise_start": 99,
            "snr": 5.0 * (i == 1),
            "speaker": "s",
            "category": "rain, heavy",
        }
        noisy = 0.5 * wave
        soundfile.write(root / f"noisy{i}.wav", noisy, 16000)
        pairs[f"p{i}"] = {
            "clean": f"{{data_root}}/clean{i}.wav",
            "noisy": f"{{data_root}}/noisy{i}.wav",
            "length": 1.6,
            "speaker": "s",
        }
    (root / "test_mixtures.json").write_text(json.dumps(mixtures))
    (root / "test_pairs.json").write_text(json.dumps(pairs))
    frames = "{data_root}/frames"
    face = {"wav": "{data_root}/noisy0.wav", "frames": frames, "frame_count": 40}
    (root / "other_faces.json").write_text(json.dumps({"f": face}))
    return root


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "recipes/LRS3_VGGSound/evaluate.py"))


@pytest.fixture
def evaluate(data, networks, tmp_path, script):
    """``summary, rows = evaluate(denoiser, key=value, ...)``."""

    def call(denoiser="IdentityDenoiser", **settings):
        model = networks.make_folder(tmp_path / denoiser, denoiser)
        settings = {
            "manifest_folder": data,
            "data_root": data,
            "output_folder": tmp_path / "out",
            "store_folder": tmp_path / "store",
            "model": model,
            "workers": 1,
            **settings,
        }
        words = [str(SETTINGS)]
        for key, value in settings.items():
            words += [f"--{key}", str(value)]
        script["main"](words)
        folder = Path(settings["output_folder"])
        with (folder / "scores.csv").open() as file:
            rows = list(csv.DictReader(file))
        return json.loads((folder / "scores.json").read_text()), rows

    return call


def test_columns_and_scores_of_a_system_that_changes_nothing(evaluate, tmp_path):
    summary, rows = evaluate()
    assert list(rows[0]) == COLUMNS
    assert [row["file"] for row in rows] == ["m0", "m1", "m2"]
    assert rows[0]["category"] == "rain, heavy"
    assert float(rows[0]["seconds"]) == 1.4
    for row in rows[:2]:
        for name in MEASURES:
            assert float(row[name]) == pytest.approx(float(row[f"noisy_{name}"]))
    assert float(rows[1]["noisy_si_sdr"]) == pytest.approx(5.0, abs=0.5)
    assert [group["snr"] for group in summary["groups"]] == [0.0, 5.0, "all"]
    assert summary["failures"] == {"m2": "the clean signal is silent"}
    assert summary["undefined"] == {name: [] for name in MEASURES}
    assert summary["groups"][-1]["pesq_wb"]["files"] == 2
    assert rows[2]["pesq_wb"] == ""
    assert "| all | 2 |" in (tmp_path / "out" / "scores.md").read_text()


def test_identical_signals_of_pairs(evaluate):
    _, rows = evaluate(list="test_pairs")
    assert [row["file"] for row in rows] == ["p0", "p1", "p2"]
    assert rows[0]["snr"] == ""
    assert float(rows[0]["pesq_wb"]) > 4.6
    assert float(rows[0]["stoi"]) > 0.999
    assert float(rows[0]["si_sdr"]) > 50


def test_processes_give_the_same(evaluate, tmp_path):
    some = {"measures": "[stoi, si_sdr]"}
    alone = evaluate("TinyDenoiser", output_folder=tmp_path / "a", **some)
    together = evaluate(
        "TinyDenoiser", output_folder=tmp_path / "b", workers=2, trust=True, **some
    )
    assert [row["file"] for row in together[1]] == ["m0", "m1", "m2"]
    for one, other in zip(alone[1], together[1], strict=True):
        for key in ("stoi", "si_sdr", "noisy_si_sdr"):
            assert bool(one[key]) == bool(other[key])
            if one[key]:
                assert float(other[key]) == pytest.approx(float(one[key]), rel=1e-4)


def test_an_interrupted_run_goes_on(evaluate, tmp_path, monkeypatch):
    scored = []

    class Interrupted(Scorer):
        def __call__(self, name, *task):
            if name == "m1" and len(scored) == 1:
                scored.append("stop")
                raise KeyboardInterrupt
            scored.append(name)
            return super().__call__(name, *task)

    monkeypatch.setattr(run, "Scorer", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate("TinyDenoiser", **QUICK)
    _, rows = evaluate("TinyDenoiser", **QUICK)
    assert scored == ["m0", "stop", "m1", "m2"]
    _, whole = evaluate("TinyDenoiser", output_folder=tmp_path / "whole", **QUICK)
    assert rows == whole


@pytest.mark.parametrize("lips", ["none", "zeros", "held", "shuffled"])
def test_lips_change_the_score(evaluate, tmp_path, lips):
    one = {"items": 2, **QUICK}
    usual = evaluate("TinyDenoiser", output_folder=tmp_path / "a", **one)[1]
    other = evaluate("TinyDenoiser", output_folder=tmp_path / "b", lips=lips, **one)
    assert other[1][0]["si_sdr"] != usual[0]["si_sdr"]
    assert other[1][0]["noisy_si_sdr"] == usual[0]["noisy_si_sdr"]


def test_whole_recordings_and_chosen_snrs(evaluate, tmp_path):
    _, rows = evaluate("TinyDenoiser", engine="whole", snrs=[5], **QUICK)
    assert [row["file"] for row in rows] == ["m1"]
    with pytest.raises(PvsdError, match="no item"):
        evaluate(snrs=[7], output_folder=tmp_path / "other")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lips": "teacher"}, "has none"),
        ({"lips": "mine"}, "is unknown"),
        ({"engine": "fast"}, "is unknown"),
        ({"workers": 0}, "must be 1 or more"),
        ({"list": "test_nothing"}, "does not exist"),
        ({"lips": "real", "faces": "other_faces"}, "needs the frames of"),
    ],
)
def test_mistakes_are_sentences(evaluate, settings, words):
    with pytest.raises(PvsdError, match=words):
        evaluate(**settings)


@pytest.fixture
def protocol(data, networks, tmp_path, script, capsys):
    """``code, results, printed = protocol(name, key=value, ...)``."""

    def call(name, **settings):
        settings = {
            "data_root": data,
            "model": networks.make_folder(tmp_path / "tiny"),
            "output_folder": tmp_path / "out",
            "measures": "[si_sdr]",
            "workers": 1,
            **settings,
        }
        words = [str(ROOT / f"hparams/protocols/{name}.yaml")]
        for key, value in settings.items():
            words += [f"--{key}", str(value)]
        code = script["main"](words)
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        return code, results, capsys.readouterr().out

    return call


def overall(results, system):
    return results["systems"][system]["groups"][-1]["si_sdr"]


def test_the_papers_protocol(protocol, data, tmp_path):
    cv2 = pytest.importorskip("cv2")
    frames = tmp_path / "frames"
    frames.mkdir()
    for k in range(40):
        picture = np.full((96, 96, 3), 6 * k, np.uint8)
        cv2.imwrite(str(frames / f"{k}.jpg"), picture)
    faces = {
        f"f{i}": {
            "wav": f"{{data_root}}/clean{i}.wav",
            "frames": str(frames),
            "frame_count": 40,
        }
        for i in range(3)
    }
    (tmp_path / "test_faces.json").write_text(json.dumps(faces))
    mixtures = (data / "test_mixtures.json").read_text()
    (tmp_path / "test_mixtures.json").write_text(mixtures)
    folders = {"manifest_folder": tmp_path, "noise_root": data}
    code, results, printed = protocol("paper", **folders)
    assert code == 1  # the silent one
    assert list(results["systems"]) == ["audio only", "pseudo lips", "real lips"]
    means = [overall(results, name)["mean"] for name in results["systems"]]
    assert len(set(means)) == 3
    difference = results["comparisons"]["real lips"]["groups"][-1]["si_sdr"]
    assert difference["difference"] == pytest.approx(means[2] - means[0])
    rows = [line.split("|")[1:3] for line in printed.splitlines() if "| " in line]
    systems = ["noisy", "audio only", "pseudo lips", "real lips"]
    assert [name.strip() for snr, name in rows if snr.strip() == "all"][:4] == systems
    assert (tmp_path / "out/audio_only.csv").is_file()
    assert not list((tmp_path / "out").glob("*.part"))


def test_the_open_protocol_beside_another_program(protocol, data, tmp_path):
    for i in range(3):
        (tmp_path / "theirs").mkdir(exist_ok=True)
        wave = soundfile.read(data / f"clean{i}.wav")[0][640:23040]
        soundfile.write(tmp_path / f"theirs/m{i}.wav", wave, 16000)
    settings = {"list": data / "test_mixtures.json", "enhanced": tmp_path / "theirs"}
    code, results, printed = protocol("open", cluster="speaker", **settings)
    assert code == 1 and list(results["systems"]) == [
        "no lips",
        "pseudo lips",
        "theirs",
    ]
    assert overall(results, "theirs")["mean"] > 40
    assert results["comparisons"]["theirs"]["groups"][-1]["si_sdr"]["clusters"] == 1
    assert "theirs minus no lips:" in printed


def test_the_open_protocols_list_is_here(script):
    settings = yaml_of("open")
    path = script["manifest_path"](settings["list"], settings)
    mixtures = json.loads(path.read_text())
    assert len(mixtures) == 400
    assert {item["snr"] for item in mixtures.values()} >= {-5.0, 0.0, 5.0, 10.0}


def yaml_of(name):
    text = (ROOT / f"hparams/protocols/{name}.yaml").read_text()
    return load_hyperpyyaml(text, {"data_root": "D"})


@pytest.mark.parametrize(
    ("name", "noisy", "clean"),
    [
        (
            "voicebank_demand",
            "noisy_testset_wav/p232_00{}",
            "clean_testset_wav/p232_00{}",
        ),
        ("dns2020", "noisy/clnsp1_1_snr5_tl-2_fileid_{}", "clean/clean_fileid_{}"),
    ],
)
def test_protocols_of_folders(protocol, data, tmp_path, name, noisy, clean):
    for i in range(2):
        for pattern, source in ((noisy, f"noisy{i}"), (clean, f"clean{i}")):
            target = tmp_path / "corpus" / f"{pattern.format(i)}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / f"{source}.wav", target)
    code, results, _ = protocol(name, data_root=tmp_path / "corpus")
    assert code == 0
    assert overall(results, "pvsd")["files"] == 2
    levels = [group["snr"] for group in results["systems"]["pvsd"]["groups"]]
    assert levels == ([5.0, "all"] if name == "dns2020" else ["all"])


def test_systems_that_are_not_described(data, tmp_path):
    for systems, words in (
        ({}, "at least one"),
        ({"a": {"lips": "none"}}, "needs a model"),
        ({"a": {"model": "offline", "enhanced": "x"}}, "needs a model"),
        ({"a": {"modell": "offline"}}, "takes engine"),
        (
            {"a b": {"model": "offline"}, "a-b": {"model": "offline"}},
            "differ in their letters",
        ),
    ):
        with pytest.raises(PvsdError, match=words):
            evaluate_systems({"x": {}}, systems, Settings(), tmp_path)
