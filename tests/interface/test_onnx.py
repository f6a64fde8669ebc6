"""Exported graphs give the samples of PyTorch, in programs that do not import it."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.cli import main
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.wide_denoiser import WideDenoiser
from pvsd_modules.synthetic.corpus import speech_like

ROOT = Path(__file__).parents[2]
WIDE = """sample_rate: 16000
family: open
lips: student
latency_ms: null
network_level: 0.02
stream: !name:pvsd_modules.inference.recurrent_stream.RecurrentStream
denoiser: !new:pvsd_modules.models.open.wide_denoiser.WideDenoiser
  channels: 16
  lookahead_steps: 14
student: !new:pvsd_modules.models.open.lip_generator.OpenLipGenerator
  channels: 16
  lookahead_frames: 2
modules:
  student: !ref <student>
  denoiser: !ref <denoiser>
pretrainer: !new:pvsd_modules.checkpoints.weights.StrictPretrainer
  loadables:
    student: !ref <student>
    denoiser: !ref <denoiser>
"""

pytest.importorskip("onnx", reason="pip install 'pvsd[onnx]' to test the export")
pytest.importorskip("onnxruntime", reason="pip install 'pvsd[onnx]' to test the export")


def wide_folder(folder):
    """A model of the wide denoiser, in which lips, past and future matter."""
    torch.manual_seed(0)
    student = OpenLipGenerator(channels=16, lookahead_frames=2)
    denoiser = WideDenoiser(channels=16, lookahead_steps=14)
    folder.mkdir()
    (folder / "hyperparams.yaml").write_text(WIDE)
    for name, network in (("student", student), ("denoiser", denoiser)):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.3)
        torch.save(network.state_dict(), folder / f"{name}.ckpt")
    return folder


@pytest.fixture(scope="module", params=["offline", "streaming", "wide"])
def exported(request, tmp_path_factory):
    """(model, folder of its graphs)."""
    places = tmp_path_factory.mktemp(request.param)
    model = request.param
    if model == "wide":
        model = str(wide_folder(places / "model"))
    assert main(["export", "--format", "onnx", model, "-o", str(places / "onnx")]) == 0
    return PseudoVisualEnhancement.from_hparams(model), places / "onnx"


def noisy(seconds):
    """Speech in as much noise that nothing is given back, without an offset."""
    wave, _ = speech_like(seconds, speaker=1, seed=3)
    hiss = np.random.default_rng(0).normal(0, 0.3 * wave.std(), len(wave))
    return (wave + hiss).astype(np.float32)[: int(16000 * seconds)]


@pytest.mark.parametrize("seconds", [1.0, 3.37, 10.0])
def test_a_file(exported, seconds, tmp_path, monkeypatch):
    model, folder = exported
    sound = noisy(seconds)
    soundfile.write(tmp_path / "noisy.wav", sound, 16000, "FLOAT")
    script = str(ROOT / "examples/onnx_enhance.py")
    paths = [folder, tmp_path / "noisy.wav", tmp_path / "enhanced.wav"]
    monkeypatch.setattr(sys, "argv", [script, *map(str, paths)])
    runpy.run_path(script)
    enhanced, rate = soundfile.read(tmp_path / "enhanced.wav", dtype="float32")
    assert rate == 16000 and enhanced.shape == sound.shape
    expected = model.enhance_batch(sound)
    assert np.abs(expected - sound).max() > 0.05
    np.testing.assert_allclose(enhanced, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("sizes", [[160], [1, 77, 641, 5000]])
def test_a_stream(exported, sizes):
    model, folder = exported
    stream = runpy.run_path(str(ROOT / "examples/onnx_stream.py"))["Stream"](folder)
    sound = noisy(2.0)
    fed = np.append(sound, np.zeros(stream.delay + 320, np.float32))
    cuts = np.cumsum(np.resize(sizes, len(fed)))
    parts = np.split(fed, cuts[cuts < len(fed)])
    found = np.concatenate([stream.feed(part) for part in parts])
    assert not found[: stream.delay - 320].any()
    live = model.make_streaming_context()
    expected = model.enhance_chunk(live, fed)[: len(sound)]
    found = found[stream.delay :][: len(sound)]
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def test_the_description_is_that_of_the_graphs(exported):
    import onnxruntime

    model, folder = exported
    about = json.loads((folder / "model.json").read_text())
    for name, graph in about["graphs"].items():
        session = onnxruntime.InferenceSession(folder / graph["file"])
        taken = {i.name: i.shape for i in session.get_inputs()}
        assert taken == {
            i["name"]: i["shape"] for i in graph["inputs"] + graph["states"]
        }
        given = {o.name: len(o.shape) for o in session.get_outputs()}
        named = {graph["output"]["name"]: len(graph["output"]["shape"])}
        named |= {state["next"]: len(state["shape"]) for state in graph["states"]}
        assert given == named, name
    late = about["delay_samples"] + 160 * about["steps_at_once"]
    assert late == model.make_streaming_context().latency_samples
    assert f"{about['delay_samples']} samples" in (folder / "README.md").read_text()


def run_stream(folder, sound):
    stream = runpy.run_path(str(ROOT / "examples/onnx_stream.py"))["Stream"](folder)
    return stream.feed(sound)


@pytest.mark.parametrize(
    ("precision", "size", "difference"), [("float16", 0.6, 0.01), ("int8", 0.8, 0.1)]
)
def test_other_precisions(precision, size, difference, tmp_path):
    model, sound, found, sizes = (
        str(wide_folder(tmp_path / "model")),
        noisy(1.0),
        [],
        [],
    )
    for name in ("float32", precision):
        folder = tmp_path / name
        assert main(["export", model, "-o", str(folder), "--precision", name]) == 0
        found.append(run_stream(folder, sound))
        sizes.append(sum(path.stat().st_size for path in folder.glob("*.onnx")))
    assert sizes[1] < size * sizes[0]
    assert 0 < np.abs(found[1] - found[0]).max() < difference * np.abs(found[0]).max()


def test_mistakes(tiny_folder, tmp_path, capsys, monkeypatch):
    def complaint(*words):
        assert main(["export", *map(str, words)]) == 2
        return capsys.readouterr().err

    assert "RecurrentStream" in complaint(tiny_folder, "-o", tmp_path / "new")
    folder = wide_folder(tmp_path / "none")
    settings = WIDE.replace("lips: student", "lips: none")
    (folder / "hyperparams.yaml").write_text(settings)
    assert "lips: none" in complaint(folder, "-o", tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    assert "full" in complaint("streaming", "-o", tmp_path / "full")
    assert (tmp_path / "full" / "a.txt").read_text() == "mine"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    error = complaint("streaming", "-o", tmp_path / "new")
    assert "onnxruntime: pip install 'pvsd[onnx]'" in error
    assert not (tmp_path / "new").exists()
