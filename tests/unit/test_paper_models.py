"""The paper's networks behind the package's contract of sound and lips."""

import pytest
import torch
from torch import nn

from pvsd_modules.models.paper.adapters import (
    PaperDenoiser,
    PaperLipStudent,
    PaperLipTeacher,
)
from pvsd_modules.models.paper.blocks import ConvBlock, flatten_frames, unflatten_frames
from pvsd_modules.models.paper.folding import fused_copy
from pvsd_modules.models.paper.neutral_face import neutral_face
from pvsd_modules.models.paper.wav2lip import Wav2Lip


def noise(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*shape, generator=generator) - 0.5


class Recorder(nn.Module):
    """Stands for a network: returns a fixed output and keeps its inputs."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, *inputs, **options):
        self.inputs = inputs
        return self.answer(*inputs, **options)


def blue(mels, *_, height=48):
    """A network's picture that is blue above row 90 of a face, red from there on."""
    picture = torch.zeros(mels.shape[0], 3, mels.shape[1], height, 96)
    picture[:, 0] = 0.9
    picture[:, :, :, 90:] = torch.tensor([0.1, 0.2, 0.7])[:, None, None, None]
    return picture


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    return PaperLipStudent().eval()


@pytest.fixture(scope="module")
def denoiser():
    torch.manual_seed(0)
    return PaperDenoiser().eval()


def test_flattening_puts_time_outermost():
    frames = torch.arange(6).view(2, 3, 1, 1, 1)  # [B, T, C, H, W]
    flat = flatten_frames(frames, time=1)
    assert flat.flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert torch.equal(unflatten_frames(flat, 2, 3), frames.transpose(1, 2))


def test_a_shortcut_is_added_before_the_relu():
    block = ConvBlock(nn.Conv1d(1, 1, 1), residual=True).eval()
    nn.init.zeros_(block.conv_block[0].weight)
    nn.init.constant_(block.conv_block[0].bias, -1.0)
    out = block(torch.tensor([[[0.5, 3.0]]])).flatten().tolist()
    assert out == pytest.approx([0.0, 2.0], abs=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 640, 1300])
