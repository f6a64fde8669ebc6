"""The steps of all training runs on a GPU that PyTorch pretends to have.

Fake tensors have a device and a shape but no values: an operation on tensors of two
devices raises, and so does every operation that must know a value on the host.
"""

import pytest
import torch
from conftest import ROOT, TINY_LIPS, load_script
from hyperpyyaml import load_hyperpyyaml
from speechbrain.core import Stage
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.utils.autocast import TorchAutocast
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.backends import cudnn
from torch.utils._python_dispatch import TorchDispatchMode

from pvsd_modules.data.augmentation import Augmenter
from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.training.brain import default_workers, with_own_device
from pvsd_modules.training.experiment import open_manifests

SIZES = {
    "channels": 8, "blocks": 1, "student_channels": 32, "student_layers": 1,
    "student_motions": 8,
}  # fmt: skip
KINDS = {
    "open teacher": {},
    "open student": {"teacher_path": None},
    "open denoiser, student": {"lips": "student"},
    "open denoiser, teacher": {"lips": "teacher"},
    "open denoiser, real": {"lips": "real"},
    "open denoiser, zeros": {"lips": "zeros"},
    "open denoiser, none": {"lips": "none"},
    "open denoiser, held lips": {"lips": "held"},
    "open denoiser, shuffled": {"lips": "shuffled"},
    "open denoiser, together": {"lips": "student", "train_student": True},
    "open denoiser, audio only": {"lips": "none", "audio_only": True},
    "paper teacher": {},
    "paper student": {"teacher_path": None},
    "paper denoiser, student": {"lips": "student"},
    "paper denoiser, teacher": {"lips": "teacher"},
}


class NoCopyToHost(TorchDispatchMode):
    """Raises where a tensor is copied from the GPU: the host would wait for it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._to_copy.default:
            moved = args[0].device.type == "cuda" and result.device.type == "cpu"
            assert not moved, "a tensor is copied to the host"
        return result


def make_brain(kind, monkeypatch):
    """The Brain of a recipe's script with the networks of its YAML, on a GPU."""
    family, training = kind.split(",")[0].split()
    options = dict(KINDS[kind])
    options |= {"manifest_folder": "m", "data_root": "d", "faces_root": "f"}
    if family == "open":
        options |= TINY_LIPS if training != "denoiser" else SIZES
    if training == "teacher":
        del options["data_root"]
    if training == "student":
        del options["faces_root"]
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "LRS3_VGGSound"))
    script = load_script(f"train_{training}")
    with open(ROOT / "hparams" / family / f"{training}.yaml") as file:
        hparams = load_hyperpyyaml(file, options)
    if options.get("train_student"):
        hparams["modules"]["lip_source"].student = None
        student = hparams["student"].requires_grad_(True)
        hparams["modules"]["student"] = student
    kind = getattr(script, f"{training.capitalize()}Brain")
    brain = kind(hparams["modules"], hparams["opt_class"], hparams, {"device": "cpu"})
    brain.init_optimizers()
    brain.batches_per_epoch = brain.steps_per_epoch = 10
    brain.step = 1
    brain.on_stage_start(script.sb.Stage.TRAIN, 1)
    brain.modules.train()
    brain.nonfinite_count = 0
    monkeypatch.setattr(brain.scaler, "step", lambda optimizer: None)
    return brain


def fakes_a_gpu() -> bool:
    """Whether PyTorch moves tensors to a fake GPU without a driver."""
    tensor = torch.zeros(1)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return tensor.to("cuda").device.type == "cuda"
    except RuntimeError:  # 2.7 asks for a driver
        return False


needs_a_fake_gpu = pytest.mark.skipif(
    not fakes_a_gpu(), reason="this release of PyTorch needs a driver for a fake GPU"
)


def make_batch(samples=1280):
    frames = samples // 640
    items = [
        {
            "id": str(i),
            "noisy_sig": torch.randn(samples),
            "clean_sig": torch.randn(samples),
            "lips": torch.rand(frames, 48, 96, 3),
            "lips_median": torch.rand(48, 96, 3),
            "face": torch.rand(96, 96, 3),
        }
        for i in range(2)
    ]
    return PaddedBatch(items)


@needs_a_fake_gpu
@pytest.mark.parametrize("kind", KINDS)
def test_steps_stay_on_the_device(kind, monkeypatch):
    common = torch.cuda.amp.common
    monkeypatch.setattr(common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *args: True)
    # Only a real GPU runs the backward pass; its operations have the forward's devices.
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)
    # A fused copy is made where its network is; fake parameters cannot be swapped.
    monkeypatch.setattr(torch.utils, "swap_tensors", lambda one, other: None)
    for precision in (torch.float32, torch.bfloat16):
        batch, brain = make_batch(), make_brain(kind, monkeypatch)
        # PyTorch's fake cuDNN lacks an operator; its own kernels have all.
        with FakeTensorMode(allow_non_fake_inputs=True), cudnn.flags(enabled=False):
            # What SpeechBrain does on a machine with a GPU.
            brain.modules._apply(lambda tensor: tensor.to("cuda"))
            brain.device = brain.device_type = "cuda"
            brain.training_ctx = TorchAutocast("cuda", dtype=precision)
            with NoCopyToHost():
                brain.grad_accumulation_factor = 2
                loss = brain.fit_batch(batch)
            assert loss.device.type == "cuda" and loss.dtype == torch.float32
            assert brain.avg_train_loss == 0.0  # losses are not read in every step
            trained = [p for p in brain.modules.parameters() if p.requires_grad]
            assert trained and {p.device.type for p in trained} == {"cuda"}


def test_every_process_takes_its_own_gpu(monkeypatch):
    assert with_own_device({"device": "cuda"}).device == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert with_own_device({"device": "cuda"}).device == "cuda:3"
    assert with_own_device({"device": "cuda:1"}).device == "cuda:1"
    assert with_own_device({"device": "cpu"}).device == "cpu"
    assert with_own_device(None) is None
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert default_workers() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert default_workers() == 4


@needs_a_fake_gpu
def test_on_a_gpu_loaders_have_workers_and_batches_are_mixed_there(monkeypatch, recipe):
    brain = make_brain("open student", monkeypatch)
    names = ("train_speech", "train_noise")
    roots = (recipe.folder / "store", recipe.faces, recipe.folder / "noise")
    manifests, store = open_manifests(recipe.manifests, names, *roots)
    speech, noise = (manifests[name] for name in names)
    mixer = TrainingMixer(store, speech, noise, 0.4, augment=Augmenter(), bursts=True)
    dataset = mixing_dataset(speech, mixer)
    brain.device_type = "cuda"
    options = {"batch_size": 2, "num_workers": None}
    loader = brain.make_dataloader(dataset, Stage.TRAIN, None, **options)
    assert loader.pin_memory and loader.num_workers >= 2
    batch = loader.collate_fn([dataset[0], dataset[1]])
    with FakeTensorMode(allow_non_fake_inputs=True), NoCopyToHost():
        signals = batch.to("cuda").noisy_sig.data
        assert signals.device.type == "cuda" and signals.shape == (2, 6400)
