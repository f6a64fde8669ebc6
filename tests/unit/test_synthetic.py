"""The synthetic corpus: seeded, speech-like, mouths that follow it, LRS3's layout."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pvsd_modules.io.media import probe
from pvsd_modules.io.sound_reading import read_audio
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.synthetic.corpus import (
    NOISE_KINDS,
    face_frames,
    noise_like,
    speech_like,
    utter,
    write_corpus,
    write_noises,
)


def loudness(wave):
    return np.sqrt(np.square(wave[: len(wave) // 640 * 640].reshape(-1, 640)).mean(1))


def test_same_seed_same_sound_other_seed_other_sound():
    wave, opening = speech_like(1.0, speaker=2, seed=5)
    again, _ = speech_like(1.0, speaker=2, seed=5)
    np.testing.assert_array_equal(wave, again)
    assert not np.allclose(wave, speech_like(1.0, speaker=2, seed=6)[0])
    assert not np.allclose(wave, speech_like(1.0, speaker=3, seed=5)[0])
    assert wave.dtype == opening.dtype == np.float32


@pytest.mark.parametrize("samples", [0, 1, 639, 640, 641, 16001])
def test_any_length(samples):
    wave, opening = speech_like(samples / 16000)
    assert wave.shape == (samples,)
    assert opening.shape == (-(-samples // 640),)
    assert noise_like(samples / 16000, "pink").shape == (samples,)


@pytest.mark.parametrize("speaker", range(4))
def test_mouth_follows_the_sound(speaker):
    wave, opening = speech_like(4.0, speaker, seed=speaker)
    assert np.corrcoef(loudness(wave), opening)[0, 1] > 0.9
    assert opening.min() == 0 and opening.max() > 0.6
    assert np.abs(wave).max() < 1
    assert np.sqrt(np.mean(wave**2)) == pytest.approx(0.08, rel=0.1)


def test_sound_is_like_speech():
    wave, _ = speech_like(8.0, speaker=0, seed=1)
    level = loudness(wave)
    assert 0.05 < (level < 0.05 * level.max()).mean() < 0.5  # pauses and stops
    # Syllables: the loudness moves mostly 2 to 8 times a second.
    spectrum = np.abs(np.fft.rfft(level - level.mean())) ** 2
    rate = np.fft.rfftfreq(len(level), 1 / 25)
    assert spectrum[(rate > 1) & (rate < 8)].sum() > 0.6 * spectrum.sum()
    # Voiced: within the pitch range of speaker 0 it repeats itself.
    begin = 640 * level.argmax()
    part = wave[begin : begin + 1280] - wave[begin : begin + 1280].mean()
    self_likeness = np.correlate(part, part, "full")[1279:] / np.square(part).sum()
    assert self_likeness[16000 // 170 : 16000 // 75].max() > 0.5


def test_speakers_differ_in_pitch():
    def pitch(speaker):
        wave, _ = speech_like(3.0, speaker, seed=1)
        begin = 640 * loudness(wave).argmax()
        part = wave[begin : begin + 1280]
        self_likeness = np.correlate(part, part, "full")[1279:]
        return 16000 / (60 + self_likeness[60:200].argmax())

    low, high = zip(*[(pitch(k), pitch(k + 1)) for k in (0, 2, 4)], strict=True)
    assert max(low) + 10 < min(high)


def test_words_lie_within_the_sound():
    said = utter(3.0, speaker=1, seed=4)
    assert len(said.words) >= 3
    assert all(0 <= word.start < word.end <= 3.0 for word in said.words)
    ends = [word.end for word in said.words]
    assert ends == sorted(ends)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_kinds(kind):
    wave = noise_like(1.0, kind, seed=2)
    np.testing.assert_array_equal(wave, noise_like(1.0, kind, seed=2))
    assert not np.allclose(wave, noise_like(1.0, kind, seed=3))
    assert np.sqrt(np.mean(wave**2)) == pytest.approx(0.08, rel=0.1)
    assert np.abs(wave).max() <= 1


def test_unknown_noise_is_refused():
    with pytest.raises(ValueError, match="white, pink"):
        noise_like(1.0, "silence")


def test_faces_open_their_mouths_and_nothing_else():
    frames = np.stack(list(face_frames(np.linspace(0, 1, 6), speaker=1))).astype(float)
    dark = (frames[:, 105:140, 60:100].sum(axis=3) < 150).sum(axis=(1, 2))
    assert (np.diff(dark) > 0).all()
    np.testing.assert_array_equal(frames[0, :105], frames[-1, :105])
    other = np.stack(list(face_frames([0.0], speaker=2)))
    assert np.abs(other[0] - frames[0]).mean() > 5


def test_corpus_has_the_layout_of_lrs3(tmp_path):
    videos = write_corpus(tmp_path, speakers=2, clips=1, seconds=1.0, size=64)
    named = [path.relative_to(tmp_path).parts for path in videos]
    assert [parts[0] for parts in named] == ["pretrain", "trainval", "test"]
    assert {p[1] for p in named[:2]}.isdisjoint({p[1] for p in named[2:]})
    text = videos[0].with_suffix(".txt").read_text().splitlines()
    assert text[0].startswith("Text:  ") and text[1].startswith("Conf:")
    assert text[3].split() == ["WORD", "START", "END", "ASDSCORE"]
    assert [line.split()[0] for line in text[4:]] == text[0].split()[1:]
    info = probe(videos[2])
    assert (info.video.fps, info.sample_rate, info.video.width) == (25, 16000, 64)


def test_clip_shows_what_it_says(tmp_path):
    (video, *_) = write_corpus(tmp_path, speakers=2, clips=1, seconds=2.0)
    samples, _ = read_audio(video)
    said = utter(3.0, speaker=0, seed=1)
    frames = np.stack(list(read_frames(video))).astype(float)
    assert len(frames) == 75
    shown = (frames[:, 105:140, 60:100].sum(axis=3) < 150).sum(axis=(1, 2))
    assert np.corrcoef(shown, said.opening)[0, 1] > 0.9
    level = loudness(samples[0])[:75]
    assert np.corrcoef(level, said.opening[: len(level)])[0, 1] > 0.9


def test_noises_have_the_layout_of_vggsound(tmp_path):
    paths = write_noises(tmp_path, count=4, seconds=0.5)
    with open(tmp_path / "vggsound.csv", newline="") as file:
        table = list(csv.reader(file))
    assert [f"{name}_{int(start):06d}.wav" for name, start, *_ in table] == [
        path.name for path in paths
    ]
    assert {row[3] for row in table} == {"train", "test"}
    (video,) = write_noises(tmp_path / "mp4", count=1, seconds=0.5, suffix=".mp4")
    assert probe(video).has_video and probe(video).has_audio


def test_examples_are_what_their_script_makes(tmp_path, monkeypatch):
    folder = Path(__file__).parents[2] / "examples"
    spec = importlib.util.spec_from_file_location("made", folder / "make_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["make_examples.py", str(tmp_path)])
    module.main()
    for name in ("clean.wav", "noisy.wav"):
        made, rate = soundfile.read(tmp_path / name, dtype="int16")
        kept, _ = soundfile.read(folder / name, dtype="int16")
        assert rate == 16000 and len(made) == 64000
        # Another processor may round a sample the other way.
        assert np.abs(made.astype(int) - kept).max() <= 1
    assert probe(tmp_path / "noisy.mp4").has_audio
    assert probe(folder / "noisy.mp4").has_video
