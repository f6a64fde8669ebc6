"""The inference defects of the original research code, each shown to be absent.

Numbers are those of the list that the defects were found in. With networks that
change nothing, whatever differs from the input would be the program's doing.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def identity(identity_folder):
    return PseudoVisualEnhancement.from_hparams(identity_folder)


def noise(samples, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, channels))


@pytest.mark.parametrize("residue", [*range(0, 12800, 800), 4480, 5120, 5759, 5760])
def test_1_every_length_is_written(identity, tmp_path, residue):
    sound = noise(12800 + residue)
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    identity.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    given = soundfile.read(tmp_path / "b.wav", always_2d=True)[0]
    assert given.shape == sound.shape


@pytest.mark.parametrize("samples", [1, 100, 2400, 16000, 18559])
def test_2_and_14_short_inputs(identity, tmp_path, samples):
    """Less than 1.16 s gave nothing, 0.15 s crashed."""
    soundfile.write(tmp_path / "a.wav", noise(samples), 16000)
    identity.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    assert np.allclose(
        soundfile.read(tmp_path / "b.wav")[0],
        soundfile.read(tmp_path / "a.wav")[0],
        atol=1e-4,
    )


@pytest.mark.parametrize("rate", [16000, 44100])
def test_3_nothing_is_dropped_or_early(identity, rate, tmp_path):
    """80 ms at the beginning, and the tail, were lost; the rest came 80 ms early."""
    sound = np.zeros(3 * rate)
    clicks = [0.01, 0.5, 1.3, 2.2, 2.99]
    places = [round(time * rate) for time in clicks]
    sound[places] = 0.5
    soundfile.write(tmp_path / "a.wav", sound, rate, "FLOAT")
    given = identity.enhance_file(tmp_path / "a.wav").numpy()
    assert len(given) == len(sound)
    for place in places:
        around = np.abs(given[max(place - 300, 0) : place + 300])
        assert around.argmax() + max(place - 300, 0) == place


def test_4_no_seams(identity):
    """Every 0.8 s the signal-to-noise ratio fell to 7-14 dB."""
    noisy = torch.from_numpy(noise(80000).T).float()
    error = identity.enhance_batch(noisy) - noisy
    assert 20 * torch.log10(error.abs().max() / noisy.abs().max()) < -100


def test_5_the_edges_of_windows_are_not_used(tmp_path):
    """The first spectrum of each window has no phase of its own."""
    import tiny_networks

    folder = tiny_networks.make_folder(tmp_path / "fragile", "FragileDenoiser")
    fragile = PseudoVisualEnhancement.from_hparams(folder)
    noisy = torch.from_numpy(noise(80000).T).float()
    assert torch.allclose(fragile.enhance_batch(noisy), noisy, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["./a.wav", "rec.2021.wav", "A.WAV", "a.flac", "x.Mp3"]
)
def test_6_the_dots_and_case_of_a_name_mean_nothing(pvsd, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    soundfile.write(name, noise(3000), 16000)
    assert pvsd("enhance", name)[0] == 0
    output = Path(name).with_name(f"{Path(name).stem}_enhanced{Path(name).suffix}")
    assert soundfile.info(output).frames == 3000


@pytest.mark.parametrize(
    "name",
    ["two words.wav", "it's.wav", 'a"b.wav', "a;touch hacked.wav", "-o.wav",
     "$(touch hacked).wav", "ünï.wav", "a:b.wav", "100%.wav", "`touch hacked`.wav"],
)  # fmt: skip
def test_7_names_are_not_commands(pvsd, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / name, noise(3000), 16000)
    assert pvsd("enhance", "-o", "out", "--", name)[0] == 0
    assert soundfile.info(tmp_path / "out" / name).frames == 3000
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out"])


def test_8_no_fixed_temporary_file(pvsd, tmp_path, monkeypatch):
    """An input called tmp.wav was deleted; a stale one stood in for a missing input."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("tmp.wav", noise(3000), 16000)
    before = Path("tmp.wav").read_bytes()
    assert pvsd("enhance", "tmp.wav")[0] == 0
    assert Path("tmp.wav").read_bytes() == before
    assert pvsd("enhance", "missing.wav")[0] == 2
    assert not Path("missing_enhanced.wav").exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_9_what_is_no_number_stays_where_it_was(tiny_folder, tmp_path, bad):
    sound = noise(40000)[:, 0].astype(np.float32)
    clean = np.where(np.arange(40000) == 20000, 0, sound)
    soundfile.write(tmp_path / "clean.wav", clean, 16000, "FLOAT")
    sound[20000] = bad
    soundfile.write(tmp_path / "a.wav", sound, 16000, "FLOAT")
    model = PseudoVisualEnhancement.from_hparams(tiny_folder)
    given = model.enhance_file(tmp_path / "a.wav")
    assert torch.equal(given, model.enhance_file(tmp_path / "clean.wav"))


