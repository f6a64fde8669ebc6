"""evaluate_lips.py on two synthetic mixtures and one synthetic talking face."""

import csv
import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.syncnet import SyncNet
from pvsd_modules.synthetic.face import face_frames
from pvsd_modules.synthetic.noise import noise_like
from pvsd_modules.synthetic.speech import utter

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "hparams" / "evaluate_lips.yaml"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder whose student is also its teacher."""
    folder = str(ROOT / "tests" / "interface")
    sys.path.insert(0, folder)
    import tiny_networks

    made = tiny_networks.make_folder(tmp_path_factory.mktemp("model") / "tiny")
    text = (made / "hyperparams.yaml").read_text()
    text = text.replace("modules:", "teacher: !new:tiny_networks.TinyStudent\nmodules:")
    text = text.replace("  student:", "  teacher: !ref <teacher>\n  student:", 1)
    (made / "hyperparams.yaml").write_text(text)
    yield made
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Manifests and what they list."""
    root = tmp_path_factory.mktemp("data")
    mixtures = {}
    soundfile.write(root / "noise.wav", noise_like(1.0, "pink", 1), 16000)
    for i in range(2):
        said = utter(1.2, speaker=i, seed=i)
        soundfile.write(root / f"clean{i}.wav", said.wave, 16000)
        mixtures[f"m{i}"] = {
            "clean": f"{{data_root}}/clean{i}.wav",
            "clean_start": 0,
            "samples": 16000,
            "noise": "{noise_root}/noise.wav",
            "noise_start": 7,
            "snr": 0.0 if i == 0 else -5.0,
            "category": "rain",
        }
    clip = root / "faces" / "clip"
    clip.mkdir(parents=True)
    said = utter(1.2, speaker=0, seed=5)
    soundfile.write(clip / "audio.wav", said.wave, 16000)
    frames = list(face_frames(said.opening, 0, 96))
    for k, picture in enumerate(frames):
        cv2.imwrite(str(clip / f"{k}.jpg"), np.asarray(picture)[..., ::-1])
    face = {
        "wav": "{data_root}/clip/audio.wav",
        "frames": "{data_root}/clip",
        "frame_count": len(frames),
    }
    (root / "test_mixtures.json").write_text(json.dumps(mixtures))
    (root / "test_faces.json").write_text(json.dumps({"clip": face}))
    entry = {**mixtures["m0"], "clean": "{data_root}/clip/audio.wav"}
    entry["noise"] = str(root / "noise.wav")
    (root / "real_mixtures.json").write_text(json.dumps({"r": entry}))
    entry = {**entry, "clean": str(root / "clean0.wav")}
    (root / "stray_mixtures.json").write_text(json.dumps({"r": entry}))
    return root


@pytest.fixture
def evaluate(data, model, tmp_path):
    """``summary, rows = evaluate(key=value, ...)``."""
    script = runpy.run_path(str(ROOT / "recipes/LRS3_VGGSound/evaluate_lips.py"))

    def call(**settings):
        settings = {
            "manifest_folder": data,
            "data_root": data,
            "faces_root": data / "faces",
            "output_folder": tmp_path / "out",
            "model": model,
            **settings,
        }
        words = [str(SETTINGS)]
        for key, value in settings.items():
            words += [f"--{key}", str(value)]
        script["main"](words)
        with (tmp_path / "out" / "lips.csv").open() as file:
            rows = list(csv.DictReader(file))
        return json.loads((tmp_path / "out" / "lips.json").read_text()), rows

    return call


def test_all_comparisons(evaluate, tmp_path):
    summary, rows = evaluate()
    assert summary["model"] == "tiny"  # not its folders
    assert [(row["comparison"], row["file"], row["snr"]) for row in rows] == [
        ("student-teacher", "m0", "0.0"),
        ("student-teacher", "m1", "-5.0"),
        ("teacher-real", "clip", ""),
        ("student-real", "clip", ""),
    ]
    assert rows[0]["category"] == "rain" and rows[0]["frames"] == "25"
    # Student and teacher are one here, so that on clean speech they draw the same.
    for key in ("opening", "psnr", "lag_ms"):
        assert rows[2][key] == rows[3][key]
    assert float(rows[0]["opening"]) < 1
    groups = summary["comparisons"]["student-teacher"]
    assert [group["snr"] for group in groups] == [-5.0, 0.0, "all"]
    assert "| -5 | 1 |" in (tmp_path / "out" / "lips.md").read_text()
    for judge in ("teacher", "real"):
        assert (tmp_path / "out" / f"lips_{judge}.png").stat().st_size > 2000


def test_mixed_again_at_other_levels(evaluate):
    _, rows = evaluate(comparisons="[student-teacher]", snrs="[-10, 40]")
    assert [(row["file"], row["snr"]) for row in rows] == [
        ("m0", "-10.0"), ("m0", "40.0"), ("m1", "-10.0"), ("m1", "40.0"),
    ]  # fmt: skip
    assert float(rows[1]["opening"]) > float(rows[0]["opening"])
    assert float(rows[1]["psnr"]) > float(rows[0]["psnr"])


def test_real_lips_of_noisy_sound(evaluate):
    _, rows = evaluate(comparisons="[student-real]", real_list="real_mixtures")
    assert [(row["file"], row["snr"]) for row in rows] == [("r", "0.0")]


def test_lip_sync_errors_with_weights(evaluate, tmp_path):
    torch.manual_seed(0)
    torch.save(SyncNet().state_dict(), tmp_path / "sync.model")
    _, rows = evaluate(comparisons="[teacher-real]", syncnet=tmp_path / "sync.model")
    assert float(rows[0]["lse_d"]) > 0 and float(rows[0]["wanted_lse_d"]) > 0
    assert "LSE-D" in (tmp_path / "out" / "lips.md").read_text()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"comparisons": "[student-nobody]"}, "is unknown"),
        ({"syncnet": "missing.model"}, "does not exist"),
        ({"comparisons": "[student-real]", "real_list": "stray_mixtures"}, "Real lips"),
        ({"faces": "no_faces"}, "does not exist"),
    ],
)
def test_mistakes_are_sentences(evaluate, settings, words):
    with pytest.raises(PvsdError, match=words):
        evaluate(**settings)
