"""The VoiceBank-DEMAND recipe on a synthetic tree in its layout."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
import soundfile
import torch
from test_readme_commands import ROOT, SMALL, run, section, shrunk

from pvsd_modules.io.sound_reading import read_mono
from pvsd_modules.synthetic.corpus import write_pairs

RECIPE = ROOT / "recipes" / "VoiceBank_DEMAND"


def prepare(*words):
    main = runpy.run_path(str(RECIPE / "prepare.py"))["main"]
    return main([str(word) for word in words])


def test_noise_is_what_was_added(tmp_path, capsys):
    root, out = write_pairs(tmp_path / "vbd"), tmp_path / "M"
    options = ["--data_root", root, "--output_folder", out]
    assert prepare(*options) == 0
    lists = {path.stem: json.loads(path.read_text()) for path in out.glob("t*_*.json")}
    assert set(lists["train_speech"]) == set(lists["train_noise"])
    assert set(lists["train_speech"]) == set(lists["train_pairs"])
    speakers = {item["speaker"] for item in lists["train_speech"].values()}
    assert speakers == {"p300", "p301"}
    assert {item["speaker"] for item in lists["test_pairs"].values()} == {"p232"}
    for name, item in lists["train_noise"].items():
        noise = read_mono(item["wav"].format(noise_root=out / "noise"))
        pair = lists["train_pairs"][name]
        noisy, clean = (
            read_mono(pair[key].format(data_root=root)) for key in ("noisy", "clean")
        )
        assert torch.allclose(clean + noise, noisy, atol=2e-4)
    # An interrupted call is continued: what was written is kept, what is missing made.
    kept, gone = sorted((out / "noise").rglob("*.wav"))[:2]
    time = kept.stat().st_mtime_ns
    gone.unlink()
    (out / "train_noise.json").unlink()
    assert prepare(*options) == 0
    assert gone.is_file() and kept.stat().st_mtime_ns == time
    assert prepare(*options, "--valid_speakers", "p999") == 2
    assert prepare(*options, "--workers", "0") == 2
    none = ["--data_root", out / "noise", "--output_folder", tmp_path / "x"]
    assert prepare(*none) == 2
    error = capsys.readouterr().err
    assert "no such speaker" in error and "is below 1" in error
    assert "No pair can be used" in error


def with_shipped_student(text):
    """Settings with smaller sizes, but for those of the student and its teacher."""
    pairs = zip(text.splitlines(), shrunk(text, SMALL).splitlines(), strict=True)
    lines = [
        old if old.startswith(("student_", "teacher_")) else new for old, new in pairs
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of recipes and settings beside a corpus."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    for path in (ROOT / "hparams").rglob("*.yaml"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(with_shipped_student(path.read_text()), encoding="utf-8")
    shipped = "pvsd_modules/pretrained/offline"
    (tmp_path / shipped).mkdir(parents=True)
    shutil.copy(ROOT / shipped / "student.ckpt", tmp_path / shipped)
    write_pairs(tmp_path / "recipes" / "VoiceBank_DEMAND" / "VOICEBANK", clips=1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme(checkout, monkeypatch):
    commands = section(RECIPE / "README.md", "Train, export, evaluate")
    assert len(commands) == 6  # cd, and the five
    for words in commands:
        run(words, monkeypatch)
    results = Path("results/voicebank_demand")
    assert "pvsd" in (results / "results.md").read_text(encoding="utf-8")
    assert (Path("my_model") / "denoiser.ckpt").is_file()
    assert soundfile.info(next(Path("M/noise").rglob("*.wav"))).samplerate == 16000
