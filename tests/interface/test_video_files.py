"""Videos and containers: pictures untouched, sound in its place, lips to look at."""

import av
import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.io.media import probe
from pvsd_modules.io.sound_reading import read_audio
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.io.video_writing import write_lips

RATE = 44100
CLICKS = [0.3, 0.9, 1.7]  # seconds


def clicking_sound(seconds=2.0, rate=RATE):
    """Bursts of 1 kHz, whose beginnings survive any sound encoder."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros_like(time)
    for click in CLICKS:
        inside = (time >= click) & (time < click + 0.1)
        sound[inside] = 0.5 * np.sin(2 * np.pi * 1000 * (time[inside] - click))
    return sound.astype(np.float32)


def moving_frames(count=50):
    """Grey frames, brighter from one to the next."""
    levels = np.linspace(0, 1, count, dtype=np.float32)
    return np.broadcast_to(levels[:, None, None, None], (count, 48, 96, 3))


@pytest.fixture(scope="module")
def make_video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")

    def make(name, sound=None):
        sound = clicking_sound() if sound is None else sound
        write_lips([(moving_frames(), sound)], RATE, folder / name, enlarge=1)
        return folder / name

    return make


def picture_packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def onsets(sound, rate):
    """Beginnings of the bursts in seconds."""
    loud = np.abs(sound) > 0.1
    begins = [
        i for i in np.flatnonzero(loud) if not loud[max(i - rate // 20, 0) : i].any()
    ]
    return np.array(begins) / rate


@pytest.mark.parametrize("name", ["a.mp4", "B.MP4", "a.mkv", "a.avi", "a.mpg", "a.mov"])
def test_pictures_are_untouched_and_sound_stays_in_place(
    pvsd, make_video, tmp_path, name
):
    source, output = make_video(name), tmp_path / name
    code, _, complaints = pvsd("enhance", source, "-o", output)
    assert (code, complaints) == (0, "")
    assert picture_packets(output) == picture_packets(source)
    info = probe(output)
    assert info.has_video and info.has_audio and info.sample_rate == RATE
    pictures = len(list(read_frames(output, start=info.start)))
    assert abs(pictures - 50) <= 1
    sound, rate = read_audio(output, start=info.video.start)
    found = onsets(sound[0], rate)
    assert np.allclose(found, CLICKS, atol=0.005)
    assert abs(np.abs(sound[0]).max() - 0.5) < 0.05  # level kept


def test_a_video_is_opened_four_times_to_be_enhanced(
    pvsd, make_video, tmp_path, monkeypatch
):
    """Looked at once, its sound read, its pictures copied, the output written."""
    source, opened, real = make_video("a.mp4"), [], av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or real(*a, **k))
    assert pvsd("enhance", source, "-o", tmp_path / "a.mp4")[0] == 0
    assert len(opened) == 4


def test_the_networks_enhance_the_sound_of_a_video(
    pvsd, make_video, tmp_path, tiny_folder
):
    source, output = make_video("a.mp4"), tmp_path / "a.mp4"
    assert pvsd("enhance", source, "-o", output, model=tiny_folder)[0] == 0
    before, after = (
        np.sqrt((read_audio(path)[0] ** 2).mean()) for path in (source, output)
    )
    assert after < 0.9 * before


def test_sound_files_from_videos_and_back(pvsd, make_video, tmp_path):
    source = make_video("a.mp4")
    for name in ("a.wav", "a.flac", "a.m4a"):
        assert pvsd("enhance", source, "-o", tmp_path / name)[0] == 0
        sound, rate = read_audio(tmp_path / name)
        assert rate == RATE and np.allclose(onsets(sound[0], rate), CLICKS, atol=0.005)
    assert not probe(tmp_path / "a.m4a").has_video
    code, _, complaints = pvsd("enhance", tmp_path / "a.m4a", "-o", tmp_path / "b.mp4")
    assert code == 2 and "no pictures" in complaints


def test_m4a_in_m4a_out(pvsd, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([clicking_sound()] * 2, 1), RATE)
    assert pvsd("enhance", tmp_path / "a.wav", "-o", tmp_path / "a.m4a")[0] == 0
    assert pvsd("enhance", tmp_path / "a.m4a", "-o", tmp_path / "b.m4a")[0] == 0
    sound, rate = read_audio(tmp_path / "b.m4a")
    assert sound.shape[0] == 2 and rate == RATE
    assert abs(sound.shape[1] - 2 * RATE) < 2100  # AAC comes in frames of 1024
    assert np.allclose(onsets(sound[0], rate), CLICKS, atol=0.005)


def test_a_video_without_sound_is_a_sentence(pvsd, make_video, tmp_path):
    silent = make_video("silent.mp4", np.zeros((1, 0), np.float32))
    code, _, complaints = pvsd("enhance", silent, "-o", tmp_path / "b.mp4")
    assert code == 2 and "sound" in complaints and complaints.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_is_cut_short_leaves_no_litter(pvsd, make_video, tmp_path):
    whole = make_video("whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    code, _, complaints = pvsd("enhance", tmp_path / "cut.mp4")
    names = [path.name for path in tmp_path.iterdir()]
    if code == 0:  # what is left of it can be read
        assert sorted(names) == ["cut.mp4", "cut_enhanced.mp4"]
    else:
        assert code == 2 and "cut.mp4" in complaints and names == ["cut.mp4"]


def test_lips_become_a_video_with_the_sound(pvsd, tmp_path, tiny_folder):
    sound = clicking_sound()
    soundfile.write(tmp_path / "a.wav", np.stack([0.5 * sound, sound], 1), RATE)
    code, _, _ = pvsd("lips", tmp_path / "a.wav", model=tiny_folder)
    output = tmp_path / "a_lips.mp4"
    assert code == 0 and output.is_file()
    frames = list(read_frames(output))
    assert len(frames) == 50 and frames[0].shape == (192, 384, 3)
    given, rate = read_audio(output)
    assert len(given) == 2 and np.allclose(onsets(given[1], rate), CLICKS, atol=0.005)
    code, _, complaints = pvsd("lips", tmp_path / "a.wav", model=tiny_folder)
    assert code == 2 and "--overwrite" in complaints


def test_lips_are_those_that_the_generator_draws(tmp_path, tiny_folder):
    from pvsd_modules.inference import LipGenerator

    generator = LipGenerator.from_hparams(tiny_folder)
    sound = torch.from_numpy(clicking_sound(rate=16000))
    soundfile.write(tmp_path / "a.wav", sound.numpy(), 16000, "FLOAT")
    generator.generate_file(tmp_path / "a.wav", tmp_path / "a.mp4")
    expected = generator.generate_batch(sound[None])[0].mean((1, 2, 3))
    shown = np.stack(list(read_frames(tmp_path / "a.mp4"))).mean((1, 2, 3)) / 255
    assert expected.std() > 0.01
    assert np.allclose(shown, expected.numpy(), atol=0.02)


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["missing.wav"], "missing.wav does not exist"),
        (["a.wav", "-o", "b.wav"], "ends in .mp4"),
        (["a.wav", "-o", "a.wav", "--overwrite"], "input"),
        (["text.wav"], "text.wav"),
    ],
)
def test_mistakes_with_lips(pvsd, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", clicking_sound(), RATE)
    (tmp_path / "text.wav").write_text("words " * 99)
    before = sorted(tmp_path.iterdir())
    code, _, complaints = pvsd("lips", *arguments)
    assert code == 2 and word in complaints
    assert sorted(tmp_path.iterdir()) == before


def test_real_lips_of_a_model_that_cannot_read_them(pvsd, make_video, tmp_path):
    source, output = make_video("a.mp4"), tmp_path / "b.mp4"
    code, _, complaints = pvsd("enhance", source, "-o", output, "--lips", "real")
    assert code == 2 and "has no mouth_reader" in complaints and not output.exists()


def test_an_overlay_shows_the_lips_in_a_corner(pvsd, make_video, tmp_path):
    source, output = make_video("a.mp4"), tmp_path / "b.mp4"
    code, _, complaints = pvsd("enhance", source, "-o", output, "--overlay")
    assert code == 0 and "encoded anew" in complaints
    before, after = (list(read_frames(path)) for path in (source, output))
    assert len(after) == len(before) == 50
    change = np.abs(np.subtract(after, before, dtype=float)).mean((0, -1))
    assert change[:30, :60].max() < 12 and change[38:46, 72:92].mean() > 20
    sound, rate = read_audio(output)
    assert np.allclose(onsets(np.asarray(sound)[0], rate), CLICKS, atol=0.005)
    code, _, complaints = pvsd("enhance", tmp_path, "-o", tmp_path / "c", "--overlay")
    assert code == 0
    soundfile.write(tmp_path / "a.wav", clicking_sound(), RATE)
    command = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "d.mp4", "--overlay")
    code, _, complaints = pvsd(*command)
    assert code == 2 and "no video" in complaints
