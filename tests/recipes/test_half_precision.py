"""half_precision.py on folders of training runs."""

import importlib.util
from pathlib import Path

import torch

SCRIPT = Path(__file__).parents[2] / "recipes" / "LRS3_VGGSound" / "half_precision.py"
_spec = importlib.util.spec_from_file_location("half_precision_script", SCRIPT)
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)


def checkpoint(run, name, value, complete=True):
    folder = run / "save" / name
    folder.mkdir(parents=True)
    state = {"weight": torch.full((3,), value), "count": torch.tensor(7)}
    torch.save(state, folder / "denoiser.ckpt")
    if complete:
        (folder / "CKPT.yaml").write_text("{}", encoding="utf-8")


def test_the_newest_complete_checkpoint_is_copied(tmp_path):
    checkpoint(tmp_path, "CKPT+1", 1.0)
    checkpoint(tmp_path, "CKPT+2", 2.0)
    checkpoint(tmp_path, "CKPT+3", 3.0, complete=False)
    output = tmp_path / "half.ckpt"
    assert script.main([str(tmp_path), str(output)]) == 0
    state = torch.load(output, weights_only=True)
    assert state["weight"].tolist() == [2.0] * 3
    assert state["weight"].dtype == torch.float16
    assert state["count"].dtype == torch.int64


def test_a_weights_file_is_copied(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "a.ckpt")
    output = tmp_path / "half.ckpt"
    assert script.main([str(tmp_path / "a.ckpt"), str(output)]) == 0
    assert torch.load(output, weights_only=True)["weight"].dtype == torch.float16


def test_a_run_without_checkpoint_is_said_to_have_none(tmp_path, capsys):
    assert script.main([str(tmp_path), str(tmp_path / "half.ckpt")]) == 2
    assert "no checkpoint" in capsys.readouterr().err
