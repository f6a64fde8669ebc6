"""The Python interfaces: batches, live streams, files, loading."""

import io
import shutil

import numpy as np
import pytest
import soundfile
import tiny_networks
import torch

from pvsd_modules.alignment import frame_count
from pvsd_modules.checkpoints.find import find_model, pretrained_folder, shipped_models
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.systems import Model
from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement


@pytest.fixture(scope="module")
def enhancer(tiny_folder):
    return PseudoVisualEnhancement.from_hparams(tiny_folder)


@pytest.fixture(scope="module")
def generator(tiny_folder):
    return LipGenerator.from_hparams(tiny_folder)


def test_a_batch_is_enhanced_as_its_rows_alone(enhancer):
    torch.manual_seed(0)
    noisy = torch.randn(4, 20000)
    lengths = torch.tensor([1.0, 0.5, 0.25, 0.5])
    enhanced = enhancer.enhance_batch(noisy, lengths)
    assert enhanced.shape == noisy.shape and enhanced.dtype == torch.float32
    for row, samples in enumerate([20000, 10000, 5000, 10000]):
        alone = enhancer.enhance_batch(noisy[row : row + 1, :samples])
        assert torch.allclose(enhanced[row : row + 1, :samples], alone, atol=1e-6)
        assert not enhanced[row, samples:].any()
    assert not torch.allclose(enhanced[0], noisy[0], atol=1e-2)
    noisy[1, 10000:] = float("nan")  # padding cannot touch the valid part
    assert torch.equal(enhancer.enhance_batch(noisy, lengths), enhanced)


def test_a_batch_equals_one_pass_over_the_whole(enhancer):
    noisy = torch.randn(1, 90000)
    lips = enhancer.mods.student(noisy)
    expected = enhancer.mods.denoiser(noisy, lips)["enhanced"]
    assert torch.allclose(enhancer(noisy), expected, atol=1e-5)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_mixes_aligned(enhancer, strength):
    noisy = torch.randn(2, 30001)
    full = enhancer.enhance_batch(noisy)
    mixed = enhancer.enhance_batch(noisy, strength=strength)
    assert torch.allclose(mixed, strength * full + (1 - strength) * noisy, atol=1e-6)
    with pytest.raises(ValueError):
        enhancer.enhance_batch(noisy, strength=1.5)


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_live_chunks_equal_the_batch(enhancer, strength):
    noisy = torch.randn(1, 40000)
    context = enhancer.make_streaming_context(strength)
    parts, begin = [], 0
    while begin < 40000:
        parts.append(enhancer.enhance_chunk(context, noisy[:, begin : begin + 1777]))
        begin += 1777
        behind = min(begin, 40000) - sum(part.shape[1] for part in parts)
        assert behind < context.latency_samples
    parts.append(enhancer.flush(context))
    expected = enhancer.enhance_batch(noisy, strength=strength)
    assert torch.allclose(torch.cat(parts, 1), expected, atol=1e-6)


def test_lips_have_the_signals_frames(enhancer, generator):
    noisy = torch.randn(2, 30001)
    lips = generator.generate_batch(noisy, torch.tensor([1.0, 0.5]))
    assert lips.shape == (2, frame_count(30001), 48, 96, 3)
    expected = generator.mods.student(noisy[:1])
    assert torch.allclose(lips[:1], expected, atol=1e-5)
    assert not lips[1, frame_count(15001) :].any() and lips[1, 0].all()


def test_bf16_comes_out_as_float32(tiny_folder, enhancer):
    options = {"precision": "bf16", "device": "cpu"}
    low = PseudoVisualEnhancement.from_hparams(tiny_folder, run_opts=options)
    noisy = torch.randn(1, 20000)
    enhanced = low.enhance_batch(noisy)
    assert enhanced.dtype == torch.float32
    assert torch.allclose(enhanced, enhancer.enhance_batch(noisy), atol=0.1)
    assert not torch.equal(enhanced, enhancer.enhance_batch(noisy))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("samples", [1, 3001])
