"""SyncNet with weights of chance: shapes, preparation, and files that do not fit."""

import math

import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.lip_sync import (
    lip_sync_error,
    mel_cepstra,
    shifted_distances,
    whole_faces,
)
from pvsd_modules.evaluation.syncnet import SyncNet, load_syncnet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SyncNet().eval()


def test_layout_is_that_of_the_published_weights(network):
    state = network.state_dict()
    shapes = {
        "netcnnaud.0.weight": (64, 1, 3, 3),
        "netcnnaud.4.weight": (192, 64, 3, 3),
        "netcnnaud.18.weight": (512, 256, 5, 4),
        "netcnnlip.0.weight": (96, 3, 5, 7, 7),
        "netcnnlip.4.weight": (256, 96, 1, 5, 5),
        "netcnnlip.18.weight": (512, 256, 1, 6, 6),
        "netcnnlip.19.running_var": (512,),
        "netfcaud.3.weight": (1024, 512),
        "netfclip.1.weight": (512,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert sum(p.numel() for p in network.parameters()) == 13631616


@torch.no_grad()
def test_a_clip_at_once_is_window_by_window(network):
    pictures = 255 * torch.rand(7, 3, 224, 224)
    seen = network.embed_pictures(pictures)
    assert seen.shape == (3, 1024)
    assert torch.allclose(seen[2:], network.embed_pictures(pictures[2:]), atol=1e-4)


def test_cepstra_of_a_tone_and_of_silence():
    time = torch.arange(16000) / 16000
    tone = mel_cepstra(0.5 * torch.sin(2 * math.pi * 1000 * time))
    assert tone.shape == (13, 99)
    # Power of the pre-emphasised tone over 400 samples, by Parseval over half a DFT.
    gain = 1 + 0.97**2 - 2 * 0.97 * math.cos(2 * math.pi / 16)
    energy = math.log(200 * (16384**2) * gain / 2)
    assert float(tone[0, 50]) == pytest.approx(energy, abs=0.01)
    silence = mel_cepstra(torch.zeros(4000))
    assert torch.isfinite(silence).all()
    assert silence[1:].abs().max() < 1e-9
    assert mel_cepstra(torch.zeros(1)).shape == (13, 1)


def test_faces_are_large_blue_first_and_in_bytes():
    lips = torch.tensor([1.0, 0.5, 0.0]).expand(2, 48, 96, 3)
    faces = whole_faces(lips, torch.zeros(48, 96, 3))
    assert faces.shape == (2, 3, 224, 224)
    assert faces[0, :, 200, 100].tolist() == pytest.approx([0, 127.5, 255])
    assert faces[0, :, :100].abs().max() == 0
    assert whole_faces(lips)[0, :, :100].std() > 1  # a drawn upper half


def test_distance_is_least_where_sound_and_picture_fit():
    seen = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    distances = shifted_distances(seen, seen.roll(-2, 0), reach=5)
    assert len(distances) == 11
    assert int(distances.argmin()) == 3


def test_errors_of_a_clip(network):
    lips = torch.rand(9, 48, 96, 3)
    scores = lip_sync_error(network, lips, torch.rand(9 * 640) - 0.5)
    assert scores["lse_d"] > 0 and scores["lse_c"] >= 0
    short = lip_sync_error(network, lips[:5], torch.rand(5 * 640))
    assert short == {"lse_d": None, "lse_c": None}


def test_files_of_weights(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "sync.model")
    loaded = load_syncnet(tmp_path / "sync.model")
    assert not loaded.training
    assert torch.equal(loaded.netfclip[0].weight, network.netfclip[0].weight)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.model")
    with pytest.raises(PvsdError, match="other.model does not fit SyncNet"):
        load_syncnet(tmp_path / "other.model")
    (tmp_path / "page.model").write_text("<html>")
    with pytest.raises(PvsdError, match="is no file of weights"):
        load_syncnet(tmp_path / "page.model")
    with pytest.raises(PvsdError, match="does not exist"):
        load_syncnet(tmp_path / "none.model")