def test_student_gives_a_frame_for_every_40_ms(student, samples):
    with torch.inference_mode():
        lips = student(noise(2, samples))
    assert lips.shape == (2, -(-samples // 640), 48, 96, 3)
    assert lips.dtype == torch.float32
    if samples:
        assert 0 < lips.min() and lips.max() < 1


def test_student_sees_100_ms_before_and_after_a_frames_middle(student):
    wav = noise(1, 640 * 7)
    changed = wav.clone()
    changed[:, 640 * 3 + 300] += 0.5  # a click within frame 3
    with torch.inference_mode():
        difference = (student(changed) - student(wav)).abs().amax((0, 2, 3, 4))
    assert (difference[1:6] > 0).all()
    assert (difference[[0, 6]] < 1e-6).all()


def test_student_gives_rgb_of_the_networks_bgr():
    student = PaperLipStudent()
    student.network = Recorder(blue)
    lips = student(noise(1, 640))
    assert lips[0, 0, 0, 0].tolist() == pytest.approx([0, 0, 0.9])
    assert student.network.inputs[0].shape == (1, 1, 1, 80, 16)


@pytest.mark.parametrize("each", [False, True])
def test_teacher_masks_the_lower_half_and_gives_it_back(each):
    teacher = PaperLipTeacher()
    teacher.network = Recorder(lambda *inputs, lower: blue(*inputs, height=96))
    face = torch.zeros(96, 96, 3)
    face[..., 0] = 1  # red
    faces = torch.stack([face, 0.5 * face]) if each else face
    lips = teacher(noise(2, 700), faces)
    assert lips.shape == (2, 2, 48, 96, 3)
    assert lips[0, 0, 0, 0].tolist() == pytest.approx([0, 0, 0.9])
    assert lips[0, 0, -1, 0].tolist() == pytest.approx([0.7, 0.2, 0.1])  # row 95
    seen = teacher.network.inputs[1]  # blue, green, red; masked, then whole
    assert seen.shape == (2, 6, 2, 96, 96)
    assert (seen[:, [0, 1, 3, 4]] == 0).all()
    assert (seen[0, 2, :, :48] == 1).all() and (seen[0, 2, :, 48:] == 0).all()
    assert (seen[0, 5] == 1).all()
    assert (seen[1, 5] == (0.5 if each else 1)).all()


@pytest.mark.parametrize("chunk_frames", [None, 2])
def test_lower_half_of_still_faces_is_that_of_whole_pictures(chunk_frames):
    torch.manual_seed(0)
    network = Wav2Lip(chunk_frames)
    mels, faces = torch.randn(2, 3, 1, 80, 16), torch.rand(2, 6, 1, 96, 96)
    moving = faces.expand(-1, -1, 3, -1, -1)
    with torch.inference_mode():
        network.train()(mels, moving)  # statistics other than 0 and 1
        whole = network.eval()(mels, moving)
        lower = network(mels, faces, lower=True)
        one = network(mels, faces[:1], lower=True)
        fused = fused_copy(network)(mels, faces, lower=True)
    wanted = whole[..., 48:, :]
    assert wanted.std() > 0.01
    assert torch.allclose(lower, wanted, atol=1e-6)
    assert torch.allclose(fused, wanted, atol=1e-6)
    assert torch.allclose(one[0], wanted[0], atol=1e-6)


def test_teacher_draws_in_a_face_of_its_own():
    torch.manual_seed(0)
    teacher = PaperLipTeacher().eval()
    with torch.inference_mode():
        lips = teacher(noise(1, 1280))
        same = teacher(noise(1, 1280), neutral_face())
    assert lips.shape == (1, 2, 48, 96, 3)
    assert torch.equal(lips, same)


def test_neutral_face_is_a_picture_with_lips_below_the_middle():
    face = neutral_face()
    assert face.shape == (96, 96, 3) and face.min() >= 0 and face.max() <= 1
    assert torch.allclose(face, face.flip(1), atol=1e-5)  # symmetric
    redness = face[..., 0] - face[..., 1]
    rows = (redness > 0.29).any(1).nonzero().flatten()
    assert len(rows) and rows.min() >= 48 and rows.max() <= 95


@pytest.mark.parametrize("samples", [1, 639, 640, 700, 3200])
def test_denoiser_keeps_the_length(denoiser, samples):
    frames = -(-samples // 640)
    lips = torch.rand(2, frames, 48, 96, 3)
    with torch.inference_mode():
        result = denoiser(noise(2, samples), lips)
    assert result["enhanced"].shape == (2, samples)
    assert result["features"].shape == (2, 4 * frames, 514)
    assert denoiser.analyse(noise(2, samples)).shape == (2, 4 * frames, 514)
    assert result["enhanced"].isfinite().all()


@pytest.mark.parametrize("samples", [1, 640, 3333, 16000])
def test_denoiser_that_changes_nothing_gives_the_input(samples):
    denoiser = PaperDenoiser()
    denoiser.network = Recorder(lambda spectra, lips: spectra)
    wav = noise(2, samples)
    result = denoiser(wav, torch.zeros(2, -(-samples // 640), 48, 96, 3))
    assert (result["enhanced"] - wav).abs().max() < 1e-5
    assert torch.equal(result["features"], denoiser.analyse(wav))


def test_denoiser_shows_the_network_bgr():
    denoiser = PaperDenoiser()
    denoiser.network = Recorder(lambda spectra, lips: spectra)
    lips = torch.tensor([0.1, 0.2, 0.7]).expand(1, 1, 48, 96, 3)
    denoiser(noise(1, 640), lips)
    seen = denoiser.network.inputs[1]
    assert seen.shape == (1, 3, 1, 48, 96)
    assert seen[0, :, 0, 0, 0].tolist() == pytest.approx([0.7, 0.2, 0.1])


def test_denoiser_reads_lips_and_takes_none_for_black(denoiser):
    wav = noise(1, 1280)
    with torch.inference_mode():
        none = denoiser(wav, None)["features"]
        black = denoiser(wav, torch.zeros(1, 2, 48, 96, 3))["features"]
        white = denoiser(wav, torch.ones(1, 2, 48, 96, 3))["features"]
    assert torch.equal(none, black)
    assert (none - white).abs().max() > 1e-6


def test_denoiser_refuses_lips_of_another_length(denoiser):
    with pytest.raises(ValueError, match="2 lip frames, not 3"):
        denoiser(noise(1, 1280), torch.zeros(1, 3, 48, 96, 3))


def test_mixed_precision_gives_float32(student, denoiser):
    wav = noise(1, 640)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        lips = student(wav)
        result = denoiser(wav, lips)
    assert lips.dtype == result["enhanced"].dtype == torch.float32
    with torch.inference_mode():
        assert (lips - student(wav)).abs().max() < 0.05


def test_gradients_reach_every_weight():
    student = PaperLipStudent().train()
    student(noise(2, 1280)).square().mean().backward()
    missing = [name for name, p in student.named_parameters() if p.grad is None]
    assert not missing
    assert set(student.state_dict()) == {
        f"network.{name}" for name in student.network.state_dict()
    }
