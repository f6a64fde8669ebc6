"""Sound through pipes: WAV and raw samples, as they come."""

import io
import os
import threading

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import AudioTrack, probe_audio
from pvsd_modules.io.pipe_sound import NotStreamable, PipeReader, PipeWriter
from pvsd_modules.io.pipes import RawFormat, is_pipe, opened_pipe, spooled


def noise(samples=3000, channels=2):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(channels, samples, generator=generator) - 0.5


def joined(reader, samples=700):
    return torch.cat(list(reader.blocks(samples)), 1)


@pytest.mark.parametrize(
    "sample, error",
    [("s16le", 2**-16), ("s16be", 2**-16), ("s24le", 2**-23), ("s32le", 2**-24)]
    + [("f32le", 0.0), ("f64le", 0.0), ("u8", 2**-7), ("mulaw", 0.03), ("alaw", 0.03)],
)
def test_raw_samples_come_back(sample, error):
    raw, signal, file = RawFormat(sample, 8000, 2), noise(), io.BytesIO()
    writer = PipeWriter(file, AudioTrack(0, 8000, 2, 0), raw)
    for block in signal.split(1000, dim=1):
        writer.write(block)
    file.seek(0)
    reader = PipeReader(file, raw)
    assert (reader.info.sample_rate, reader.info.channels) == (8000, 2)
    back = joined(reader)
    assert back.shape == signal.shape
    assert (back - signal).abs().max() <= error


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_u8", "pcm_f32le", "pcm_mulaw"])
@pytest.mark.parametrize("layout", ["", "5.1(side)"])
def test_wav_without_sizes(tmp_path, codec, layout):
    channels = 6 if layout else 2
    track = AudioTrack(0, 48000, channels, 0, layout, codec)
    signal = noise(channels=channels)
    with (tmp_path / "a.wav").open("wb") as file:
        PipeWriter(file, track).write(signal)
    info = probe_audio(tmp_path / "a.wav")
    assert (info.audio.codec, info.audio.layout) == (codec, layout)
    with (tmp_path / "a.wav").open("rb") as file:
        reader = PipeReader(file)
        assert (reader.info.audio.codec, reader.info.audio.layout) == (codec, layout)
        assert (joined(reader) - signal).abs().max() < 0.03
    assert soundfile.info(tmp_path / "a.wav").frames == 3000


def test_blocks_come_as_soon_as_samples_do():
    """Nothing waits for a buffer to be full."""
    source, target = os.pipe()
    sent, seen = threading.Event(), []
    file = io.BytesIO()
    soundfile.write(file, np.zeros(10), 16000, format="WAV")
    header = file.getvalue()[:40] + b"\xff\xff\xff\xff"

    def send():
        with open(target, "wb", buffering=0) as pipe:
            pipe.write(header[:7])
            pipe.write(header[7:] + bytes(201))  # a half sample at the end
            sent.wait(10)
            pipe.write(bytes(99))

    thread = threading.Thread(target=send)
    thread.start()
    with open(source, "rb") as pipe:
        for block in PipeReader(pipe).blocks():
            seen.append(block.shape[1])
            sent.set()
    thread.join()
    assert seen == [100, 50]


def test_the_end_that_the_header_promises(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(1000, 0.25), 16000)
    data = (tmp_path / "a.wav").read_bytes()
    reader = PipeReader(io.BytesIO(data + b"LIST\x04\0\0\0INFO"))
    assert torch.equal(joined(reader), torch.full((1, 1000), 0.25))
    assert reader.info.notes == []
    reader = PipeReader(io.BytesIO(data[:-501]))
    assert joined(reader).shape == (1, 749)
    assert "ended before" in reader.info.notes[0]


def test_other_formats_are_spooled(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(1000), 16000)
    with (tmp_path / "a.flac").open("rb") as file:
        with pytest.raises(NotStreamable) as caught:
            PipeReader(file)
        with spooled(file, caught.value.taken, ".flac") as path:
            assert path.read_bytes() == (tmp_path / "a.flac").read_bytes()
    assert not path.exists()


@pytest.mark.parametrize(
    "data, raw, word",
    [
        (b"", None, "Nothing came"),
        (b"RIFF\0\0\0\0WAVEfmt ", None, "no end"),
        (b"", ("s16le", 7, 1), "7 Hz"),
        (b"", ("s17le", 16000, 1), "s17le"),
        (b"", ("s16le", 16000, 0), "1 to 64 channels"),
    ],
)
def test_mistakes_are_sentences(data, raw, word):
    with pytest.raises(PvsdError, match=word):
        PipeReader(io.BytesIO(data), None if raw is None else RawFormat(*raw))


def test_what_is_written_is_finite_and_counted():
    file = io.BytesIO()
    writer = PipeWriter(file, AudioTrack(0, 16000, 1, 0), RawFormat())
    writer.write(torch.tensor([[float("nan"), float("inf"), 2.0, -0.5]]))
    back = np.frombuffer(file.getvalue(), "<i2")
    assert back.tolist() == [0, 0, 32767, -16384]
    assert writer.clipped == 1


def test_a_reader_that_leaves_is_a_sentence():
    source, target = os.pipe()
    os.close(source)
    with open(target, "wb", buffering=0) as pipe:
        with pytest.raises(PvsdError, match="was closed by"):
            PipeWriter(pipe, AudioTrack(0, 16000, 1, 0))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
def test_fifos_are_pipes(tmp_path):
    os.mkfifo(tmp_path / "f.wav")
    assert is_pipe(tmp_path / "f.wav") and is_pipe("-") and is_pipe("/dev/null")
    assert not is_pipe(tmp_path) and not is_pipe(tmp_path / "none")
    assert not is_pipe("a\0b")
    with pytest.raises(PvsdError, match="cannot be opened"):
        with opened_pipe(tmp_path / "none"):
            pass
