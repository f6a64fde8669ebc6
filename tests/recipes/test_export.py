"""Export: a model folder of a run, with what the run was started with."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
from hyperpyyaml import load_hyperpyyaml, resolve_references
from speechbrain.core import INTRA_EPOCH_CKPT_FLAG
from speechbrain.inference.interfaces import foreign_class

from pvsd_modules.checkpoints import export as export_module
from pvsd_modules.checkpoints.export import export
from pvsd_modules.checkpoints.find import pretrained_folder
from pvsd_modules.checkpoints.runs import StrictCheckpointer
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement

ROOT = Path(__file__).parents[2]
STUDENT = "!new:pvsd_modules.models.open.lip_generator.OpenLipGenerator"
DENOISER = "!new:pvsd_modules.models.open.wide_denoiser.WideDenoiser"
SIZES = {
    "denoiser": {"channels": 16, "blocks": 1, "lookahead_steps": 4, "mask_limit": 1.25},
    "student": {"channels": 32, "layers": 1, "motions": 8, "lookahead_frames": 1},
}


def write_run(folder, text, **meta):
    """The output folder of a run whose networks are as they were initialised."""
    folder.mkdir()
    resolved = resolve_references(text).getvalue()
    (folder / "hyperparams.yaml").write_text(resolved)
    torch.manual_seed(0)
    networks = load_hyperpyyaml(resolved)
    recoverables = {
        name: networks[name] for name in ("denoiser", "student") if name in networks
    }
    checkpointer = StrictCheckpointer(folder / "save", recoverables)
    checkpointer.save_checkpoint(meta=meta)
    return folder


def settings_of(**sizes):
    blocks = []
    for name, kind in (("student", STUDENT), ("denoiser", DENOISER)):
        if name in sizes:
            lines = "".join(f"\n  {k}: {v}" for k, v in sizes[name].items())
            blocks.append(f"{name}: {kind}{lines}\n")
    return "".join(blocks)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "joint"
    return write_run(folder, f"channels: 7\n{settings_of(**SIZES)}", pesq=2.0)


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(ROOT / "recipes/LRS3_VGGSound/export.py"))["main"]


def test_a_folder_of_a_run_is_ready_for_a_hub(run, main, tmp_path):
    scores = json.loads((pretrained_folder("offline") / "lips.json").read_text())
    assert scores  # any other JSON is refused
    summary = {
        "groups": [{"snr": "all", "files": 1}],
        "categories": [],
        "undefined": {},
        "failures": {},
    }
    (tmp_path / "scores.json").write_text(json.dumps(summary))
    words = ["--student", str(run), "--denoiser", str(run), "--live"]
    words += ["--output_folder", str(tmp_path / "model"), "--publish"]
    for more, missing in (
        ([], "data, licence, metrics"),
        (["--data", "LibriSpeech"], "licence, metrics"),
        (["--data", "LibriSpeech", "--licence", "CC BY 4.0"], "metrics"),
        (["--metrics", str(tmp_path / "none.json")], "cannot be read"),
    ):
        with pytest.raises(PvsdError, match=missing):
            main([*words, *more])
        assert not (tmp_path / "model").exists()
    words += ["--data", "LibriSpeech", "--licence", "CC BY 4.0"]
    main([*words, "--metrics", str(tmp_path / "scores.json")])

    folder = tmp_path / "model"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.md", "custom_interface.py", "denoiser.ckpt", "example.py"),
        *("hyperparams.yaml", "student.ckpt"),
    ]
    text = (folder / "hyperparams.yaml").read_text()
    assert not any(word in text for word in ("!ref", "!include", "!apply", "teacher"))
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n") and "LibriSpeech" in card

    model = PseudoVisualEnhancement.from_hparams(folder)
    assert model.make_observation_adding().share == 0.0
    for name, sizes in SIZES.items():
        path = next(run.glob(f"save/CKPT*/{name}.ckpt"))
        stored = torch.load(path, weights_only=True)
        for key, value in model.mods[name].state_dict().items():
            assert torch.equal(value, stored[key])
        assert all(f"{key}: {value}" in text for key, value in sizes.items())
    foreign = foreign_class(
        source=str(folder),
        pymodule_file="custom_interface.py",
        classname="PseudoVisualEnhancement",
    )
    noisy = 0.1 * torch.randn(1, 8000)
    enhanced = model.enhance_batch(noisy)
    assert torch.equal(foreign.enhance_batch(noisy), enhanced)
    soundfile.write(tmp_path / "noisy.wav", noisy[0].numpy(), 16000)
    example = [sys.executable, folder / "example.py", "noisy.wav", "enhanced.wav"]
    subprocess.run(example, cwd=tmp_path, check=True, env={**_environment()})
    assert soundfile.info(tmp_path / "enhanced.wav").frames == 8000


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_arguments_of_any_type_survive(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_networks.py").write_text(
        "import torch\n"
        "from pvsd_modules.models.open.wide_denoiser import WideDenoiser\n\n\n"
        "class Own(WideDenoiser):\n"
        "    def __init__(self, options, causal, kind, activation, empty, **sizes):\n"
        "        super().__init__(**sizes)\n"
        "        self.given = (options, causal, kind, activation, empty)\n"
    )
    own = """options: [1, [2.5, null], {a: true}]
  causal: false
  kind: "on: 3"
  activation: !new:torch.nn.ReLU
  empty: null
  channels: 16
  blocks: 1
