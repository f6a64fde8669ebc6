"""Student and denoiser trained together, and the audio-only baseline; both exported."""

import re

import pytest
import torch
from conftest import ROOT, TINY_LIPS, load_script

from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.evaluation.systems import Model
from pvsd_modules.inference import PseudoVisualEnhancement

TINY = {
    "channels": 8, "blocks": 1, "batch_size": 2,
    "number_of_epochs": 2, "segment_seconds": 0.4, "valid_items": 1, "test_items": 1,
    "warmup": 0.1, "cooldown": 0.3, "student_channels": 32,
    "student_layers": 1, "student_motions": 8, "augment": "null",
    "student_lookahead_frames": 1, "teacher_lookahead_frames": 1, "mask_limit": 1.25,
    "test_after_training": "False",
}  # fmt: skip
QUICK = {**TINY_LIPS, "number_of_epochs": 1, "valid_items": 1, "test_items": 1}


@pytest.fixture(scope="module")
def teacher_folder(recipe, tmp_path_factory):
    """A teacher of one epoch."""
    output = tmp_path_factory.mktemp("quick") / "teacher"
    return recipe.train("teacher", output, voices="null", batch_size=2, **QUICK)


@pytest.fixture(scope="module")
def student_folder(recipe, teacher_folder, tmp_path_factory):
    """A student of one epoch."""
    return recipe.train(
        "student", tmp_path_factory.mktemp("quick") / "student", batch_size=2,
        teacher_path=teacher_folder, augment="null", teacher_lookahead_frames=1,
        **QUICK,
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(recipe, tmp_path_factory):
    """A denoiser trained without lips."""
    output = tmp_path_factory.mktemp("base") / "denoiser"
    return recipe.train("denoiser", output, lips="none", **TINY)


def joint(recipe, output, teacher_folder, student_folder, base, **options):
    return recipe.train(
        "denoiser", output, lips="student", teacher_path=teacher_folder,
        student_path=student_folder, init_path=base, fresh_lip_path="True",
        **{**TINY, "train_student": "True", **options},
    )  # fmt: skip


def test_both_networks_learn_and_are_exported(
    recipe, teacher_folder, student_folder, base, tmp_path
):
    folder = joint(recipe, tmp_path / "joint", teacher_folder, student_folder, base)
    before = recipe.weights(student_folder, "student")
    after = recipe.weights(folder, "student")
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert len(recipe.logged(folder, "valid lip_opening")) == 2
    export = load_script("export")
    words = ["--student", folder, "--denoiser", folder, "--teacher", teacher_folder]
    export.main([str(x) for x in [*words, "--output_folder", tmp_path / "model"]])
    model = PseudoVisualEnhancement.from_hparams(str(tmp_path / "model"))
    for name in ("student", "denoiser", "teacher"):
        state = torch.load(tmp_path / "model" / f"{name}.ckpt", weights_only=True)
        source = teacher_folder if name == "teacher" else folder
        chosen = torch.load(best_checkpoint(source, name), weights_only=True)
        for key, value in chosen.items():
            assert torch.allclose(state[key].to(value), value, atol=1e-3), (name, key)
    assert model.mods["student"].recurrent.hidden_size == 32
    assert model.mods["denoiser"].mask_limit == 1.25
    assert model.enhance_batch(torch.randn(1, 3000)).shape == (1, 3000)
    # A checkpoint or a weights file of a training has that training's sizes.
    weights = best_checkpoint(folder, "denoiser")
    words = ["--student", weights.parent, "--denoiser", weights]
    words += ["--live", "--output_folder", tmp_path / "other"]
    export.main([str(x) for x in words])
    other = PseudoVisualEnhancement.from_hparams(str(tmp_path / "other"))
    assert not other.make_observation_adding().share
    assert model.make_observation_adding().share
    noisy = torch.randn(1, 3000)
    assert torch.equal(other.enhance_batch(noisy), model.enhance_batch(noisy))


def test_a_student_smaller_than_its_teacher(recipe, teacher_folder, base, tmp_path):
    sizes = {**QUICK, "channels": 16, "teacher_channels": 32}
    student = recipe.train(
        "student", tmp_path / "student", batch_size=2, teacher_path=teacher_folder,
        augment="null", teacher_lookahead_frames=1, lr=0.0, **sizes,
    )  # fmt: skip
    teacher = torch.load(best_checkpoint(teacher_folder, "teacher"), weights_only=True)
    small = recipe.weights(student, "student")
    # Its mouth is the teacher's, its layers are its own.
    assert torch.allclose(small["decoder.motions"], teacher["decoder.motions"])
    assert small["head.weight"].shape == (8, 32)
    folder = joint(
        recipe, tmp_path / "joint", teacher_folder, student, base,
        student_channels=16, teacher_channels=32, number_of_epochs=1,
    )  # fmt: skip
    assert recipe.weights(folder, "student")["head.weight"].shape == (8, 32)
    export = load_script("export")
    words = ["--student", folder, "--denoiser", folder, "--teacher", teacher_folder]
    export.main([str(x) for x in [*words, "--output_folder", tmp_path / "model"]])
    model = PseudoVisualEnhancement.from_hparams(str(tmp_path / "model"))
    assert model.mods["student"].recurrent.hidden_size == 16
    settings = (tmp_path / "model" / "hyperparams.yaml").read_text(encoding="utf-8")
    channels = re.findall(r"\bchannels: (\d+)", settings)
    assert channels.count("16") == 1 and channels.count("32") == 1  # the teacher's
    state = torch.load(tmp_path / "model" / "teacher.ckpt", weights_only=True)
    assert state["head.weight"].shape == (8, 64)


def test_the_teacher_shows_its_lips_in_training_only(
    recipe, teacher_folder, student_folder, base, tmp_path
):
    options = {"teacher_share": 1.0, "lip_weight": 0.0, "number_of_epochs": 1}
    folder = joint(
        recipe, tmp_path / "shown", teacher_folder, student_folder, base, **options
    )
    before = torch.load(best_checkpoint(student_folder, "student"), weights_only=True)
    after = recipe.weights(folder, "student")
    # No loss reaches a student whose lips are never shown; weight decay does.
    for key, value in before.items():
        assert torch.allclose(after[key], value, atol=1e-3), key
    assert len(recipe.logged(folder, "valid lip_opening")) == 1


def test_without_training_the_student_stays(
    recipe, teacher_folder, student_folder, base, tmp_path
):
    folder = joint(
        recipe, tmp_path / "fixed", teacher_folder, student_folder, base,
        train_student="False", number_of_epochs=1,
    )  # fmt: skip
    assert not list((folder / "save").glob("CKPT*/student.ckpt"))


def test_the_audio_only_baseline_trains_without_lips(
    recipe, student_folder, base, tmp_path
):
    folder = recipe.train(
        "denoiser", tmp_path / "baseline", lips="none", audio_only="True",
        init_path=base, fresh_lip_path="True", **TINY,
    )  # fmt: skip
    state = recipe.weights(folder, "denoiser")
    assert any(key.startswith("audio_path.trunk.recurrent") for key in state)
    assert not any(key.startswith("lip_encoder") for key in state)
    assert state["lip_bands.weight"].abs().sum() > 0
    words = ["--student", student_folder, "--denoiser", folder]
    words += ["--template", ROOT / "hparams" / "pretrained" / "open_baseline.yaml"]
    words += ["--output_folder", tmp_path / "model"]
    load_script("export").main([str(word) for word in words])
    system = Model(str(tmp_path / "model"), "none", "whole", "cpu")
    signals = {"noisy": torch.randn(3000), "clean": None, "lips": None}
    enhanced = system({}, signals)
    assert enhanced.shape == (3000,) and enhanced.isfinite().all()
