"""What a training script refuses, in one sentence, instead of being quietly wrong."""

import json
import shutil

import pytest
import torch

from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.paper.adapters import PaperLipTeacher

TINY = {
    "channels": 8, "blocks": 1, "batch_size": 2, "number_of_epochs": 1,
    "segment_seconds": 0.4, "valid_items": 1, "lips": "zeros", "augment": "null",
    "test_after_training": "False",
}  # fmt: skip


@pytest.mark.parametrize(
    "training, options, words",
    [
        ("denoiser", {"audio_only": "True"}, "add --lips none"),
        ("denoiser", {"lips": "student"}, "add --student_path"),
        ("denoiser", {"lips": "shuffled"}, "add --student_path"),
        ("denoiser", {"lips": "teacher"}, "add --teacher_path"),
        ("denoiser", {"train_student": "True"}, "add --lips student"),
        ("denoiser", {"batch_size": 100}, "batch_size 100"),
        ("denoiser", {"grad_accumulation_factor": 50}, "grad_accumulation_factor 50"),
        ("denoiser", {"warmup": 0.6, "cooldown": 0.6}, "must not exceed 1"),
        ("denoiser", {"init_path": "nothing"}, "holds no denoiser.ckpt"),
        ("student", {"teacher_path": "nothing"}, "holds no teacher.ckpt"),
    ],
)
def test_settings_are_refused(recipe, tmp_path, refused, training, options, words):
    common = TINY if training == "denoiser" else {}
    options = {**common, **options}
    message = refused(recipe.train, training, tmp_path / "out", **options)
    assert words in " ".join(message.split())
    assert not list((tmp_path / "out").glob("save/CKPT*"))


@pytest.mark.parametrize(
    "family, network",
    [("paper", OpenLipGenerator), ("open", PaperLipTeacher)],
)
def test_foreign_weights_are_refused(recipe, tmp_path, refused, family, network):
    path = tmp_path / "teacher.ckpt"
    torch.save(network().state_dict(), path)
    options = {"teacher_path": path, "start_as_teacher": "False", "batch_size": 1}
    message = refused(recipe.train, "student", tmp_path / "out", family, **options)
    assert str(path) in message and "does not fit the teacher" in message


def test_a_run_resumes_only_as_what_it_was(recipe, tmp_path, refused):
    whole = recipe.train("denoiser", tmp_path / "run", **TINY)
    assert recipe.logged(whole, "valid loss")
    message = refused(recipe.train, "denoiser", whole, **{**TINY, "channels": 16})
    assert "does not fit the denoiser" in message
    # Other data, although there are as many of them.
    other = tmp_path / "manifests"
    shutil.copytree(recipe.manifests, other)
    speech = json.loads((other / "train_speech.json").read_text())
    renamed = {f"{key}_": value for key, value in speech.items()}
    (other / "train_speech.json").write_text(json.dumps(renamed))
    options = {**TINY, "manifest_folder": other, "number_of_epochs": 2}
    message = refused(recipe.train, "denoiser", whole, **options)
    assert "other data" in message and "init_path" in message
    # Another batch size is right between two epochs, and the schedule is the new one.
    options = {**TINY, "number_of_epochs": 3, "batch_size": 4, "log_interval_steps": 1}
    recipe.train("denoiser", whole, **options)
    rates = recipe.logged(whole, "lr")
    assert len(recipe.logged(whole, "valid loss")) == 3
    steps = len(speech) // 4
    assert rates[-2] == 0 and all(rate > 0 for rate in rates[2 : 2 + steps])
    checkpoint = recipe.checkpoint(whole, "denoiser")
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    message = refused(
        recipe.train, "denoiser", whole, **{**TINY, "number_of_epochs": 4}
    )
    assert str(checkpoint) in message
