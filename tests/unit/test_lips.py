"""Where lips come from."""

import pytest
import torch
from torch import nn

from pvsd_modules.errors import PvsdError
from pvsd_modules.models.lip_source import SOURCES, LipSource
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.training.frozen import Frozen


class Drawer(nn.Module):
    """Lips whose values are those of the first sample of each frame."""

    def forward(self, wav, face=None):
        levels = nn.functional.pad(wav, (0, -wav.shape[1] % 640))[:, ::640]
        if face is not None:
            levels = levels + face.mean()
        return levels[..., None, None, None].expand(-1, -1, 48, 96, 3)


NOISY = torch.rand(2, 1500, generator=torch.Generator().manual_seed(0))
CLEAN = torch.rand(2, 1500, generator=torch.Generator().manual_seed(1))


def lips(source, noisy=NOISY, **options):
    return LipSource(source, Drawer(), Drawer(), **options)(noisy, CLEAN[: len(noisy)])


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"real", "none"}))
def test_shapes(source):
    assert lips(source).shape == (2, 3, 48, 96, 3)


def test_student_gets_the_noisy_and_teacher_the_clean_signal():
    assert torch.equal(lips("student")[:, 1, 0, 0, 0], NOISY[:, 640])
    assert torch.equal(lips("teacher")[:, 1, 0, 0, 0], CLEAN[:, 640])


def test_teacher_gets_the_face():
    face = torch.full((96, 96, 3), 0.5)
    drawn = lips("teacher", face=face)[:, 1, 0, 0, 0]
    assert torch.allclose(drawn, CLEAN[:, 640] + 0.5)


def test_controls():
    student = lips("student")
    assert lips("none") is None
    assert lips("zeros").abs().max() == 0
    assert torch.equal(lips("held"), student[:, :1].expand_as(student))
    assert torch.equal(lips("shuffled"), student.flip(0))
    alone = lips("shuffled", NOISY[:1])
    assert torch.equal(alone, student[:1, [2, 0, 1]])


def test_real_lips_are_handed_on_or_missed():
    real = torch.rand(2, 3, 48, 96, 3)
    assert LipSource("real")(NOISY, CLEAN, real) is real
    with pytest.raises(PvsdError, match="talking faces"):
        LipSource("real")(NOISY, CLEAN)


@pytest.mark.parametrize("wrap", [lambda x: x, Frozen])
def test_real_lips_are_put_on_the_mouth_that_the_student_draws(wrap):
    student = OpenLipGenerator(channels=8, layers=1, motions=2)
    student.decoder.neutral.fill_(0.3)
    still = torch.rand(2, 1, 48, 96, 3).expand(-1, 5, -1, -1, -1).clone()
    moved = still.clone()
    moved[:, 2] += 0.1
    seen = LipSource("real", wrap(student))(NOISY, CLEAN, moved)
    assert torch.allclose(seen[:, [0, 1, 3, 4]], torch.tensor(0.3), atol=1e-6)
    assert torch.allclose(seen[:, 2], torch.tensor(0.4), atol=1e-6)


def test_unknown_sources_and_missing_networks_are_told():
    with pytest.raises(PvsdError, match="lips: nose is unknown"):
        LipSource("nose")
    with pytest.raises(PvsdError, match="student_path"):
        LipSource("shuffled")
    with pytest.raises(PvsdError, match="teacher_path"):
        LipSource("teacher", Drawer())


def test_no_gradient_reaches_the_student():
    noisy = NOISY.clone().requires_grad_()
    assert not lips("student", noisy).requires_grad
