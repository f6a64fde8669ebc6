"""Every training script learns on a synthetic corpus of a few seconds."""

import pytest
import torch
from conftest import TINY_LIPS

from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.lips import read_lips
from pvsd_modules.metrics import correlation, mouth_opening
from pvsd_modules.models.open.lip_generator import OpenLipGenerator


def network_of(recipe, folder, name, **options):
    network = OpenLipGenerator(**TINY_LIPS, **options)
    network.load_state_dict(recipe.weights(folder, name))
    return network.eval()


def opening_on_clips(recipe, network, wanted=None):
    """Median correlation, on the training clips, of the drawn opening and the filmed
    one, or that which another network draws."""
    import soundfile

    faces = load_manifest(recipe.manifests / "train_faces.json", recipe.faces)
    found = []
    for face in faces.values():
        wav = torch.from_numpy(soundfile.read(face["wav"], dtype="float32")[0])[None]
        real = mouth_opening(read_lips(face["frames"], face["frame_count"]))
        with torch.no_grad():
            drawn = mouth_opening(network(wav))[0]
            if wanted is not None:
                real = mouth_opening(wanted(wav))[0]
        frames = min(len(real), len(drawn))
        found.append(float(correlation(real[:frames], drawn[:frames])))
    return sorted(found)[len(found) // 2]


def test_teacher_learns_the_video(recipe, teacher_folder):
    loss = recipe.logged(teacher_folder, "train loss")
    assert loss[-1] < 0.5 * loss[0] and loss[-1] < 0.7
    trained = network_of(recipe, teacher_folder, "teacher")
    assert opening_on_clips(recipe, trained) > 0.7
    assert (teacher_folder / "examples" / "epoch001.png").stat().st_size > 1000


def test_an_untrained_teacher_does_not_follow(recipe):
    torch.manual_seed(0)
    untrained = OpenLipGenerator(**TINY_LIPS).eval()
    assert abs(opening_on_clips(recipe, untrained)) < 0.35


def test_student_learns_from_the_teacher(recipe, student_folder, teacher_folder):
    loss = recipe.logged(student_folder, "train loss")
    assert loss[-1] < 0.9 * loss[0]  # it begins as its teacher: noise is what is left
    assert (student_folder / "examples" / "epoch001.png").stat().st_size > 1000


def test_student_follows_the_teacher(recipe, student_folder, teacher_folder):
    trained = network_of(recipe, student_folder, "student")
    teacher = network_of(recipe, teacher_folder, "teacher")
    assert opening_on_clips(recipe, trained, teacher) > 0.6


@pytest.fixture(scope="module")
def denoiser_folder(recipe, tmp_path_factory):
    return recipe.train(
        "denoiser", tmp_path_factory.mktemp("trained") / "denoiser", lips="zeros",
        channels=16, blocks=1, batch_size=1, number_of_epochs=4,
        warmup=0.05, cooldown=0.4, lr=0.004, segment_seconds=1.2,
        augment="null", snrs="[0.0, 5.0]", valid_items=2, test_items=1,
    )  # fmt: skip


def test_denoiser_learns_to_clean(recipe, denoiser_folder):
    loss = recipe.logged(denoiser_folder, "valid loss")
    assert loss[-1] < 0.8 * loss[0]
    gains = recipe.logged(denoiser_folder, "valid si_sdr_gain")
    assert gains[-1] > 3.0 and gains[-1] > gains[0]
    for name in ("noisy", "enhanced", "clean"):
        wav = denoiser_folder / "examples" / f"epoch001_{name}.wav"
        assert wav.stat().st_size > 1000
    assert (denoiser_folder / "examples" / "test.png").is_file()
