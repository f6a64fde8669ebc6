"""The store of decoded sound."""

import os

import numpy as np
import pytest
import soundfile
import torch
from audio_files import make_store

from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.errors import PvsdError


def test_slices_are_those_of_the_file(tmp_path):
    store, manifest = make_store(tmp_path, {"a": 0.3, "b": 0.2})
    path = manifest["b"]["wav"]
    wanted = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
    assert store.samples(path) == 3200
    assert torch.allclose(store.read(path), wanted, atol=1e-4)
    assert torch.equal(store.read(path, 1000, 50), store.read(path)[1000:1050])
    assert len(store.read(path, 3000, 500)) == 200  # shorter at the end


def test_any_rate_and_channels_become_16_khz_mono(tmp_path):
    tone = np.sin(2 * np.pi * 440 * np.arange(4800) / 48000)
    path = tmp_path / "tone.flac"
    soundfile.write(path, np.stack([0.8 * tone, 0.4 * tone], 1), 48000)
    store = AudioStore(tmp_path / "store")
    store.add([path], progress=False)
    wanted = 0.6 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16000)
    got = store.read(path).numpy()
    assert got.shape == (1600,)
    assert np.abs(got - wanted)[100:-100].max() < 5e-3


def test_a_changed_file_is_decoded_again(tmp_path):
    store, manifest = make_store(tmp_path, {"a": 0.1})
    path = manifest["a"]["wav"]
    before = store.read(path)
    size = os.stat(path).st_size
    store.add([path], progress=False)
    once = os.path.getsize(tmp_path / "store" / "audio.int16")
    soundfile.write(path, 0.5 * np.ones(1600), 16000)
    os.utime(path, ns=(1, 1))
    assert os.stat(path).st_size == size  # only the time tells
    store.add([path], progress=False)
    after = AudioStore(tmp_path / "store").read(path)
    assert once == 3200
    assert not torch.allclose(before, after, atol=0.1)
    assert torch.allclose(after, torch.full((1600,), 0.5), atol=1e-3)


def test_unknown_and_empty_files_are_told(tmp_path):
    store, _ = make_store(tmp_path, {"a": 0.1})
    with pytest.raises(PvsdError, match="b.wav is not in the audio store"):
        store.read("b.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(PvsdError, match="holds no s"):
        store.add([tmp_path / "empty.wav"], progress=False)


def test_what_fails_to_decode_leaves_the_rest_readable(tmp_path):
    store, manifest = make_store(tmp_path, {"a": 0.1})
    path = manifest["a"]["wav"]
    before = store.read(path)
    soundfile.write(tmp_path / "c.wav", np.zeros(100), 16000)
    soundfile.write(tmp_path / "d.wav", np.zeros(0), 16000)
    with pytest.raises(PvsdError):
        store.add([tmp_path / "c.wav", tmp_path / "d.wav"], progress=False)
    again = AudioStore(tmp_path / "store")
    assert torch.equal(again.read(path), before)
    soundfile.write(tmp_path / "d.wav", 0.25 * np.ones(100), 16000)
    again.add([tmp_path / "c.wav", tmp_path / "d.wav"], progress=False)
    assert torch.allclose(again.read(tmp_path / "d.wav"), torch.tensor(0.25), atol=1e-3)
