"""The three networks, tensor for tensor and number for number."""

import parity_reference as reference
import pytest
import torch

from pvsd_modules.checkpoints.convert import NETWORKS

TOLERANCE = 1e-5


def close(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max().item() <= TOLERANCE


def statistics(x, over):
    """Mean, deviation, minimum and maximum, stacked in front."""
    deviation = x.std(over, correction=0)
    return torch.stack([x.mean(over), deviation, x.amin(over), x.amax(over)])


@pytest.mark.parametrize("kind", ["teacher", "student", "denoiser"])
def test_names_and_shapes(kind, shapes):
    with torch.device("meta"):
        network = NETWORKS[kind]()
    ours = {name: list(value.shape) for name, value in network.state_dict().items()}
    assert ours == shapes[kind]


def test_student(student, stored):
    with torch.inference_mode():
        lips = student(stored["mel"][None, :, None])[0]  # [3, 25, 48, 96]
    close(lips[:, [0, 12, 24]], stored["student_frames_0_12_24"])
    close(statistics(lips, (0, 2, 3)), stored["student_stats"])


def test_teacher(teacher, stored):
    face = reference.teacher_face()[None]
    with torch.inference_mode():
        faces = teacher(stored["mel"][None, :5, None], face)[0]  # [3, 5, 96, 96]
    close(faces[:, [0, 4]], stored["teacher_frames_0_4"])
    close(statistics(faces, (0, 2, 3)), stored["teacher_stats"])


def test_denoiser(denoiser, student_lips, stored):
    lips, spectrum = student_lips["clean"][:1], stored["spec"][None]
    with torch.inference_mode():
        seen = denoiser.encode_lips(lips)  # [1, 512, 25]
        upsampled = denoiser.time_upsampler(seen)[0]  # [512, 100]
        audio = denoiser.audio_encoder(spectrum.transpose(1, 2))[0]  # [600, 100]
        cleaned = denoiser(spectrum, lips)[0]
    close(seen[0].T, stored["denoiser_face_encoder"])
    close(statistics(upsampled, 1), stored["denoiser_upsampled_stats"])
    close(statistics(audio, 1), stored["denoiser_audio_encoder_stats"])
    close(cleaned, stored["denoiser_out"])


def test_chunks_and_batches_change_nothing(student, teacher, denoiser, mels, spectra):
    mel = mels["noisy"][:, :3]
    face = reference.teacher_face()[None, :, :3].expand(2, -1, -1, -1, -1)
    with torch.inference_mode():
        lips, faces = student(mel), teacher(mel, face)
        spectrum = spectra["noisy"][:, :12]
        cleaned = denoiser(spectrum, lips)
        try:
            for network in (student, teacher, denoiser):
                network.chunk_frames = 2
            close(student(mel), lips)
            close(teacher(mel[1:], face[1:]), faces[1:])
            close(denoiser(spectrum[1:], lips[1:]), cleaned[1:])
        finally:
            for network in (student, teacher, denoiser):
                network.chunk_frames = None