def test_10_too_loud_samples_are_clipped_not_wrapped(identity, tmp_path):
    loud = np.array([0.5, 1.2, -1.2, 0.9] * 100)
    soundfile.write(tmp_path / "a.wav", loud, 16000, "FLOAT")
    identity.enhance_file(tmp_path / "a.wav", tmp_path / "b.flac")
    given = soundfile.read(tmp_path / "b.flac")[0]
    assert np.allclose(given, loud.clip(-1, 1), atol=1e-4)
    identity.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")  # stays floating
    assert np.allclose(soundfile.read(tmp_path / "b.wav")[0], loud, atol=1e-6)


def test_11_channels_of_opposite_phase_stay(identity, tiny_folder, tmp_path):
    one = noise(20000)[:, 0]
    soundfile.write(tmp_path / "a.wav", np.stack([one, -one], 1), 16000, "FLOAT")
    given = identity.enhance_file(tmp_path / "a.wav").numpy()
    assert np.allclose(given, np.stack([one, -one]), atol=1e-6)
    # Nor are the lips those of silence.
    generator = LipGenerator.from_hparams(tiny_folder)
    soundfile.write(tmp_path / "mono.wav", one, 16000, "FLOAT")
    stereo = torch.cat(
        [frames for frames, _ in generator.generate_blocks(tmp_path / "a.wav")]
    )
    mono = torch.cat(
        [frames for frames, _ in generator.generate_blocks(tmp_path / "mono.wav")]
    )
    assert torch.allclose(stereo, mono, atol=1e-6) and mono.std() > 0.01


def test_12_memory_does_not_grow_with_length(identity_folder, tmp_path):
    """Peak memory of a process that enhances 20 s and of one that enhances 200 s."""
    code = (
        "import resource, sys; from pvsd_modules.cli import main; "
        "assert main(sys.argv[1:]) == 0; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for seconds in (20, 200):
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 16000, 1) as file:
            for second in range(seconds):
                file.write(noise(16000, seed=second))
        ran = subprocess.run(
            [sys.executable, "-c", code, "enhance", path, "--trust",
             "--model", identity_folder, "--device", "cpu", "--threads", "1"],
            capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        )  # fmt: skip
        peaks.append(int(ran.stdout.split()[-1]))
    kilobytes = 1 if sys.platform.startswith("linux") else 1024
    grown = (peaks[1] - peaks[0]) / kilobytes / 1024
    # Their features or lips, all held at once, would be hundreds of MiB.
    assert grown < 20, f"{grown:.0f} MiB more"


def test_13_lips_are_at_their_time(tmp_path):
    """The lips script was 80 ms off, with jitter."""
    import tiny_networks

    folder = tiny_networks.make_folder(tmp_path / "tiny")
    generator = LipGenerator.from_hparams(folder)
    wav = torch.zeros(1, 64000)
    click = 40000  # in frame 62, seen by the windows of frames 60 to 64
    wav[0, click] = 100.0
    lips = generator.generate_batch(wav)
    moved = (lips[0].mean((1, 2, 3)) - 0.5).abs() > 1e-4
    assert moved.nonzero()[:, 0].tolist() == [60, 61, 62, 63, 64]
