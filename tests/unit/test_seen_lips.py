"""Real lips in place of generated ones: reading them, and the change between both."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from pvsd_modules.alignment import frame_count
from pvsd_modules.faces.tracking import crop_face, smooth_track
from pvsd_modules.inference import mouths, seen_lips
from pvsd_modules.inference.mouths import Mouths
from pvsd_modules.inference.recurrent_stream import RecurrentStream
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.io.media import probe
from pvsd_modules.io.sound_reading import read_mono, sound_blocks
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.metrics.mouth import mouth_opening
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.mouth_reader import MouthReader, moving
from pvsd_modules.models.open.wide_denoiser import WideDenoiser


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """What `probe` says of two seconds of pictures and noise."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    random = np.random.default_rng(4)
    frames = random.uniform(0, 1, (50, 48, 96, 3)).astype(np.float32)
    sound = random.normal(0, 0.1, (2, 2 * 44100)).astype(np.float32)
    write_lips([(frames, sound)], 44100, path, enlarge=1)
    return probe(path)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    student = OpenLipGenerator(channels=16, layers=1, motions=8, lookahead_frames=2)
    denoiser = WideDenoiser(channels=8, full_band_channels=16)
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


class Grey(torch.nn.Module):
    """A reader that reads an opening off the grey of a picture."""

    context = 10
    sizes = {"motions": 8}

    def __init__(self):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.read = []

    def forward(self, lips):
        self.read.append(lips[0])
        grey = lips.mean((-1, -2, -3))[..., None]
        return torch.cat([grey, grey.new_zeros(*grey.shape[:2], 7)], -1)


def test_pictures_that_pass_once_are_cropped_as_by_the_whole_track(monkeypatch):
    """A face that moves, is missed once, goes for long, and comes back."""
    random = np.random.default_rng(3)
    pictures = random.integers(0, 255, (160, 90, 120, 3), dtype=np.uint8)
    boxes = {}
    for index in range(0, 160, 5):
        if index != 35 and not 80 <= index < 100:
            left, top = 20 + index / 4 + random.normal(), 12 + random.normal()
            boxes[index] = np.array([[left, top, left + 40, top + 48]])
    looks = iter(range(0, 160, 5))
    reader = Grey()
    found = Mouths(lambda picture: boxes.get(next(looks), np.empty((0, 4))), reader)
    for picture in pictures:
        found.look(picture)
    one, two = found.end()
    assert found.count == 160
    assert (one.first, one.last, two.first, two.last) == (0, 75, 100, 155)
    for mouth, lips in zip((one, two), reader.read, strict=True):
        track = {i - mouth.first: box[0] for i, box in boxes.items()}
        track = {i: box for i, box in track.items() if 0 <= i <= len(lips)}
        smooth = smooth_track(track, len(lips))
        shown = pictures[mouth.first : mouth.last + 1]
        whole = [crop_face(*pair)[48:] for pair in zip(shown, smooth, strict=True)]
        assert np.allclose(lips.numpy() * 255, np.stack(whole), atol=1)


def test_the_mouth_that_fits_the_sound_is_taken(networks, video, monkeypatch):
    """Two faces, whose grey is their opening."""
    student, _, _ = networks
    frames = 200
    random = np.random.default_rng(0)
    speech = np.convolve(random.uniform(0, 1, frames), np.ones(5) / 5, "same")
    other = np.convolve(random.uniform(0, 1, frames), np.ones(5) / 5, "same")
    boxes = np.array([[10.0, 10, 74, 74], [110.0, 10, 174, 74]])

    def pictures(*_):
        for one, two in zip(other, speech, strict=True):
            picture = np.zeros((90, 190, 3), np.uint8)
            picture[10:80, 10:80], picture[10:80, 110:180] = 255 * one, 255 * two
            yield picture

    monkeypatch.setattr(mouths, "BLOCK", 30)  # so that blocks are joined
    monkeypatch.setattr(seen_lips, "read_frames", pictures)
    monkeypatch.setattr(seen_lips, "mouth_opening", lambda lips: lips[..., 0, 0, 0])
    sound = torch.from_numpy(speech).float()
    monkeypatch.setattr(seen_lips._GeneratedMouth, "openings", lambda _: sound)
    monkeypatch.setattr(type(student), "draw", lambda self, w: w[..., :1, None, None])
    seen = seen_lips.see_lips(video, lambda picture: boxes, Grey(), student)
    inside = seen.share == 1
    assert int(inside.sum()) > 150
    grey = torch.from_numpy((255 * speech).astype(np.uint8) / 255).float()
    assert torch.allclose(seen.weights[inside, 0], grey[inside], atol=0.02)
    silent = torch.from_numpy(np.random.default_rng(5).uniform(0, 1, frames)).float()
    monkeypatch.setattr(seen_lips._GeneratedMouth, "openings", lambda _: silent)
    assert seen_lips.see_lips(video, lambda p: boxes, Grey(), student) is None


def test_openings_of_blocks_are_those_of_the_whole_sound(networks, video):
    student, _, _ = networks
    heard = seen_lips._GeneratedMouth(video, student)
    with torch.no_grad():
        for block in sound_blocks(video, 7001):
            heard.hear(block)
        wav = read_mono(video)
        missing = (student.lookahead_frames + frame_count(len(wav))) * 640
        missing -= len(wav)
        lips, _ = student.encode(functional.pad(wav, (320, missing))[None])
        whole = mouth_opening(student.draw(lips))[0, student.lookahead_frames :]
    assert torch.allclose(heard.openings(), whole, atol=1e-4)


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
