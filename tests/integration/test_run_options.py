"""SpeechBrain's run options and train loggers with the three training scripts."""

import re

import pytest
import torch
from conftest import RECIPE, ROOT, TINY_LIPS

from pvsd_modules.models.open.lip_generator import OpenLipGenerator

SIZES = {
    "teacher": {"voices": "null", **TINY_LIPS},
    "student": {"augment": "null", "teacher_lookahead_frames": 1, **TINY_LIPS},
    "denoiser": {
        "channels": 8, "blocks": 1, "lips": "student", "student_channels": 32,
        "student_layers": 1, "student_motions": 8, "student_lookahead_frames": 1,
        "test_after_training": "False",
    },
}  # fmt: skip


@pytest.mark.parametrize("training", SIZES)
def test_compiled_in_bf16_with_checkpoints_by_steps_and_another_logger(
    recipe, tmp_path, training, monkeypatch
):
    name = "tensorboard.backend.event_processing.event_accumulator"
    tensorboard = pytest.importorskip(name)
    torch.manual_seed(0)
    sizes = {"channels": 32, "layers": 1, "motions": 8, "lookahead_frames": 1}
    level = {"level_seconds": 3.0} if training == "denoiser" else {}
    torch.save(OpenLipGenerator(**sizes, **level).state_dict(), tmp_path / "lips.ckpt")
    options = {**SIZES[training], "batch_size": 2, "number_of_epochs": 1}
    if training != "teacher":
        owner = "teacher" if training == "student" else "student"
        options[f"{owner}_path"] = tmp_path / "lips.ckpt"
    options |= {"segment_seconds": 0.4, "valid_items": 1, "test_items": 1}
    options |= {"compile": True, "precision": "bf16", "ckpt_interval_steps": 2}
    options |= {"log_interval_steps": 1}
    compile_module, compiled, saved = torch.compile, [], []

    def compile_eagerly(module, mode=None, **options):  # inductor takes minutes
        compiled.append(type(module).__name__)
        return compile_module(module, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", compile_eagerly)
    words = recipe.arguments(training, tmp_path / "out", **options)
    text = (ROOT / "hparams" / "open" / f"{training}.yaml").read_text(encoding="utf-8")
    page = (RECIPE / "README.md").read_text(encoding="utf-8")
    logger = re.search(r"^```yaml\n(train_logger: .*?)^```$", page, re.M | re.S)[1]
    text, count = re.subn(r"^train_logger: .*\n .*\n", logger, text, flags=re.M)
    assert count == 1
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    recipe.run(
        RECIPE / f"train_{training}.py", [str(tmp_path / "settings.yaml"), *words[1:]]
    )
    assert len(compiled) == len(re.findall(r"^    \w+:", modules_of(text), re.M))
    saved = list((tmp_path / "out" / "save").glob("CKPT*"))
    assert saved
    state = recipe.weights(tmp_path / "out", training)
    assert not [key for key in state if "_orig_mod" in key]
    events = tensorboard.EventAccumulator(
        str(next((tmp_path / "out" / "tensorboard").rglob("events*")).parent)
    ).Reload()
    tags = events.Tags()["scalars"]
    assert len(events.Scalars("step_loss/train")) > 1, tags
    assert len(events.Scalars("loss/valid")) == 1


def test_a_limit_of_steps_ends_the_run_and_its_schedule(recipe, tmp_path):
    options = {**SIZES["denoiser"], "lips": "none", "augment": "null", "batch_size": 2}
    options |= {"segment_seconds": 0.4, "valid_items": 1, "number_of_epochs": 50}
    options |= {"optimizer_step_limit": 3, "log_interval_steps": 1}
    options |= {"warmup": 0.0, "cooldown": 1.0, "lr": 0.003}
    folder = recipe.train("denoiser", tmp_path / "out", **options)
    assert len(recipe.logged(folder, "step_loss")) == 3
    # The rate of the step that follows: over three steps, not over 50 epochs.
    rates = recipe.logged(folder, "lr")[:3]
    assert rates == pytest.approx([0.002, 0.001, 0.0])


def modules_of(text):
    """The lines below ``modules:`` of a YAML file."""
    return re.search(r"^modules:\n((?: .*\n)+)", text, re.M)[1]
