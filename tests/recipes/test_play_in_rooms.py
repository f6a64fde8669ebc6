"""play_in_rooms.py makes the same recordings of any manifests, at the SNRs it names."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.synthetic.noise import noise_like
from pvsd_modules.synthetic.speech import utter

SCRIPT = Path(__file__).resolve().parents[2] / "recipes/LRS3_VGGSound/play_in_rooms.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    """A folder with manifests, sound and two responses of one room."""
    root = tmp_path_factory.mktemp("data")
    soundfile.write(root / "said.wav", utter(1.2, speaker=1, seed=1).wave, 16000)
    soundfile.write(root / "rain.wav", noise_like(2.0, "pink", 1), 16000)
    for k in range(2):
        tail = np.random.default_rng(k).normal(0, 0.1, 3200)
        tail *= np.exp(-np.arange(3200) / 600)
        tail[30] = 1.0
        soundfile.write(root / f"place{k}.wav", tail, 16000)
    items = {
        "speech": {"s": {"wav": "{data_root}/said.wav", "speaker": "me"}},
        "noise": {"n": {"wav": "{noise_root}/rain.wav", "category": "rain"}},
        "rooms": {
            f"r{k}": {"wav": f"{{rooms_root}}/place{k}.wav", "room": "hall"}
            for k in range(2)
        },
    }
    for kind, content in items.items():
        (root / f"test_{kind}.json").write_text(json.dumps(content))
    return root


def test_recordings_and_their_conditions(script, manifests, tmp_path):
    for name in "ab":
        words = ["--manifest_folder", manifests, "--data_root", manifests]
        words += ["--count", 6, "--output_folder", tmp_path / name]
        script["main"]([str(word) for word in words])
    with (tmp_path / "a" / "conditions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["snr"] for row in rows] == ["0", "5", "10", "15", "20", "0"]
    assert {(row["category"], row["speaker"], row["room"]) for row in rows} == {
        ("rain", "me", "hall")
    }
    for row in rows:
        path = tmp_path / "a" / "noisy" / f"{row['file']}.wav"
        assert (
            path.read_bytes()
            == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
        )
        wave = soundfile.read(path)[0]
        assert 16000 < len(wave) <= 160000 and -45 < 20 * np.log10(wave.std()) < -15
    with pytest.raises(PvsdError, match="exists"):
        script["main"]([str(word) for word in words])


def test_the_noise_is_at_the_snr_it_is_said_to_be(script):
    random = np.random.default_rng(0)
    speech = torch.sin(torch.arange(16000) * 0.3)
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(0))
    here = [torch.tensor([0.0, 1.0, 0.0])] * 2
    for snr in (0, 20):
        made = script["record"](speech, noise, here, snr, random).double()
        wave = speech[: len(made)].double()
        made = made[: len(wave)]
        rest = made - (made @ wave) / (wave @ wave) * wave
        found = 10 * torch.log10((made - rest).square().sum() / rest.square().sum())
        assert float(found) == pytest.approx(snr, abs=0.5)
