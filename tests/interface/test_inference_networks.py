"""Streams run fused copies of networks that have one, at the precision asked for."""

import copy

import pytest
import tiny_networks
import torch

from pvsd_modules.inference import PseudoVisualEnhancement


@pytest.fixture
def fused(monkeypatch):
    """Give the tiny student fused copies; lists the types that they were made for."""
    made = []

    class Student(tiny_networks.TinyStudent):
        def for_inference(self, dtype):
            made.append(dtype)
            return copy.deepcopy(self)

    monkeypatch.setattr(tiny_networks, "TinyStudent", Student)
    return made


def load(folder, precision):
    options = {"device": "cpu", "precision": precision}
    return PseudoVisualEnhancement.from_hparams(folder, run_opts=options)


@pytest.mark.parametrize(
    "precision, dtype", [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_fused_copy_is_made_once_and_anew_for_other_weights(
    tiny_folder, fused, precision, dtype
):
    model = load(tiny_folder, precision)
    noisy = torch.rand(1, 20000) - 0.5
    names = [name for name, _ in model.mods.named_parameters()]
    first = model.enhance_batch(noisy)
    assert torch.equal(model.enhance_batch(noisy), first)
    assert fused == [dtype]
    with torch.no_grad():
        model.mods["student"].weight.mul_(-1)
    assert not torch.equal(model.enhance_batch(noisy), first)
    assert fused == [dtype, dtype]
    assert [name for name, _ in model.mods.named_parameters()] == names


def test_precision_is_an_option_of_the_command(pvsd, tmp_path, tiny_folder, fused):
    import numpy as np
    import soundfile

    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.3, 0.3, 8000), 16000)
    code, _, _ = pvsd("enhance", path, "--precision", "bf16", model=tiny_folder)
    assert code == 0 and fused == [torch.bfloat16]
    assert soundfile.info(tmp_path / "a_enhanced.wav").frames == 8000
