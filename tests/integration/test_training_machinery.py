"""Resume, precision, frozen networks, both families, several processes."""

import os
import subprocess
import sys

import pytest
import torch
from conftest import RECIPE, load_script

from pvsd_modules.training.frozen import Frozen

TINY = {
    "channels": 8, "blocks": 1, "batch_size": 2, "steps_per_epoch": 6,
    "number_of_epochs": 2, "segment_seconds": 0.4, "valid_items": 1, "lips": "zeros",
    "warmup_steps": 2, "cooldown_steps": 4, "test_after_training": "False",
}  # fmt: skip


class Interrupted(RuntimeError):
    pass


def interrupt_after(script, steps):
    """Makes a script's Brain stop in the middle of an epoch."""

    class Interrupting(script.DenoiserBrain):
        def on_fit_batch_start(self, batch, should_step):
            super().on_fit_batch_start(batch, should_step)
            if self.optimizer_step == steps:
                raise Interrupted

    script.DenoiserBrain = Interrupting


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_equals_uninterrupted(recipe, tmp_path, workers):
    options = {**TINY, "num_workers": workers, "augment": "null"}
    options |= {"ckpt_interval_minutes": 0, "ckpt_interval_steps": 2}
    whole = recipe.train("denoiser", tmp_path / "whole", **options)
    script = load_script("train_denoiser")
    interrupt_after(script, 3)
    with pytest.raises(Interrupted):
        recipe.train("denoiser", tmp_path / "cut", script=script, **options)
    assert not (tmp_path / "cut" / "train_log.txt").exists()  # within epoch 1
    assert len(list((tmp_path / "cut" / "save").glob("CKPT*"))) == 1
    cut = recipe.train("denoiser", tmp_path / "cut", **options)
    wanted, found = (recipe.weights(folder, "denoiser") for folder in (whole, cut))
    for name, value in wanted.items():
        assert torch.allclose(value, found[name], atol=1e-6), name
    assert recipe.logged(whole, "train loss") == recipe.logged(cut, "train loss")
    assert len(recipe.logged(cut, "train loss")) == 2


def test_another_seed_gives_other_weights(recipe, tmp_path):
    folders = [
        recipe.train("denoiser", tmp_path / str(seed), seed=seed, **TINY)
        for seed in (1, 2)
    ]
    a, b = (recipe.weights(folder, "denoiser") for folder in folders)
    assert not torch.allclose(a["narrow.weight"], b["narrow.weight"], atol=1e-3)


def test_bf16_trains_in_float32_with_clipped_gradients(recipe, tmp_path):
    script = load_script("train_denoiser")
    seen = []

    class Watching(script.DenoiserBrain):
        def compute_forward(self, batch, stage):
            out = super().compute_forward(batch, stage)
            seen.append((out["enhanced"].dtype, bool(out["enhanced"].isfinite().all())))
            return out

        def on_fit_batch_end(self, batch, outputs, loss, should_step):
            super().on_fit_batch_end(batch, outputs, loss, should_step)
            assert torch.isfinite(loss)

    script.DenoiserBrain = Watching
    norms = []
    real = torch.nn.utils.clip_grad_norm_

    def clip(parameters, limit, *args, **kwargs):
        parameters = list(parameters)
        real(parameters, limit, *args, **kwargs)
        grads = [p.grad.norm() for p in parameters if p.grad is not None]
        norms.append(float(torch.stack(grads).norm()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
        options = {**TINY, "precision": "bf16", "max_grad_norm": 0.01}
        folder = recipe.train("denoiser", tmp_path / "out", script=script, **options)
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
    recipe, student_folder, tmp_path, monkeypatch
):
    watched = watch_frozen(monkeypatch)
    path = tmp_path / "student.ckpt"
    # The denoiser's YAML describes a student of full size.
    from pvsd_modules.models.open.lip_generator import OpenLipGenerator

    before = OpenLipGenerator().state_dict()
    torch.save(before, path)
    options = {**TINY, "lips": "student", "student_path": path, "number_of_epochs": 1}
    recipe.train("denoiser", tmp_path / "out", **options)
    assert state_is(watched[0], before) and not watched[0].training


def test_the_teacher_does_not_drift_in_the_students_training(
    recipe, teacher_folder, tmp_path, monkeypatch
):
    watched = watch_frozen(monkeypatch)
    path = recipe.checkpoint(teacher_folder, "teacher")
    before = torch.load(path, weights_only=True)
    recipe.train(
        "student", tmp_path / "out", teacher_path=path, batch_size=2,
        number_of_epochs=1, segment_seconds=0.4, channels=32, layers=1, motions=8,
        lookahead_frames=1, teacher_lookahead_frames=1, valid_items=1, test_items=1,
    )  # fmt: skip
    assert state_is(watched[0], before) and not watched[0].training


@pytest.mark.parametrize("training", ["teacher", "student", "denoiser"])
@pytest.mark.parametrize("family", ["open", "paper"])
def test_debug_runs(recipe, tmp_path, family, training):
    options = {"debug": True, "debug_batches": 1, "debug_epochs": 1, "batch_size": 1}
    options |= {"valid_items": 1, "test_items": 1, "segment_seconds": 0.2}
    if training == "teacher":
        options["train_items"] = 2
    if training == "student":
        from pvsd_modules.models.open.lip_generator import OpenLipGenerator
        from pvsd_modules.models.paper.adapters import PaperLipTeacher

        kinds = {"open": OpenLipGenerator()}
        network = kinds["open"] if family == "open" else PaperLipTeacher()
        options["teacher_path"] = tmp_path / "teacher.ckpt"
        torch.save(network.state_dict(), options["teacher_path"])
    if training == "denoiser":
        options["lips"] = "zeros"
    folder = recipe.train(training, tmp_path / "out", family, **options)
    log = (folder / "train_log.txt").read_text()
    assert "train loss" in log and "test loss" in log and "nan" not in log


def test_two_processes_train_together(recipe, tmp_path):
    options = {**TINY, "device": "cpu", "distributed_backend": "gloo", "debug": True}
    options |= {"debug_epochs": 1, "debug_batches": 1, "debug_persistently": True}
    words = recipe.arguments("denoiser", tmp_path / "out", **options)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", str(RECIPE / "train_denoiser.py"), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / "out" / "save").glob("CKPT*"))) == 1
    assert len(recipe.logged(tmp_path / "out", "train loss")) == 1