def test_files_keep_rate_length_and_place(identity_folder, tmp_path, rate, samples):
    model = PseudoVisualEnhancement.from_hparams(identity_folder)
    time = np.arange(samples) / rate
    tone = 0.4 * np.sin(2 * np.pi * 500 * time) * np.hanning(samples + 2)[1:-1]
    soundfile.write(tmp_path / "a.wav", np.stack([tone, -tone], 1), rate, "FLOAT")
    given = model.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    written, written_rate = soundfile.read(tmp_path / "b.wav")
    assert written_rate == rate and written.shape == (samples, 2)
    assert np.allclose(written.T, given.numpy(), atol=1e-6)
    if samples > 1:  # opposite phases: each channel is there, at its level and place
        assert np.allclose(written[:, 0], tone, atol=2e-3)
        assert np.allclose(written[:, 1], -tone, atol=2e-3)


def test_a_mono_file_gives_a_vector(identity_folder, tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(500), 16000)
    model = PseudoVisualEnhancement.from_hparams(identity_folder)
    assert model.enhance_file(tmp_path / "a.wav").shape == (500,)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_strength_zero_gives_the_file_back(tiny_folder, tmp_path):
    """Even what lies above 8 kHz, at the source's own rate."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (30000, 2))
    soundfile.write(tmp_path / "a.wav", noise, 44100, "FLOAT")
    model = PseudoVisualEnhancement.from_hparams(tiny_folder)
    given = model.enhance_file(tmp_path / "a.wav", strength=0.0)
    assert np.allclose(given.numpy().T, noise, atol=1e-6)


def test_a_folder_is_read_where_it_is(tiny_folder, tmp_path, monkeypatch):
    """Neither litter in the working directory nor stale files of a savedir."""
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    first = PseudoVisualEnhancement.from_hparams("model", savedir="saved")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    denoiser = tiny_networks.TinyDenoiser(gain=0.25)
    torch.save(denoiser.state_dict(), folder / "denoiser.ckpt")
    second = PseudoVisualEnhancement.from_hparams("model", savedir="saved")
    assert float(first.mods.denoiser.gain) == 0.5
    assert float(second.mods.denoiser.gain) == 0.25


@pytest.mark.parametrize(
    "damage, word",
    [
        (lambda folder: (folder / "denoiser.ckpt").unlink(), "denoiser.ckpt"),
        (lambda folder: (folder / "student.ckpt").write_text("<html>"), "student.ckpt"),
        (lambda folder: shutil.copy(folder / "student.ckpt", folder / "denoiser.ckpt"),
         "denoiser.ckpt does not fit"),
        (lambda folder: (folder / "hyperparams.yaml").write_text("a: ["), "model"),
        (lambda folder: (folder / "hyperparams.yaml").write_text("a: 1"), "pretrainer"),
        (lambda folder: (folder / "hyperparams.yaml").unlink(), "hyperparams.yaml"),
    ],
)  # fmt: skip
def test_damaged_folders_are_sentences(tiny_folder, tmp_path, damage, word):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    damage(folder)
    with pytest.raises(PvsdError, match=word):
        PseudoVisualEnhancement.from_hparams(folder)


def test_absent_models_are_sentences(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PvsdError, match="could not be fetched"):
        PseudoVisualEnhancement.from_hparams("nobody/such-model", savedir="saved")
    for name in ("no_such_name", "./no_such_folder", "/no/such/folder"):
        with pytest.raises(PvsdError, match=name.lstrip("./")):
            PseudoVisualEnhancement.from_hparams(name)


def test_shipped_models_are_found_by_name():
    for name in shipped_models():
        assert find_model(name) == pretrained_folder(name)
        assert (pretrained_folder(name) / "student.ckpt").is_file()
    with pytest.raises(PvsdError, match="no shipped model named xyz"):
        pretrained_folder("xyz")


def test_hub_ids_go_through_the_hub_and_never_share_files(
    tiny_folder, tmp_path, monkeypatch
):
    """One savedir for two models: `fetch` would take the first one's files."""
    import huggingface_hub

    other = shutil.copytree(tiny_folder, tmp_path / "other")
    state = tiny_networks.TinyDenoiser(gain=0.25).state_dict()
    torch.save(state, other / "denoiser.ckpt")
    folders = {"me/one": tiny_folder, "me/two": other}

    def download(repo_id, filename, **_):
        return str(folders[repo_id] / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    for name, gain in (("me/one", 0.5), ("me/two", 0.25), ("me/one", 0.5)):
        saved = tmp_path / "saved"
        model = PseudoVisualEnhancement.from_hparams(name, savedir=saved)
        assert float(model.mods.denoiser.gain) == gain
    model = PseudoVisualEnhancement.from_hparams("me/two")
    assert float(model.mods.denoiser.gain) == 0.25


def test_nearly_clean_recordings_get_some_of_the_input_back(tiny_folder, tmp_path):
    """In batches and files, as the model says; in a live stream never."""
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    with (folder / "hyperparams.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "\nobservation_adding: "
            "!name:pvsd_modules.inference.observation.ObservationAdding\n"
            "    share: 0.25\n    from_db: -301.0\n    full_db: -300.0\n"
            "    loudest_db: 300.0\n"
        )  # so that everything counts as clean
    model = PseudoVisualEnhancement.from_hparams(folder)
    plain = PseudoVisualEnhancement.from_hparams(tiny_folder)
    noise = 0.1 * np.random.default_rng(1).normal(size=(70000, 2))
    soundfile.write(tmp_path / "a.wav", noise, 16000, "FLOAT")
    noisy = torch.from_numpy(noise.T).float()
    wet = plain.enhance_batch(noisy)
    expected = 0.75 * wet + 0.25 * noisy
    assert torch.allclose(model.enhance_batch(noisy), expected, atol=1e-6)
    given = model.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    assert torch.allclose(given, expected, atol=1e-6)
    mixed = model.enhance_file(tmp_path / "a.wav", strength=0.5)
    assert torch.allclose(mixed, 0.5 * expected + 0.5 * noisy, atol=1e-6)
    context = model.make_streaming_context()
    parts = [model.enhance_chunk(context, noisy), model.flush(context)]
    assert torch.allclose(torch.cat(parts, 1), wet, atol=1e-6)
    for engine in ("stream", "whole"):
        system = Model(str(folder), None, engine, "cpu")
        signals = {"noisy": noisy[0], "clean": None, "lips": None}
        assert torch.allclose(system({}, signals), expected[0], atol=1e-5)


def test_signals_of_any_kind(enhancer):
    """Arrays, tensors, integers and other types of number give the same."""
    wave = (0.3 * np.random.default_rng(0).normal(size=(2, 20000))).clip(-1, 1)
    integers = (wave * 32768).clip(-32768, 32767).astype(np.int16)
    expected = enhancer.enhance_batch(torch.from_numpy(integers / 32768).float())
    for signal in (integers, integers / 32768, torch.from_numpy(integers)):
        found = enhancer.enhance_batch(signal)
        assert type(found) is type(signal)
        assert np.allclose(np.asarray(found), expected.numpy(), atol=1e-6)
    one = enhancer.enhance_batch(integers[0])
    assert one.shape == (20000,) and np.allclose(one, expected[0].numpy(), atol=1e-6)
    context = enhancer.make_streaming_context()
    parts = [enhancer.enhance_chunk(context, integers[:, :9000])]
    with pytest.raises(ValueError, match="2, time"):
        enhancer.enhance_chunk(context, integers[:1])
    parts += [enhancer.enhance_chunk(context, integers[:, 9000:])]
    parts += [enhancer.flush(context)]
    assert np.allclose(np.concatenate(parts, 1), expected.numpy(), atol=1e-6)
    with pytest.raises(ValueError, match="transpose"):
        enhancer.enhance_batch(wave.T)
    with pytest.raises(ValueError, match="lengths"):
        enhancer.enhance_batch(wave, torch.ones(3))


def test_other_sample_rates_of_arrays_are_those_of_files(enhancer, tmp_path):
    wave = 0.1 * np.random.default_rng(0).normal(size=(2, 30000)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave.T, 48000, "FLOAT")
    expected = enhancer.enhance_file(tmp_path / "a.wav")
    found = enhancer.enhance_batch(wave, sample_rate=48000)
    assert found.shape == wave.shape and np.allclose(found, expected, atol=1e-5)


def test_open_files(enhancer, tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(5000), 16000)
    expected = enhancer.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    written = io.BytesIO()
    with (tmp_path / "a.wav").open("rb") as file:
        found = enhancer.enhance_file(file, written)
    assert torch.equal(found, expected)
    assert written.getvalue() == (tmp_path / "b.wav").read_bytes()
    assert enhancer.load_audio(str(tmp_path / "a.wav")).shape == (5000,)


def test_gradients_flow_only_when_they_are_asked_for(tiny_folder, enhancer):
    noisy = torch.randn(2, 20000)
    assert not enhancer.enhance_batch(noisy).requires_grad
    assert enhancer.enhance_batch(noisy.clone().requires_grad_()).requires_grad
    free = PseudoVisualEnhancement.from_hparams(tiny_folder, freeze_params=False)
    found = free.enhance_batch(noisy, torch.tensor([1.0, 0.5]))
    assert torch.allclose(
        found, enhancer.enhance_batch(noisy, torch.tensor([1.0, 0.5]))
    )
    found.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in free.mods.denoiser.parameters())
    with torch.no_grad():
        assert not free.enhance_batch(noisy).requires_grad
    context = free.make_streaming_context()
    assert not free.enhance_chunk(context, noisy).requires_grad


