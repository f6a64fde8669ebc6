"""Folders of strangers: nothing of theirs runs, and each is refused in a sentence."""

import shutil
from pathlib import Path

import pytest
import torch

from pvsd_modules import cli
from pvsd_modules.checkpoints.describe import describe_model
from pvsd_modules.checkpoints.find import pretrained_folder, shipped_models
from pvsd_modules.checkpoints.load import load_interface
from pvsd_modules.checkpoints.trust import is_allowed, resolved_settings
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement

MODELS = "pvsd_modules.models"
PRETRAINER = "!new:speechbrain.utils.parameter_transfer.Pretrainer"
NESTED = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)
)
# Each is a line of YAML; TRACE is a folder that must not appear.
HOSTILE = {
    "apply": "x: !apply:os.mkdir [TRACE]",
    "apply of a builtin": "x: !apply:builtins.exec ['import os; os.mkdir(\"TRACE\")']",
    "applyref": "x: !applyref:os.mkdir [TRACE]",
    "applyref in a list": "x: [1, {y: !applyref:os.mkdir {path: TRACE}}]",
    "new": "x: !new:subprocess.Popen [[mkdir, TRACE]]",
    "new with escapes": "x: !new:subprocess%2EPopen [[mkdir, TRACE]]",
    "name": "x: !name:os.mkdir [TRACE]",
    "name as the stream": "stream: !name:os.mkdir {path: TRACE}",
    "name without arguments": "stream: !name:os.mkdir",
    "module": "x: !module:antigravity",
    "python object": "x: !!python/object/apply:os.mkdir [TRACE]",
    "python object, spelled out": (
        "x: !<tag:yaml.org,2002:python/object/apply:os.mkdir> [TRACE]"
    ),
    "python new": "x: !!python/object/new:subprocess.Popen [[mkdir, TRACE]]",
    "python name": "x: !!python/name:os.mkdir",
    "python module": "x: !!python/module:antigravity",
    "python tuple": "x: !!python/tuple [1, 2]",
    "tuple": "x: (!!python/object/apply:os.mkdir [TRACE])",
    "tuple in a tuple": "x: (1, [!!python/object/apply:os.mkdir [TRACE]])",
    "tagged tuple": 'x: !tuple "(!!python/object/apply:os.mkdir [TRACE])"',
    "tuple behind new": "x: !new:subprocess.Popen (a)",
    "key": "? !apply:os.mkdir [TRACE]\n: 1",
    "in a network": (
        "d: !new:pvsd_modules.models.open.wide_denoiser.WideDenoiser\n"
        "    channels: !apply:os.mkdir [TRACE]"
    ),
    "module of a module": f"x: !new:{MODELS}.lip_source.torch.nn.Module",
    "name that a module imports": f"x: !new:{MODELS}.lip_source.PvsdError",
    "os of a module": f"x: !name:{MODELS}.paper.adapters.copy.os.mkdir [TRACE]",
    "class that writes": "x: !new:pvsd_modules.data.audio_store.AudioStore [TRACE]",
    "function of the project": f"x: !name:{MODELS}.paper.folding.fused_copy",
    "command of the project": "x: !name:pvsd_modules.cli.main [[--version]]",
    "other library": "x: !new:torch.utils.cpp_extension.BuildExtension",
    "network of SpeechBrain": (
        "x: !new:speechbrain.integrations.huggingface.wav2vec2.Wav2Vec2 "
        "{source: me/evil, save_path: TRACE}"
    ),
    "include": "x: !include:/etc/hostname",
    "include of a neighbour": "x: !include:../other.yaml\n    a: 1",
    "attribute": "x: !ref <sample_rate.__class__>",
    "arithmetic": "x: !ref 9 ** <sample_rate> ** <sample_rate>",
    "long text": "x: !ref <lips><lips>",
    "copy": "x: !copy <lips>",
    "missing reference": "x: !ref <nothing>",
    "circle of references": "x: !ref <y>\ny: !ref <x>",
    "placeholder": "x: !PLACEHOLDER",
    "aliases": NESTED,
    "alias in a circle": "x: &x [1, *x]",
    "merge": "a: &a {b: 1}\nx: {<<: [*a, *a]}",
    "depth": "x: " + "[" * 5000 + "]" * 5000,
    "size": "x: '" + "a" * 200_000 + "'",
    "number": "x: 1000000000000",
    "long number": "x: " + "9" * 5000,
    "run options": "compile: True",
    "just-in-time": "jit_module_keys: [student]",
    "two documents": "---\nx: !apply:os.mkdir [TRACE]",
    "unknown tag": "x: !evil 1",
    "redefined tag": None,  # a directive comes first in a file
    "no YAML": "x: [1, 2",
    "tab": "\tx: 1",
    "duplicate key": "lips: student",
    "pretrainer with paths": f"p: {PRETRAINER} {{paths: {{a: /etc/x}}}}",
    "pretrainer with hooks": f"p: {PRETRAINER} {{custom_hooks: {{a: b}}}}",
    "pretrainer with a list": f"p: {PRETRAINER} [TRACE]",
    "weights elsewhere": f"p: {PRETRAINER} {{loadables: {{../../x: 1}}}}",
    "named pretrainer": f"p: {PRETRAINER.replace('new', 'name')} {{collect_in: TRACE}}",
}


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(
        pretrained_folder("streaming"),
        tmp_path / "model",
        ignore=shutil.ignore_patterns("training", "controls", "*.csv", "*.json"),
    )


