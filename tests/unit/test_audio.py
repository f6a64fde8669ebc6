"""Sound files of all kinds, block by block."""

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.media import probe_audio
from pvsd_modules.io.sound_reading import sound_blocks, to_mono
from pvsd_modules.io.writing import write_media


def tone(samples, channels=1, rate=16000):
    time = np.arange(samples) / rate
    phases = np.arange(channels)
    return 0.3 * np.sin(2 * np.pi * 300 * time[:, None] + phases)


def copy(path, output, block=1000):
    info = probe_audio(path)
    return write_media(info, {0: sound_blocks(info, block)}, output)


@pytest.mark.parametrize("samples", [1, 999, 1000, 2500])
@pytest.mark.parametrize("name", ["a.wav", "B.FLAC", "c.mp3", "d.ogg", "e.opus"])
def test_formats_keep_length_rate_and_channels(tmp_path, name, samples):
    source = tmp_path / "source.wav"
    soundfile.write(source, tone(samples, 2, 48000), 48000)
    copy(source, tmp_path / name)
    info = probe_audio(tmp_path / name)
    if (name, samples) == ("c.mp3", 1):
        samples = 47  # the least that one frame of MP3 gives
    assert (info.sample_rate, info.channels, info.samples) == (48000, 2, samples)
    read = torch.cat(list(sound_blocks(info, 700)), 1)
    assert read.shape == (2, samples)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_sample_format_is_kept(tmp_path, subtype):
    source, output = tmp_path / "a.wav", tmp_path / "b.wav"
    soundfile.write(source, tone(3000), 8000, subtype)
    copy(source, output)
    assert soundfile.info(output).subtype == subtype
    # The file's own words come back: nothing was scaled or shifted.
    assert np.array_equal(soundfile.read(source)[0], soundfile.read(output)[0])


def test_sample_formats_that_a_format_lacks_become_its_best(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(3000), 8000, "FLOAT")
    copy(tmp_path / "a.wav", tmp_path / "a.flac")
    assert soundfile.info(tmp_path / "a.flac").subtype == "PCM_24"
    soundfile.write(tmp_path / "b.wav", tone(3000), 8000, "IMA_ADPCM")
    copy(tmp_path / "b.wav", tmp_path / "c.wav")
    assert soundfile.info(tmp_path / "c.wav").subtype == "PCM_16"


def test_clipping_is_counted_and_floats_are_not_clipped(tmp_path):
    loud = np.array([0.5, 1.5, -2.0, 1.0])
    soundfile.write(tmp_path / "loud.wav", loud, 16000, "FLOAT")
    assert copy(tmp_path / "loud.wav", tmp_path / "kept.wav").clipped == 0
    assert np.allclose(soundfile.read(tmp_path / "kept.wav")[0], loud)
    assert copy(tmp_path / "loud.wav", tmp_path / "cut.flac").clipped == 2
    cut = soundfile.read(tmp_path / "cut.flac")[0]
    assert np.allclose(cut, [0.5, 1, -1, 1], atol=1e-5)  # no wrap to the other sign


def test_the_content_decides_not_the_name(tmp_path):
    path = tmp_path / "really a flac.WAV"
    soundfile.write(path, tone(500), 22050, format="FLAC")
    assert probe_audio(path).samples == 500
    raw = tmp_path / "really a wav.raw"
    soundfile.write(raw, tone(500), 22050, format="WAV")
    assert probe_audio(raw).sample_rate == 22050


def test_user_mistakes_are_sentences(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound at all " * 50)
    soundfile.write(tmp_path / "none.wav", tone(0), 16000)
    for name, word in [
        ("missing.wav", "does not exist"),
        ("empty.wav", "0 bytes"),
        ("text.wav", "cannot be read|no audio"),
        ("none.wav", "no samples"),
        (".", "folder"),
    ]:
        with pytest.raises(PvsdError, match=word):
            probe_audio(tmp_path / name)


def test_rates_that_a_format_cannot_hold(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(500), 96000)
    written = copy(tmp_path / "a.wav", tmp_path / "a.mp3")
    assert "48000 Hz, not 96000 Hz" in written.notes[0]
    assert probe_audio(tmp_path / "a.mp3").samples == 250
    with pytest.raises(PvsdError, match="b.xyz"):
        copy(tmp_path / "a.wav", tmp_path / "b.xyz")


def test_failed_writing_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.wav"
    target.write_text("precious")
    with pytest.raises(RuntimeError):
        with written_whole(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError
    assert target.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    with written_whole(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_unwritable_places_are_sentences(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PvsdError, match="cannot be written"):
        with written_whole(tmp_path / "file" / "a.wav"):
            pass
    with pytest.raises(PvsdError, match="is a folder"):
        with written_whole(tmp_path):
            pass


@pytest.mark.parametrize("name", ["b.wav", "b.flac", "b.ogg", "b.mp3", "b.au"])
def test_tags_are_kept(tmp_path, name):
    with soundfile.SoundFile(tmp_path / "a.wav", "w", 16000, 1) as file:
        file.title, file.artist = "Plain", "Żółć"
        file.write(tone(500))
    copy(tmp_path / "a.wav", tmp_path / name)
    with soundfile.SoundFile(tmp_path / name) as file:
        tags = file.copy_metadata()
    if name == "b.au":  # that format has none
        return
    assert tags["title"] == "Plain"
    assert tags["artist"] == "Żółć"


def test_large_blocks_of_vorbis(tmp_path):
    """libsndfile has crashed on those."""
    soundfile.write(tmp_path / "a.wav", tone(800_000, 2, 192000), 192000)
    copy(tmp_path / "a.wav", tmp_path / "b.ogg", block=800_000)
    assert soundfile.info(tmp_path / "b.ogg").frames == 800_000


def test_to_mono_keeps_what_would_cancel_out():
    wave = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(to_mono(torch.stack([wave, wave])), wave)
    assert torch.equal(to_mono(torch.stack([wave, -wave])), wave)
    assert torch.allclose(to_mono(torch.stack([wave, 0 * wave])), wave / 2)