def test_training_of_a_parent_changes_no_statistics():
    enhancer = PseudoVisualEnhancement.from_hparams("streaming", freeze_params=False)
    parent = torch.nn.Sequential(torch.nn.Linear(1, 1), enhancer).train()
    assert enhancer.training
    before = {name: value.clone() for name, value in enhancer.mods.state_dict().items()}
    noisy = 0.1 * torch.randn(1, 8000)
    found = parent[1].enhance_batch(noisy)
    for name, value in enhancer.mods.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.allclose(enhancer.eval().enhance_batch(noisy), found, atol=1e-6)


def test_the_default_type_may_be_double(tiny_folder, enhancer):
    noisy = torch.randn(1, 9000)
    expected = enhancer.enhance_batch(noisy, sample_rate=22050)
    torch.set_default_dtype(torch.float64)
    try:
        for folder in (tiny_folder, "streaming"):
            model = PseudoVisualEnhancement.from_hparams(folder)
            for signal in (noisy, noisy.double()):
                found = model.enhance_batch(signal, sample_rate=22050)
                assert found.dtype == torch.float32
                if folder == tiny_folder:
                    assert torch.allclose(found, expected, atol=1e-6)
            assert model.enhance_batch(torch.zeros(2, 500)).abs().max() == 0
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("options", [{"jit": True}, {"jit_module_keys": ["denoiser"]}])
def test_jit_is_refused_in_a_sentence(tiny_folder, options):
    with pytest.raises(PvsdError, match="jit_module_keys"):
        PseudoVisualEnhancement.from_hparams(tiny_folder, run_opts=options)


def test_a_model_that_is_not_finite_is_named(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "broken")
    state = tiny_networks.TinyDenoiser(gain=1e38).state_dict()
    torch.save({**state, "taps": 1e38 * state["taps"]}, folder / "denoiser.ckpt")
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(5000), 16000)
    model = PseudoVisualEnhancement.from_hparams(folder)
    with pytest.raises(PvsdError, match="broken returned values that are not finite"):
        model.enhance_file(tmp_path / "a.wav", tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()
