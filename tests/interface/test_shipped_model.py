"""The model that comes with the package: it loads, is small, and cleans speech."""

from pathlib import Path

import pytest
import soundfile
import torch

from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement
from pvsd_modules.metrics import correlation, mouth_opening, si_sdr
from pvsd_modules.mixing import mix_at_snr
from pvsd_modules.shipped import pretrained_folder
from pvsd_modules.synthetic import noise_like, speech_like

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def enhancer():
    return PseudoVisualEnhancement.from_hparams()


def test_it_is_small():
    folder = pretrained_folder()
    running = (folder / "student.ckpt", folder / "denoiser.ckpt")
    weights = [torch.load(path, weights_only=True) for path in running]
    count = sum(x.numel() for state in weights for x in state.values())
    size = sum(p.stat().st_size for p in folder.glob("*.ckpt"))
    assert count <= 3_000_000
    assert size <= 12_000_000


def test_its_card_states_data_licence_and_limits():
    card = (pretrained_folder() / "README.md").read_text(encoding="utf-8")
    for heading in ("## Data", "## Licence", "## Training", "## Figures", "## Limits"):
        assert heading in card


def test_it_cleans_the_example(enhancer):
    clean, _ = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    noisy, _ = soundfile.read(EXAMPLES / "noisy.wav", dtype="float32")
    enhanced = enhancer.enhance_batch(torch.from_numpy(noisy)[None])[0]
    assert si_sdr(clean, enhanced) > si_sdr(clean, noisy) + 3.0


def test_it_silences_noise_and_keeps_clean_speech(enhancer):
    noise = torch.as_tensor(noise_like(3.0, "pink", seed=1)).float()
    noise = 0.1 * noise / noise.square().mean().sqrt()
    left = enhancer.enhance_batch(noise[None])[0]
    assert left.square().mean() < 0.1 * noise.square().mean()
    clean, _ = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    clean = torch.from_numpy(clean)
    kept = enhancer.enhance_batch(clean[None])[0]
    assert si_sdr(clean, kept) > 8.0


def test_stream_equals_whole(enhancer):
    wave = torch.as_tensor(speech_like(2.0, speaker=1, seed=3)[0]).float()
    noise = torch.as_tensor(noise_like(2.0, "hum", seed=2)).float()[: len(wave)]
    noisy = mix_at_snr(wave, noise, 5.0)[None]
    context = enhancer.make_streaming_context()
    parts = [enhancer.enhance_chunk(context, part) for part in noisy.split(700, 1)]
    parts.append(enhancer.flush(context))
    streamed = torch.cat(parts, 1)
    with torch.no_grad():
        lips = enhancer.mods.student(noisy)
        whole = enhancer.mods.denoiser(noisy, lips)["enhanced"]
    assert streamed.shape == noisy.shape
    torch.testing.assert_close(streamed, whole, atol=1e-4, rtol=0)


def test_lips_of_noisy_speech_follow_those_of_clean_speech():
    clean, _ = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    noisy, _ = soundfile.read(EXAMPLES / "noisy.wav", dtype="float32")
    generator = LipGenerator.from_hparams()
    of_clean, of_noisy = (
        mouth_opening(generator.generate_batch(torch.from_numpy(wav)[None]))[0]
        for wav in (clean, noisy)
    )
    assert of_clean.std() > 1e-3, "the mouth does not move"
    assert correlation(of_clean, of_noisy) > 0.4
