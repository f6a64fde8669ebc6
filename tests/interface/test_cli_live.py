"""Pipes and live sound: `pvsd enhance -`, `pvsd stream`."""

import io
import os
import sys
import threading
import types

import numpy as np
import pytest
import soundfile

from pvsd_modules.errors import PvsdError

SOUND = np.random.default_rng(0).uniform(-0.3, 0.3, (9000, 2))


def wav(sound=SOUND, rate=16000):
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def piped(pvsd, monkeypatch):
    """Run ``pvsd`` with bytes for standard input; code, bytes, complaints."""

    def run(given, *words, **options):
        source = types.SimpleNamespace(buffer=io.BytesIO(given))
        target = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", source)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", target)
            code, _, complaints = pvsd(*words, **options)
        return code, target.buffer.getvalue(), complaints

    return run


def read(data):
    """Sound of a WAV file without sizes in its header."""
    begin = data.index(b"data") + 8
    return np.frombuffer(data[begin:], "<i2").reshape(-1, 2) / 32768


@pytest.mark.parametrize("command", ["enhance", "stream"])
def test_wav_through_pipes(piped, command):
    code, written, complaints = piped(wav(), command, "-", "-o", "-")
    assert code == 0 and "Traceback" not in complaints
    assert np.allclose(read(written), SOUND, atol=1e-4)
    assert command == "enhance" or "latency 920 ms" in complaints
    assert command == "enhance" or "0 dropouts" in complaints


@pytest.mark.parametrize("command", ["enhance", "stream"])
def test_raw_samples_through_pipes(piped, command):
    raw = (SOUND * 32767).astype("<i2").tobytes()
    options = ("--raw", "s16le", "--rate", 48000, "--channels", 2)
    code, written, _ = piped(raw, command, "-", "-o", "-", *options)
    assert code == 0 and len(written) == len(raw)
    found = np.frombuffer(written, "<i2").reshape(-1, 2) / 32767
    assert np.allclose(found, SOUND, atol=1e-4)


def test_pipes_to_files_and_back(piped, pvsd, tmp_path):
    flac = io.BytesIO()
    soundfile.write(flac, SOUND, 16000, format="FLAC")  # cannot be streamed
    for given in (wav(), flac.getvalue()):
        output = tmp_path / "a.flac"
        code, _, complaints = piped(given, "enhance", "-", "-o", output, "--overwrite")
        assert (code, complaints) == (0, "")
        assert np.allclose(soundfile.read(output)[0], SOUND, atol=1e-4)
    code, _, complaints = piped(wav(), "enhance", "-", "-o", output)
    assert code == 2 and "--overwrite" in complaints
    code, written, _ = piped(b"", "enhance", output, "-o", "-")
    assert code == 0 and np.allclose(read(written), SOUND, atol=1e-4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_fifos(pvsd, tmp_path):
    for name in ("in", "out"):
        os.mkfifo(tmp_path / name)
    written = []
    writer = threading.Thread(target=(tmp_path / "in").write_bytes, args=(wav(),))
    reader = threading.Thread(
        target=lambda: written.append((tmp_path / "out").read_bytes())
    )
    writer.start()
    reader.start()
    assert pvsd("enhance", tmp_path / "in", "-o", tmp_path / "out")[0] == 0
    writer.join()
    reader.join()
    assert np.allclose(read(written[0]), SOUND, atol=1e-4)


@pytest.mark.parametrize(
    ("given", "words", "message"),
    [
        (b"", ("enhance", "-", "-o", "-"), "Nothing came"),
        (b"", ("enhance", "-"), "-o names the output"),
        (b"", ("stream", "a.wav"), "not a pipe"),
        (b"text " * 99, ("stream", "-"), "neither WAV nor raw"),
        (b"", ("stream", "-", "--raw", "s17le"), "no format of raw samples"),
        (b"", ("stream", "-", "--seconds", "nan"), "--seconds"),
        (b"text " * 99, ("enhance", "-", "-o", "-"), "cannot be read"),
    ],
)
def test_mistakes_are_one_sentence(piped, given, words, message):
    code, _, complaints = piped(given, *words)
    assert code == 2 and message in complaints and complaints.count("\n") == 1


@pytest.fixture
def devices(monkeypatch):
    """A microphone of constant sound and a loudspeaker that collects."""
    played = []

    class Device:
        def __init__(self, samplerate, channels, dtype, blocksize, device):
            assert (samplerate, channels, dtype) == (48000, 1, "float32")
            self.blocks = 0

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read(self, count):
            self.blocks += 1
            if self.blocks > 400:
                raise KeyboardInterrupt
            return np.full((count, 1), 0.25, np.float32), self.blocks == 3

        def write(self, block):
            played.append(block[:, 0])
            return False

    module = types.SimpleNamespace(
        InputStream=Device,
        OutputStream=Device,
        PortAudioError=OSError,
        query_devices=lambda *_: {"default_samplerate": 48000.0},
    )
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return played


@pytest.mark.parametrize("seconds", [(), ("--seconds", "2")])
def test_the_microphone_until_ctrl_c_or_for_a_time(pvsd, devices, seconds):
    code, _, complaints = pvsd("stream", "--meter", *seconds)
    assert code == 0 and "latency" in complaints and "1 dropouts" in complaints
    sound = np.concatenate(devices)
    assert all(len(block) == 480 for block in devices)  # always something to play
    assert len(sound) == 480 * (200 if seconds else 400)
    late = int(complaints.split("latency ")[1].split()[0]) * 48
    assert not sound[: late - 9600].any() and np.allclose(sound[late + 99 :], 0.25)


def test_devices_are_listed_or_missing(pvsd, devices, monkeypatch):
    code, printed, _ = pvsd("stream", "--list-devices")
    assert code == 0 and "48000" in printed
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, _, complaints = pvsd("stream")
    assert code == 2 and "pip install 'pvsd[live]'" in complaints
    assert issubclass(PvsdError, Exception)
