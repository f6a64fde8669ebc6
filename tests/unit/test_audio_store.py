"""The store of decoded sound."""

import json
import multiprocessing
import os
import pickle
import signal

import numpy as np
import pytest
import soundfile
import torch
from audio_files import make_store

from pvsd_modules.data import audio_store
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
    once = sum(p.stat().st_size for p in (tmp_path / "store").glob("*.int16"))
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


def sounds(folder, count):
    """Files of 0.1 s with their number as the value of all samples."""
    paths = [folder / f"{k}.wav" for k in range(count)]
    for k, path in enumerate(paths):
        soundfile.write(path, np.full(1600, (k + 1) / 100), 16000)
    return paths


def check(folder, paths):
    store = AudioStore(folder)
    for k, path in enumerate(paths):
        wanted = torch.full((1600,), (k + 1) / 100)
        assert torch.allclose(store.read(path), wanted, atol=1e-3), path
    # Nothing is stored twice, and nothing that the index does not know.
    assert sum(p.stat().st_size for p in folder.glob("*.int16")) == 3200 * len(paths)


def test_an_interrupted_store_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_store, "PARTS", 1)
    paths, folder, decoded = sounds(tmp_path, 6), tmp_path / "store", []

    def decode(path, read=audio_store.decode):
        if len(decoded) == 4:
            raise KeyboardInterrupt
        decoded.append(path)
        return read(path)

    monkeypatch.setattr(audio_store, "decode", decode)
    with pytest.raises(KeyboardInterrupt):
        AudioStore(folder).add(paths, progress=False)
    [samples], [index] = folder.glob("*.int16"), folder.glob("*.jsonl")
    with samples.open("ab") as file:  # written, not yet in the index
        file.write(bytes(500))
    with index.open("ab") as file:  # a line cut in the middle, one without samples
        lost = json.dumps([str(paths[5]), 10**6, 1600, 1, 1]) + "\n"
        file.write(lost.encode() + b'["half')
    assert set(AudioStore(folder).index) == set(decoded)
    first = list(decoded)
    decoded.clear()
    AudioStore(folder).add(paths, progress=False)
    assert set(decoded) == {str(path) for path in paths} - set(first)
    assert len(first) == 4
    check(folder, paths)


def add(folder, paths):
    AudioStore(folder).add(paths, progress=False)


def test_processes_share_a_store_and_one_may_be_killed(tmp_path):
    paths, folder = sounds(tmp_path, 60), tmp_path / "store"
    fork = multiprocessing.get_context("fork" if os.name != "nt" else "spawn")
    ranks = [fork.Process(target=add, args=(folder, paths)) for _ in range(3)]
    for rank in ranks:
        rank.start()
    os.kill(ranks[0].pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    for rank in ranks:
        rank.join(60)
    assert [rank.exitcode for rank in ranks[1:]] == [0, 0]
    check(folder, paths)


def test_a_bad_file_does_not_keep_the_others_out(tmp_path):
    paths, folder = sounds(tmp_path, 3), tmp_path / "store"
    broken = np.full(1600, 0.1, np.float32)
    broken[7] = np.inf
    soundfile.write(tmp_path / "inf.wav", broken, 16000, subtype="FLOAT")
    bad = [tmp_path / "inf.wav", tmp_path / "gone.wav"]
    with pytest.raises(PvsdError, match="2 of 5 files .*gone.wav does not exist"):
        AudioStore(folder).add(paths + bad, progress=False)
    check(folder, paths)


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audio_store._Part, "_append", full)
    with pytest.raises(PvsdError, match="No space left.*what was decoded is kept"):
        AudioStore(tmp_path / "store").add(sounds(tmp_path, 1), progress=False)


def test_a_worker_of_its_own_maps_the_files_itself(tmp_path):
    store, manifest = make_store(tmp_path, {"a": 2.0})
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    path = manifest["a"]["wav"]
    assert torch.equal(pickle.loads(sent).read(path), store.read(path))