"""
    text = settings_of(student=SIZES["student"])
    text += f"denoiser: !new:own_networks.Own\n  {own}"
    folder = write_run(tmp_path / "run", text)
    template = tmp_path / "template.yaml"
    known = (ROOT / "hparams/pretrained/open.yaml").read_text()
    template.write_text(known.replace(DENOISER, "!new:own_networks.Own"))
    sources = {"student": folder, "denoiser": folder}
    with pytest.raises(PvsdError, match=r"No settings.*own_networks\.Own"):
        export(sources, tmp_path / "model")
    export(sources, tmp_path / "model", template)
    with pytest.raises(PvsdError, match="own_networks.Own is not allowed"):
        PseudoVisualEnhancement.from_hparams(tmp_path / "model")
    model = PseudoVisualEnhancement.from_hparams(tmp_path / "model", trust=True)
    options, causal, kind, activation, empty = model.mods["denoiser"].given
    assert options == [1, [2.5, None], {"a": True}]
    assert (causal, kind, empty) == (False, "on: 3", None)
    assert isinstance(activation, torch.nn.ReLU)


def test_the_kind_is_that_of_the_weights(run, tmp_path):
    baseline = settings_of(**SIZES) + "  baseline_of: !ref <student>\n"
    other = write_run(tmp_path / "baseline", baseline)
    folder = export({"student": other, "denoiser": other}, tmp_path / "model")
    text = (folder / "hyperparams.yaml").read_text()
    assert "\nlips: none\n" in text and "channels: 16" in text
    PseudoVisualEnhancement.from_hparams(folder)
    again = export({"student": folder, "denoiser": folder}, tmp_path / "again")
    assert (again / "hyperparams.yaml").read_text() == text
    with pytest.raises(PvsdError, match="model needs a student"):
        export({"denoiser": run}, tmp_path / "none")


def test_weights_that_do_not_fit_their_run(run, tmp_path):
    sizes = {**SIZES, "denoiser": {**SIZES["denoiser"], "channels": 24}}
    other = write_run(tmp_path / "other", settings_of(**sizes))
    weights = next(other.glob("save/CKPT*/denoiser.ckpt"))
    weights.write_bytes(next(run.glob("save/CKPT*/denoiser.ckpt")).read_bytes())
    with pytest.raises(PvsdError, match="does not fit the denoiser"):
        export({"student": run, "denoiser": other}, tmp_path / "model")


def test_unvalidated_checkpoints_only_when_told(tmp_path):
    other = write_run(
        tmp_path / "run", settings_of(**SIZES), **{INTRA_EPOCH_CKPT_FLAG: True}
    )
    sources = {"student": other, "denoiser": other}
    with pytest.raises(PvsdError, match="never validated"):
        export(sources, tmp_path / "model")
    export(sources, tmp_path / "model", allow_unvalidated=True)


def test_half_precision_only_where_the_output_stays(run, tmp_path, monkeypatch):
    sources = {"student": run, "denoiser": run}
    folder = export(sources, tmp_path / "half", half=True)
    whole = export(sources, tmp_path / "whole")
    sizes = [(f / "student.ckpt").stat().st_size for f in (folder, whole)]
    assert sizes[0] < 0.7 * sizes[1]
    noisy = 0.1 * torch.randn(1, 16000)
    models = [PseudoVisualEnhancement.from_hparams(f) for f in (folder, whole)]
    one, other = (model.enhance_batch(noisy) for model in models)
    assert 0 < (one - other).abs().max() <= export_module.TOLERANCE
    monkeypatch.setattr(export_module, "TOLERANCE", 0.0)
    with pytest.raises(PvsdError, match="half precision changes the output"):
        export(sources, tmp_path / "refused", half=True)
