"""Real lips in place of generated ones: reading them, and the change between both."""

import numpy as np
import pytest
import torch

from pvsd_modules.inference import seen_lips
from pvsd_modules.inference.recurrent_stream import RecurrentStream
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.models.open.denoiser import OpenDenoiser
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.mouth_reader import MouthReader, moving


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    student = OpenLipGenerator(channels=16, layers=1, motions=8, lookahead_frames=2)
    denoiser = OpenDenoiser(channels=8, blocks=1)
    reader = MouthReader(motions=8, channels=16)
    return student.eval(), denoiser.eval(), reader.eval()


def test_another_face_and_light_give_the_same_motion():
    x = torch.rand(1, 60, 30)
    still = torch.rand(1, 1, 30)
    assert torch.allclose(moving(x), moving(3 * x + still), atol=1e-3)


def test_frames_beyond_the_context_change_nothing():
    torch.manual_seed(1)
    reader = MouthReader(motions=4, channels=8).eval()
    lips = torch.rand(1, 300, 48, 96, 3)
    other = lips.clone()
    other[:, 100 + reader.context + 1 :] = 0
    with torch.no_grad():
        one, two = reader(lips)[0, 100], reader(other)[0, 100]
        nearer = other.clone()
        nearer[:, 102:] = 0
        assert torch.allclose(one, two, atol=1e-5)
        assert not torch.allclose(one, reader(nearer)[0, 100], atol=1e-3)


def test_a_stream_takes_real_lips_where_they_are_seen(networks):
    student, denoiser, _ = networks
    noisy = torch.randn(1, 16000)
    share = torch.zeros(20)
    share[5:15] = 1
    weights = torch.randn(20, 8)
    seen = SeenLips(weights, share)

    def through(seen, chunk):
        stream = RecurrentStream(student, denoiser, seen=seen)
        parts = [stream.feed(piece) for piece in noisy.split(chunk, 1)]
        parts.append(stream.flush())
        return [torch.cat(x, 1) for x in zip(*parts, strict=True)]

    with torch.no_grad():
        plain_audio, plain = through(None, 16000)
        audio, lips = through(seen, 16000)
        pieces_audio, pieces = through(seen, 777)
        drawn = student.draw(weights[5:15])
    assert torch.equal(lips[0, 5:15], drawn)
    assert torch.allclose(lips[0, :5], plain[0, :5], atol=1e-6)
    assert torch.allclose(lips[0, 15:25], plain[0, 15:25], atol=1e-6)
    assert torch.allclose(pieces, lips, atol=1e-5)
    assert torch.allclose(pieces_audio, audio, atol=1e-5)
    assert not torch.allclose(audio, plain_audio, atol=1e-4)


def test_shares_stay_inside_what_is_seen_and_change_slowly():
    owner = torch.full((60,), -1)
    owner[10:30], owner[30:50] = 0, 1
    share = seen_lips._shares(owner)
    assert share[owner < 0].max() == 0
    assert share[20] == 1 and share[40] == 1 and share[30] < 0.5
    assert share.diff().abs().max() < 0.35


def test_the_mouth_that_fits_the_sound_is_taken(networks, monkeypatch):
    """Two faces; the reader is replaced by one that reads an opening off their grey."""
    student, _, _ = networks
    frames, motions = 200, 8
    random = np.random.default_rng(0)
    speech = np.convolve(random.uniform(0, 1, frames), np.ones(5) / 5, "same")
    other = np.convolve(random.uniform(0, 1, frames), np.ones(5) / 5, "same")
    boxes = np.array([[10.0, 10, 74, 74], [110.0, 10, 174, 74]])

    def pictures(info, start=None):
        for one, two in zip(other, speech, strict=True):
            picture = np.zeros((90, 190, 3), np.uint8)
            picture[10:80, 10:80], picture[10:80, 110:180] = 255 * one, 255 * two
            yield picture

    class Grey(torch.nn.Module):
        context = 10
        sizes = {"motions": motions}

        def __init__(self):
            super().__init__()
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, lips):
            grey = lips.mean((-1, -2, -3))[..., None]
            return torch.cat([grey, grey.new_zeros(*grey.shape[:2], motions - 1)], -1)

    class Info:
        start = 0.0

    monkeypatch.setattr(seen_lips, "BLOCK", 30)  # so that blocks are joined
    monkeypatch.setattr(seen_lips, "read_frames", pictures)
    monkeypatch.setattr(seen_lips, "mouth_opening", lambda lips: lips[..., 0, 0, 0])
    sound = torch.from_numpy(speech).float()
    monkeypatch.setattr(seen_lips, "_openings_of_sound", lambda *_: sound)
    monkeypatch.setattr(type(student), "draw", lambda self, w: w[..., :1, None, None])
    seen = seen_lips.see_lips(Info(), lambda picture: boxes, Grey(), student)
    inside = seen.share == 1
    assert int(inside.sum()) > 150
    grey = torch.from_numpy((255 * speech).astype(np.uint8) / 255).float()
    assert torch.allclose(seen.weights[inside, 0], grey[inside], atol=0.02)
    silent = torch.from_numpy(np.random.default_rng(5).uniform(0, 1, frames)).float()
    monkeypatch.setattr(seen_lips, "_openings_of_sound", lambda *_: silent)
    assert seen_lips.see_lips(Info(), lambda p: boxes, Grey(), student) is None


def test_another_mouth_model_draws_the_same():
    torch.manual_seed(2)
    one, two = OpenLipGenerator(motions=6).decoder, OpenLipGenerator(motions=9).decoder
    with torch.no_grad():  # the second can draw all that the first can
        two.motions[:6] = one.motions.flip(0)
    reader = MouthReader(motions=6, channels=8)
    lips = torch.rand(1, 12, 48, 96, 3)
    with torch.no_grad():
        before = one(reader(lips))
        reader.change_mouth(one, two)
        assert reader(lips).shape == (1, 12, 9)
        assert torch.allclose(two(reader(lips)), before, atol=1e-4)
