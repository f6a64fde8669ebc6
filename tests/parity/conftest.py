"""The reference run's arrays, and the three networks with its weights."""

import json
from pathlib import Path

import numpy as np
import parity_reference as reference
import pytest
import torch

from pvsd_modules.checkpoints.convert import NETWORKS
from pvsd_modules.models.paper.features import MagnitudePhase, Wav2LipMel

HERE = Path(__file__).parent
STARTS = (1280, 14080)  # first samples of predict()'s two windows of 1 s


@pytest.fixture(scope="session")
def stored():
    with np.load(HERE / "parity.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="session")
def facts():
    return json.loads((HERE / "facts.json").read_text())


@pytest.fixture(scope="session")
def shapes():
    return json.loads((HERE / "state_dict_shapes.json").read_text())


@pytest.fixture(scope="session")
def make_network(shapes):
    """A fresh network with the reference run's weights, in evaluation mode."""
    weights = {}

    def make(kind):
        if kind not in weights:
            weights[kind] = reference.weights(shapes[kind])
        network = NETWORKS[kind]()
        network.load_state_dict(weights[kind])
        return network.eval()

    return make


@pytest.fixture(scope="session")
def teacher(make_network):
    return make_network("teacher")


@pytest.fixture(scope="session")
def student(make_network):
    return make_network("student")


@pytest.fixture(scope="session")
def denoiser(make_network):
    return make_network("denoiser")


@pytest.fixture(scope="session")
def clean():
    return reference.clean_wave()


@pytest.fixture(scope="session")
def noisy(clean):
    return clean + 0.5 * reference.noise_wave()


@pytest.fixture(scope="session")
def mels(clean, noisy):
    """Mels of the two windows, ``[2, 25, 1, 80, 16]``, by name of the signal."""
    mel = Wav2LipMel()
    return {
        name: mel(reference.mel_windows(wave, STARTS, 25))[:, :, None]
        for name, wave in (("clean", clean), ("noisy", noisy))
    }


@pytest.fixture(scope="session")
def spectra(clean, noisy):
    """Spectra of the two windows, ``[2, 100, 514]``, by name of the signal.

    Frame 0 of a window has no phase, only a sign that hangs on the rounding of the
    FFT at hand. So its phases are not ours: ``frame0_phases.npz`` holds those of
    numpy's FFT in float64, which the reference run used. All else is computed.
    """
    analyse = MagnitudePhase()
    result = {}
    with np.load(HERE / "frame0_phases.npz") as phases:
        for name, wave in (("clean", clean), ("noisy", noisy)):
            windows = torch.stack([wave[start : start + 16000] for start in STARTS])
            result[name] = analyse(windows)[:, :100]
            for window, start in zip(result[name], STARTS, strict=True):
                window[0, 257:] = torch.from_numpy(phases[f"{name}_{start}"])
    return result


@pytest.fixture(scope="session")
def student_lips(student, mels):
    """Lips of both windows, ``[2, 3, 25, 48, 96]``, by name of the signal."""
    with torch.inference_mode():
        return {name: student(mel) for name, mel in mels.items()}


@pytest.fixture(autouse=True)
def one_thread():
    """Rounding differs with the number of threads; the tolerances know one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
