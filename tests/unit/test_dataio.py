"""Data sets: the same batch with any number of workers, lips that fit the sound."""

import json

import cv2
import numpy as np
import pytest
import torch
from audio_files import make_store
from speechbrain.dataio.dataloader import make_dataloader

from pvsd_modules.data.datasets import load_manifest, mixing_dataset, mixture_dataset
from pvsd_modules.data.lips import (
    clip_median,
    cut_frames,
    median_frame,
    read_face,
    read_lips,
    read_segment,
)
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError


@pytest.fixture
def files(tmp_path):
    lengths = {"a": 1.0, "b": 0.5, "c": 0.8, "d": 0.7, "noise": 0.2}
    store, manifest = make_store(tmp_path, lengths)
    noise = {"noise": manifest.pop("noise")}
    return store, manifest, noise


def batches(files, workers, epoch):
    store, speech, noise = files
    mixer = TrainingMixer(store, speech, noise, 0.4, bursts=True, seed=1)
    dataset = mixing_dataset(speech, mixer)
    loader = make_dataloader(dataset, batch_size=2, num_workers=workers)
    mixer.epoch = epoch
    return [
        (list(batch.id), batch.noisy_sig.data, batch.clean_sig.data) for batch in loader
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(files, workers):
    alone, helped = batches(files, 0, 3), batches(files, workers, 3)
    assert len(alone) == len(helped) == 2
    for a, b in zip(alone, helped, strict=True):
        assert a[0] == b[0]
        assert torch.equal(a[1], b[1]) and torch.equal(a[2], b[2])


def test_another_epoch_is_another_mixture(files):
    a, b = batches(files, 0, 3), batches(files, 0, 4)
    assert a[0][0] == b[0][0] and not torch.equal(a[0][1], b[0][1])


def test_an_epoch_reaches_workers_of_a_loader_made_before(files):
    # Brain makes the loader first and names the epoch later, epoch after epoch.
    store, speech, noise = files
    mixer = TrainingMixer(store, speech, noise, 0.4)
    loader = make_dataloader(mixing_dataset(speech, mixer), num_workers=1)
    found = []
    for mixer.epoch in (1, 2):
        found.append(next(iter(loader)).noisy_sig.data)
    assert not torch.equal(*found)


def mixture(files, **changes):
    store, speech, noise = files
    item = {
        "clean": speech["a"]["wav"],
        "clean_start": 1600,
        "samples": 8000,
        "noise": noise["noise"]["wav"],
        "noise_start": 100,
        "snr": 5,
        **changes,
    }
    return {"x": item}


def test_valid_mixtures_are_fixed_and_exact(files):
    store = files[0]
    dataset = mixture_dataset(mixture(files), store)
    first, again = dataset[0], dataset[0]
    assert torch.equal(first["noisy_sig"], again["noisy_sig"])
    assert torch.equal(first["clean_sig"], store.read(files[1]["a"]["wav"], 1600, 8000))
    noise = first["noisy_sig"] - first["clean_sig"]
    assert len(noise) == 8000
    assert torch.allclose(noise[:3200], noise[3200:6400], atol=1e-5)  # looped
    snr = 10 * torch.log10(first["clean_sig"].square().sum() / noise.square().sum())
    assert float(snr) == pytest.approx(5.0, abs=1e-3)


def test_pairs_are_read_as_they_are(files):
    store, speech, _ = files
    pair = {"x": {"clean": speech["a"]["wav"], "noisy": speech["b"]["wav"]}}
    item = mixture_dataset(pair, store)[0]
    assert torch.equal(item["noisy_sig"], store.read(speech["b"]["wav"]))
    assert len(item["clean_sig"]) == len(item["noisy_sig"]) == 8000


@pytest.fixture
def clip(tmp_path):
    """25 frames; frame k is grey 10 k, its reddest place at the bottom left."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for k in range(25):
        image = np.full((96, 96, 3), 10 * k, np.uint8)
        image[:48] = 255
        image[80:, :16] = (0, 0, 255)  # OpenCV's order: red
        cv2.imwrite(str(folder / f"{k}.jpg"), image)
    return folder


def test_lips_are_the_lower_half_in_red_green_blue(clip):
    lips = read_lips(clip, 25)
    assert lips.shape == (25, 48, 96, 3) and lips.dtype == torch.float32
    grey = lips[:, :20, 40:].mean((1, 2, 3))
    assert torch.allclose(grey, torch.arange(25) * 10 / 255, atol=0.01)
    red, green, blue = lips[3, 40, 6]
    assert red > 0.8 and green < 0.2 and blue < 0.2
    (clip / "7.jpg").write_text("no picture")
    with pytest.raises(PvsdError, match="7.jpg is missing or broken"):
        read_lips(clip, 25)


def test_faces_are_whole(clip):
    face = read_face(clip / "0.jpg")
    assert face.shape == (96, 96, 3) and face[10, 50].min() > 0.9
    assert face[60, 50].max() < 0.1 and face[90, 6].tolist()[0] > 0.8
    assert read_face(None) is None
    with pytest.raises(PvsdError, match="no picture"):
        read_face(clip / "99.jpg")


def test_frames_of_a_stretch():
    frames = torch.arange(5.0)[:, None, None, None].expand(-1, 48, 96, 3)
    cut = cut_frames(frames, 1280, 1281)
    assert cut[:, 0, 0, 0].tolist() == [2.0, 3.0, 4.0]
    assert cut_frames(frames, 2560, 1920)[:, 0, 0, 0].tolist() == [4.0, 4.0, 4.0]
    assert median_frame(frames / 255)[0, 0, 0] == pytest.approx(2 / 255)


def test_a_segment_reads_its_frames_only(clip):
    everything = read_lips(clip, 25)
    wanted = cut_frames(everything, 22 * 640, 5 * 640)
    for k in range(22):
        (clip / f"{k}.jpg").write_text("no picture")
    assert torch.equal(read_segment(clip, 25, 22 * 640, 5 * 640), wanted)


def test_the_median_of_a_clip_is_taken_once(clip, tmp_path):
    median = clip_median(clip, 25)
    assert torch.equal(median, median_frame(read_lips(clip, 25)))
    (clip / "0.jpg").write_text("no picture")
    assert torch.equal(clip_median(clip, 25), median)
    assert {p.suffix for p in clip.iterdir()} == {".jpg", ".png"}


def test_real_lips_fit_the_segment(files, clip):
    store, speech, _ = files
    speech = {"a": {**speech["a"], "frames": str(clip), "frame_count": 25}}
    mixer = TrainingMixer(store, speech, None, 0.2, join=False)
    dataset = mixing_dataset(speech, mixer, real_lips=True)
    starts = set()
    for mixer.epoch in range(8):
        item = dataset[0]
        start = mixer("a", speech["a"]["wav"])[2]
        levels = (item["lips"][:, 10, 50, 0] * 25.5).round().int().tolist()
        assert levels == [start // 640 + k for k in range(5)]
        face = round(float(item["face"][60, 50, 0]) * 25.5)
        assert face not in levels and 0 <= face < 25
        starts.add((start, face))
    assert len(starts) > 4


def test_a_clip_no_longer_than_a_segment_still_has_a_face(files, clip):
    store, speech, _ = files
    speech = {"a": {**speech["a"], "frames": str(clip), "frame_count": 25}}
    mixer = TrainingMixer(store, speech, None, 1.0, join=False)
    item = mixing_dataset(speech, mixer, real_lips=True)[0]
    assert item["face"].shape == (96, 96, 3) and len(item["lips"]) == 25


def test_manifests_that_are_missing_or_empty_are_told(tmp_path):
    with pytest.raises(PvsdError, match="run prepare.py first"):
        load_manifest(tmp_path / "no.json")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(PvsdError, match="lists nothing"):
        load_manifest(tmp_path / "empty.json")
    text = '{"x": {"wav": "{data_root}/a.wav", "noise": "{noise_root}/b.wav"}}'
    (tmp_path / "x.json").write_text(text)
    for far in ("../b.wav", "{data_root}/../b.wav", "/other/b.wav", "/speechless/b"):
        stranger = {"x": {"clean": "{data_root}/a.wav", "noise": far}}
        (tmp_path / "far.json").write_text(json.dumps(stranger))
        with pytest.raises(PvsdError, match="x names .* in none of the folders"):
            load_manifest(tmp_path / "far.json", "/speech")
    load_manifest(tmp_path / "far.json", "/speech", "/speechless")
    item = load_manifest(tmp_path / "x.json", "/speech", "/noise")["x"]
    assert item["wav"] == "/speech/a.wav" and item["noise"] == "/noise/b.wav"
