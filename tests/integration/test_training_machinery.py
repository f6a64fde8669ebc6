"""Resume, precision, frozen networks and both families."""

import csv
import re
import shlex

import pytest
import torch
from conftest import ROOT, TINY_LIPS

from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.paper.adapters import PaperLipTeacher
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.frozen import Frozen

TINY = {
    "channels": 8, "blocks": 1, "batch_size": 2,
    "number_of_epochs": 2, "segment_seconds": 0.4, "valid_items": 1, "lips": "zeros",
    "warmup": 0.1, "cooldown": 0.3, "test_after_training": "False",
}  # fmt: skip


TABLE = ROOT / "tests" / "recipes" / "csv" / "LRS3_VGGSound.csv"
ROWS = list(csv.DictReader(TABLE.open(encoding="utf-8")))
SAMPLES = "tests/tmp/LRS3_VGGSound"  # the synthetic corpus, in the table


class Interrupted(RuntimeError):
    pass


def interrupt_after(monkeypatch, steps):
    """Makes a Brain stop in the middle of an epoch."""

    def on_fit_batch_start(self, batch, should_step):
        if self.optimizer_step == steps:
            raise Interrupted

    monkeypatch.setattr(PvsdBrain, "on_fit_batch_start", on_fit_batch_start)


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_equals_uninterrupted(recipe, tmp_path, workers):
    options = {**TINY, "num_workers": workers, "augment": "null"}
    options |= {"ckpt_interval_steps": 2, "log_interval_steps": 3}
    whole = recipe.train("denoiser", tmp_path / "whole", **options)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(patch, 3)
        recipe.train("denoiser", tmp_path / "cut", **options)
    assert not recipe.logged(tmp_path / "cut", "valid loss")  # within epoch 1
    assert len(list((tmp_path / "cut" / "save").glob("CKPT*"))) == 1
    cut = recipe.train("denoiser", tmp_path / "cut", **options)
    wanted, found = (recipe.weights(folder, "denoiser") for folder in (whole, cut))
    for name, value in wanted.items():
        assert torch.allclose(value, found[name], atol=1e-6), name
    assert recipe.logged(whole, "train loss") == recipe.logged(cut, "train loss")
    assert len(recipe.logged(cut, "train loss")) == 2


def test_another_seed_gives_other_weights(recipe, tmp_path):
    options = {**TINY, "number_of_epochs": 1}
    folders = [
        recipe.train("denoiser", tmp_path / str(seed), seed=seed, **options)
        for seed in (1, 2)
    ]
    a, b = (recipe.weights(folder, "denoiser") for folder in folders)
    assert not torch.allclose(a["lookahead.weight"], b["lookahead.weight"], atol=1e-3)


def test_bf16_trains_in_float32_with_clipped_gradients(recipe, tmp_path):
    seen, norms = [], []

    def on_fit_batch_start(self, batch, should_step):
        forward = self.compute_forward

        def watched(batch, stage):
            out = forward(batch, stage)
            seen.append((out["enhanced"].dtype, bool(out["enhanced"].isfinite().all())))
            return out

        self.compute_forward = watched

    real = torch.nn.utils.clip_grad_norm_

    def clip(parameters, limit, *args, **kwargs):
        parameters = list(parameters)
        real(parameters, limit, *args, **kwargs)
        grads = [p.grad.norm() for p in parameters if p.grad is not None]
        norms.append(float(torch.stack(grads).norm()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
        patch.setattr(PvsdBrain, "on_fit_batch_start", on_fit_batch_start)
        options = {**TINY, "precision": "bf16", "max_grad_norm": 0.01}
        folder = recipe.train("denoiser", tmp_path / "out", **options)
    assert set(seen) == {(torch.float32, True)}
    # Every step was clipped, to the limit of the YAML.
    assert len(norms) == 12 and max(norms) <= 0.0101 and max(norms) > 0.009
    for name, value in recipe.weights(folder, "denoiser").items():
        assert value.dtype in (torch.float32, torch.int64), name
        assert torch.isfinite(value.float()).all(), name


def state_is(network, before):
    return all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def watch_frozen(monkeypatch):
    """The networks that get frozen from here on, each with a copy of its state."""
    watched = []
    start = Frozen.__init__

    def init(self, network):
        start(self, network)
        watched.append(network)

    monkeypatch.setattr(Frozen, "__init__", init)
    return watched


def test_the_student_does_not_drift_in_the_denoisers_training(
    recipe, tmp_path, monkeypatch
):
    watched = watch_frozen(monkeypatch)
    path = tmp_path / "student.ckpt"
    # The denoiser's YAML describes a student of full size.
    before = OpenLipGenerator().state_dict()
    torch.save(before, path)
    options = {**TINY, "lips": "student", "student_path": path, "number_of_epochs": 1}
    recipe.train("denoiser", tmp_path / "out", **options)
    assert state_is(watched[0], before) and not watched[0].training


def test_the_teacher_does_not_drift_in_the_students_training(
    recipe, tmp_path, monkeypatch
):
    watched = watch_frozen(monkeypatch)
    path = tmp_path / "teacher.ckpt"
    before = OpenLipGenerator(**TINY_LIPS).state_dict()
    torch.save(before, path)
    recipe.train(
        "student", tmp_path / "out", teacher_path=path, batch_size=2,
        number_of_epochs=1, segment_seconds=0.4, teacher_lookahead_frames=1,
        valid_items=1, test_items=1, **TINY_LIPS,
    )  # fmt: skip
    assert state_is(watched[0], before) and not watched[0].training


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["Hparam_file"])
def test_rows_of_speechbrains_recipe_table_run(recipe, tmp_path, row):
    for family, kind in (("open", OpenLipGenerator), ("paper", PaperLipTeacher)):
        weights = recipe.folder / f"{family}_teacher.ckpt"
        if f"{weights.name}" in row["test_debug_flags"] and not weights.is_file():
            torch.save(kind().state_dict(), weights)
    flags = row["test_debug_flags"].replace(SAMPLES, str(recipe.folder))
    words = [str(ROOT / row["Hparam_file"]), *shlex.split(flags)]
    words += ["--device=cpu", "--noprogressbar", f"--output_folder={tmp_path}"]
    recipe.run(ROOT / row["Script_file"], words)
    wanted = re.fullmatch(r"file_exists=\[(.+)\]", row["test_debug_checks"])[1]
    assert [x for x in wanted.split(",") if not (tmp_path / x).is_file()] == []
    assert "nan" not in (tmp_path / "train_log.txt").read_text()
