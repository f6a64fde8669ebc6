"""Properties that hold for any length, rate, channels, chunk size and level."""

import numpy as np
import pytest
import soundfile
import tiny_networks
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.io.resampling import SincResampler
from pvsd_modules.io.sound_reading import read_audio

lengths = st.integers(1, 20000)
rates = st.integers(1000, 192000) | st.sampled_from([8000, 11025, 16000, 44100, 48000])
channels = st.integers(1, 8)
levels_db = st.floats(-120, 40)
chunks = st.lists(st.integers(1, 5000), min_size=1, max_size=6)
quick = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=25,
    suppress_health_check=list(HealthCheck),
)


def noise(rows, length, level_db=-20.0, seed=0):
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal((rows, length)) * 10 ** (level_db / 20)
    return torch.from_numpy(wave.astype(np.float32))


def in_chunks(wave, sizes):
    """The wave in pieces of these sizes, again and again."""
    begin, turn = 0, 0
    while begin < wave.shape[1]:
        size = sizes[turn % len(sizes)]
        yield wave[:, begin : begin + size]
        begin, turn = begin + size, turn + 1


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One that changes nothing, and one that changes the sound."""
    base = tmp_path_factory.mktemp("models")
    return {
        name: PseudoVisualEnhancement.from_hparams(
            tiny_networks.make_folder(base / name, name), run_opts={"device": "cpu"}
        )
        for name in ("IdentityDenoiser", "TinyDenoiser")
    }


@given(rows=channels, length=lengths, level_db=levels_db)
@quick
def test_a_batch_keeps_its_shape_and_stays_finite(models, rows, length, level_db):
    noisy = noise(rows, length, level_db)
    for name, model in models.items():
        enhanced = model.enhance_batch(noisy)
        assert enhanced.shape == noisy.shape and enhanced.dtype == torch.float32
        assert torch.isfinite(enhanced).all()
        if name == "IdentityDenoiser":
            assert torch.allclose(enhanced, noisy, rtol=1e-4, atol=0)


@given(rows=channels, length=lengths, sizes=chunks)
@quick
def test_a_stream_gives_the_same_in_chunks_of_any_size(models, rows, length, sizes):
    model, noisy = models["TinyDenoiser"], noise(rows, length)
    results = []
    for pieces in (list(in_chunks(noisy, sizes)), [noisy]):
        context = model.make_streaming_context()
        out = [model.enhance_chunk(context, piece) for piece in pieces]
        results.append(torch.cat([*out, model.flush(context)], dim=1))
    assert results[0].shape == results[1].shape == noisy.shape
    assert torch.allclose(*results, atol=1e-5)


@given(length=lengths, rate=rates, sizes=chunks)
@quick
def test_resampling_in_chunks_is_resampling_at_once(length, rate, sizes):
    wave = noise(2, length)
    whole, pieces = SincResampler(rate, 16000), SincResampler(rate, 16000)
    wanted = torch.cat([whole.feed(wave), whole.flush()], dim=1)
    found = [pieces.feed(piece) for piece in in_chunks(wave, sizes)]
    found = torch.cat([*found, pieces.flush()], dim=1)
    assert found.shape == wanted.shape
    assert abs(found.shape[1] - length * 16000 / rate) <= 1
    assert torch.allclose(found, wanted, atol=1e-5)


@given(length=lengths, rate=rates, count=channels, level_db=st.floats(-60, 0))
@quick
def test_a_file_keeps_length_rate_and_channels(
    models, tmp_path, length, rate, count, level_db
):
    wave = noise(count, length, level_db - 15).clamp(-1, 1)
    source, output = tmp_path / "noisy.wav", tmp_path / "enhanced.wav"
    soundfile.write(source, wave.T.numpy(), rate, "FLOAT")
    output.unlink(missing_ok=True)
    models["IdentityDenoiser"].enhance_file(source, output)
    info = soundfile.info(output)
    assert (info.frames, info.samplerate, info.channels) == (length, rate, count)
    enhanced, _ = read_audio(output)
    assert torch.isfinite(enhanced).all()