def refusal(call, *arguments, **options):
    with pytest.raises(PvsdError) as caught:
        call(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 700, message
    return message


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_folder_runs_nothing(case, model, tmp_path, capsys):
    trace, settings = tmp_path / "trace", model / "hyperparams.yaml"
    text = settings.read_text()
    if HOSTILE[case] is None:
        text = f"%TAG !n! !apply:os.\n---\nx: !n!mkdir ['{trace}']\n" + text
    else:
        text = f"{text}\n{HOSTILE[case].replace('TRACE', str(trace))}\n"
    settings.write_text(text)
    first = refusal(PseudoVisualEnhancement.from_hparams, model)
    assert refusal(describe_model, model) == first
    assert str(settings) in first
    assert cli.main(["info", str(model)]) == 2
    assert first in capsys.readouterr().err
    assert not trace.exists()


def test_the_shipped_models_are_allowed_and_say_their_latency():
    for name in shipped_models():
        folder = pretrained_folder(name)
        resolved_settings(folder / "hyperparams.yaml")
        enhancer = PseudoVisualEnhancement.from_hparams(name)
        described = describe_model(folder)
        latency = enhancer.make_stream().latency_samples / 16
        assert described.latency_ms == latency
        for key, network in enhancer.mods.items():
            values = sum(value.numel() for value in network.state_dict().values())
            assert described.values[key] == values


def test_what_is_allowed():
    for name in (
        "pvsd_modules.models.open.wide_denoiser.WideDenoiser",
        "pvsd_modules.models.paper.adapters.PaperDenoiser",
        "torch.nn.ReLU",
    ):
        assert is_allowed(name), name
    for name in (
        "pvsd_modules.models.open.wide_denoiser.nn.Module",
        "pvsd_modules.models.open.wide_denoiser.Tensor",
        "pvsd_modules.models.nowhere.WideDenoiser",
        "pvsd_modules.models.open.wide_denoiser.",
        "pvsd_modules.inference.files.Path",
        "..",
        "",
    ):
        assert not is_allowed(name), name


def test_a_trusted_folder_may_build_anything(model, tmp_path):
    settings = model / "hyperparams.yaml"
    settings.write_text(
        f"{settings.read_text()}\nx: !new:pathlib.Path ['{tmp_path}']\n"
    )
    assert "building pathlib.Path is not allowed" in refusal(load, model)
    assert load(model, trust=True).hparams.x == tmp_path
    noisy = tmp_path / "no.wav"
    for more, words in (([], "not allowed"), (["--trust"], "no.wav")):
        command = ["enhance", str(noisy), "--model", str(model), *more]
        assert cli.main(command) == 2, words


def load(model, **options):
    return load_interface(PseudoVisualEnhancement, model, **options)


def test_weights_are_read_once_and_the_teacher_only_on_request(monkeypatch):
    from pvsd_modules.checkpoints import weights

    read = []
    original = torch.load

    def counting(path, *arguments, **options):
        read.append(Path(path).name)
        return original(path, *arguments, **options)

    monkeypatch.setattr(weights.torch, "load", counting)
    enhancer = PseudoVisualEnhancement.from_hparams("offline")
    assert sorted(read) == ["denoiser.ckpt", "mouth_reader.ckpt", "student.ckpt"]
    assert set(enhancer.mods) == {"denoiser", "student", "mouth_reader"}
    read.clear()
    enhancer = PseudoVisualEnhancement.from_hparams("offline", extra_networks=True)
    assert [name for name in sorted(read) if name != "mouth_reader.ckpt"] == [
        *("denoiser.ckpt", "student.ckpt", "teacher.ckpt")
    ]
    assert set(enhancer.mods) == {"denoiser", "student", "teacher", "mouth_reader"}


def change(model, old, new):
    path = model / "hyperparams.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


ODD = {
    "other sizes": ("channels: 96", "channels: 24", "does not fit"),
    "more layers": ("blocks: 6", "blocks: 7", "missing, such as"),
    "monstrous": ("channels: 96", "channels: 6000", "much larger"),
    "text for a size": ("channels: 96", "channels: a", "cannot be"),
    "no stream": ("stream: !name", "flow: !name", "stream"),
    "no modules": ("modules:", "parts:", "lacks 'modules'"),
    "no pretrainer": ("pretrainer: !new", "trainer: !new", "lacks 'pretrainer'"),
    "no denoiser": ("  denoiser: *id002\n", "", "denoiser"),
    "other rate": ("sample_rate: 16000", "sample_rate: 8000", "sample_rate"),
    "unknown argument": ("mask_limit: 1.5", "mask: 1.5", "Invalid argument"),
}


def test_a_model_of_a_network_that_is_gone_says_so(model, capsys):
    change(model, "open.wide_denoiser.WideDenoiser", "open.denoiser.OpenDenoiser")
    message = refusal(load, model)
    assert "has no OpenDenoiser any more" in message and "trust" not in message
    assert cli.main(["info", str(model)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("case", ODD)
def test_odd_settings_are_a_sentence(case, model):
    old, new, words = ODD[case]
    change(model, old, new)
    message = refusal(load, model)
    assert words in message and str(model) in message


def test_weights_outside_of_the_folder(model, tmp_path):
    shutil.move(model / "student.ckpt", tmp_path / "student.ckpt")
    (model / "student.ckpt").symlink_to(tmp_path / "student.ckpt")
    assert "link out of the folder" in refusal(load, model)
    load(model, trust=True)
    blobs = tmp_path / "hub" / "blobs"
    blobs.mkdir(parents=True)
    snapshot = shutil.move(model, tmp_path / "hub" / "snapshots" / "1a2b")
    (snapshot / "student.ckpt").unlink()
    shutil.move(tmp_path / "student.ckpt", blobs / "f00")
    (snapshot / "student.ckpt").symlink_to(blobs / "f00")
    load(snapshot)
