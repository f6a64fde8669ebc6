"""A wide denoiser becomes a model folder that files and streams are enhanced with."""

from pathlib import Path

import pytest
import torch

from pvsd_modules.export import export
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.models.open_lips import OpenLipGenerator
from pvsd_modules.models.wide_denoiser import WideDenoiser

TEMPLATE = Path(__file__).parents[2] / "hparams/pretrained/wide.yaml"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    sizes = "channels: 16\nblocks: 1\nwhole: 24\nlookahead_steps: 4\n"
    (folder / "hyperparams.yaml").write_text(sizes, encoding="utf-8")
    denoiser = WideDenoiser(16, blocks=1, whole=24, lookahead_steps=4)
    torch.save(denoiser.state_dict(), folder / "denoiser.ckpt")
    student = tmp_path_factory.mktemp("student") / "student.ckpt"
    torch.save(OpenLipGenerator(level_seconds=3.0).state_dict(), student)
    networks = {"student": student, "denoiser": folder / "denoiser.ckpt"}
    return export(networks, folder / "model", TEMPLATE, live=True)


def test_files_and_streams_agree(model):
    enhancer = PseudoVisualEnhancement.from_hparams(str(model))
    assert enhancer.mods.denoiser.lookahead_steps == 4
    noisy = 0.1 * torch.randn(1, 9000)
    whole = enhancer.enhance_batch(noisy)
    context = enhancer.make_streaming_context()
    parts = [enhancer.enhance_chunk(context, part) for part in noisy.split(700, 1)]
    parts.append(enhancer.flush(context))
    assert whole.shape == noisy.shape
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
