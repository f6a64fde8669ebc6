"""The models that come with the package: they load, are small, and clean speech."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.checkpoints.find import (
    DEFAULT_MODEL,
    pretrained_folder,
    shipped_models,
)
from pvsd_modules.data.mixing import mix_at_snr
from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement
from pvsd_modules.inference.level import level_of
from pvsd_modules.metrics import correlation, mouth_opening, si_sdr
from pvsd_modules.synthetic.corpus import noise_like, speech_like, write_corpus

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", params=["offline", "streaming"])
def enhancer(request):
    return PseudoVisualEnhancement.from_hparams(request.param)


def test_both_are_there():
    assert shipped_models() == ["offline", "streaming"] and DEFAULT_MODEL == "offline"


def test_shipped_weights_fit_into_a_package():
    folders = [pretrained_folder(name) for name in shipped_models()]
    sizes = [path.stat().st_size for f in folders for path in f.glob("*.ckpt")]
    assert 0 < sum(sizes) <= 60_000_000  # an index of packages takes 100 MB


def test_the_streaming_model_is_40_ms_late():
    enhancer = PseudoVisualEnhancement.from_hparams("streaming")
    assert enhancer.make_streaming_context().latency_samples <= 640


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


def gain_on_the_example(enhancer, level_db=0.0, silence=0):
    """SI-SDR gain, dB, of the example at another level and after silence."""
    clean, _ = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    noisy, _ = soundfile.read(EXAMPLES / "noisy.wav", dtype="float32")
    given = torch.from_numpy(noisy) * 10 ** (level_db / 20)
    given = torch.cat([torch.zeros(silence), given])
    enhanced = enhancer.enhance_batch(given[None])[0, silence:]
    return si_sdr(clean, enhanced) - si_sdr(clean, noisy)


@pytest.mark.parametrize("level_db", [-35.0, 20.0])
def test_the_level_of_a_recording_does_not_matter(enhancer, level_db):
    as_it_is = gain_on_the_example(enhancer)
    assert gain_on_the_example(enhancer, level_db) > as_it_is - 0.5


@pytest.mark.parametrize("level_db", [-70.0, 40.0])
def test_the_output_is_the_same_but_for_its_level(enhancer, level_db):
    """From -90 to +20 dB, and an offset of 0.1 costs nothing."""
    noisy, _ = soundfile.read(EXAMPLES / "noisy.wav", dtype="float32", frames=24000)
    noisy = 0.1 * torch.from_numpy(noisy) / np.sqrt(np.square(noisy).mean())
    gain = 10 ** (level_db / 20)
    expected = enhancer.enhance_batch(noisy)
    error = enhancer.enhance_batch(gain * noisy) / gain - expected
    assert error.square().sum() < 1e-8 * expected.square().sum()
    shifted = enhancer.enhance_batch(noisy + 0.1)
    assert abs(float(shifted.mean())) < 1e-3
    assert si_sdr(expected, shifted) > 20


def test_silence_before_a_recording_does_not_matter(enhancer):
    as_it_is = gain_on_the_example(enhancer)
    assert gain_on_the_example(enhancer, silence=80000) > as_it_is - 0.5


def live(enhancer, noisy, level=None):
    """What a live stream gives of ``noisy`` in the end."""
    context = enhancer.make_streaming_context(level=level)
    parts = [enhancer.enhance_chunk(context, part) for part in noisy.split(700, 1)]
    return torch.cat([*parts, enhancer.flush(context)], 1)


def test_stream_equals_whole(enhancer):
    wave = torch.as_tensor(speech_like(2.0, speaker=1, seed=3)[0]).float()
    noise = torch.as_tensor(noise_like(2.0, "hum", seed=2)).float()[: len(wave)]
    noisy = mix_at_snr(wave, noise, 5.0)[None]
    streamed = live(enhancer, noisy)
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


def test_hardly_anything_is_taken_from_nearly_clean_speech():
    """For files of the offline model: a part of what was taken comes back."""
    enhancer = PseudoVisualEnhancement.from_hparams("offline")
    clean, _ = soundfile.read(EXAMPLES / "clean.wav", dtype="float32")
    noise = torch.as_tensor(noise_like(len(clean) / 16000, "pink", seed=4)).float()
    for snr, share in ((40.0, 0.2), (0.0, 0.0)):
        noisy = mix_at_snr(torch.from_numpy(clean), noise[: len(clean)], snr)[None]
        streamed = live(enhancer, noisy, float(level_of(noisy, 16000).rms))
        expected = streamed + share * (noisy - streamed)
        assert torch.allclose(enhancer.enhance_batch(noisy), expected, atol=1e-5)


def test_it_reads_the_mouths_of_a_video(tmp_path, monkeypatch):
    opened, real_open = [], av.open
    monkeypatch.setattr(
        av, "open", lambda *a, **k: opened.append(a) or real_open(*a, **k)
    )
    write_corpus(tmp_path / "videos", speakers=3, clips=1, seconds=3.0, size=112)
    model = PseudoVisualEnhancement.from_hparams("offline")
    for video in sorted((tmp_path / "videos").rglob("*.mp4")):
        seen = model.seen_lips(video)  # auto: of a video they are real ones
        assert seen is not None and float(seen.share.mean()) > 0.8
        opened.clear()
        model.enhance_to_file(video, tmp_path / "a.mp4")
        # Looked at, pictures and sound for the lips, sound, copied pictures; written.
        assert len(opened) == 5
        shown = model.enhance_to_file(
            video, tmp_path / "a.mp4", lips="real", overlay=True
        )
        assert "Real lips were seen in" in shown.notes()[-1]
        reports = {
            lips: model.enhance_to_file(video, tmp_path / f"{lips}.wav", lips=lips)
            for lips in ("real", "student")
        }
        assert "Real lips were seen in" in reports["real"].notes()[-1]
        assert not any("Real" in note for note in reports["student"].notes())
        one, two = (soundfile.read(tmp_path / f"{x}.wav")[0] for x in reports)
        assert one.shape == two.shape and np.abs(one - two).max() > 1e-3
