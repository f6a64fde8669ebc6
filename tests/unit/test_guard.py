"""No input breaks a stream, and nothing broken comes out of it."""

import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.guard import GuardedStream
from pvsd_modules.inference.level import LevelControl, level_of
from pvsd_modules.inference.windowed_stream import WindowedStream
from pvsd_modules.models.protocols import Chunk

LEVEL = 0.02


class Same:
    """Gives every chunk back at once, and remembers what it was fed."""

    latency_samples = 0

    def __init__(self, factor=1.0):
        self.fed, self.flushed, self.factor = [], 0, factor

    def feed(self, chunk):
        self.fed.append(chunk)
        return Chunk(self.factor * chunk, chunk.new_zeros(len(chunk), 0, 48, 96, 3))

    def flush(self):
        self.flushed += 1
        return Chunk(torch.zeros(1, 0), torch.zeros(1, 0, 48, 96, 3))


def noise(seconds, level, rows=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return level * torch.randn(rows, int(16000 * seconds), generator=generator)


def run(stream, signal, size):
    parts = [stream.feed(part).audio for part in signal.split(size, 1)]
    return torch.cat([*parts, stream.flush().audio], 1)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_an_invalid_sample_is_silence_and_no_more(wrong):
    signal = noise(1, 0.1, 2)
    signal[1, 5000] = wrong
    stream = GuardedStream(Same())
    found = run(stream, signal, 700)
    signal[1, 5000] = 0.0
    assert torch.equal(found, signal) and stream.invalid == 1


def test_integers_are_scaled():
    chunk = torch.full((1, 10), 16384, dtype=torch.int16)
    assert torch.equal(
        GuardedStream(Same()).feed(chunk).audio, torch.full((1, 10), 0.5)
    )


@pytest.mark.parametrize("wrong", [torch.zeros(3, 5), torch.zeros(5), "a batch"])
def test_a_refused_chunk_leaves_the_stream_as_it_was(wrong):
    signal = noise(1, 0.1, 2)
    stream = GuardedStream(Same(), level=LEVEL)
    parts = [stream.feed(signal[:, :9000]).audio]
    with pytest.raises((ValueError, TypeError)):
        stream.feed(wrong)
    parts += [stream.feed(signal[:, 9000:]).audio, stream.flush().audio]
    torch.testing.assert_close(torch.cat(parts, 1), signal)
    stream.feed(torch.zeros(3, 5))  # after a flush the batch may be another one


def test_a_model_that_is_not_finite_is_named():
    stream = GuardedStream(Same(float("nan")), name="my/model")
    with pytest.raises(PvsdError, match="my/model returned values that are not finite"):
        stream.feed(noise(0.1, 0.1))


def test_kept_outputs_hold_no_larger_buffers():
    class Part(torch.nn.Module):
        def forward(self, noisy, lips):
            return {"enhanced": noisy}

    stream = GuardedStream(WindowedStream(None, Part(), lips="none"))
    kept = [stream.feed(part).audio for part in noise(5, 0.1).split(160, 1)]
    kept.append(stream.flush().audio)
    held = sum(part.untyped_storage().nbytes() for part in kept)
    assert held == 4 * 5 * 16000


@pytest.mark.parametrize("gain", [1e-4, 0.01, 1.0, 100.0])
def test_the_networks_are_given_the_same_at_any_level(gain):
    signal = noise(1, 0.1, 2) * torch.tensor([[1.0], [0.3]])
    inner = Same()
    stream = GuardedStream(inner, level=LEVEL)
    stream.expect(level_of(gain * signal, 16000))
    torch.testing.assert_close(run(stream, gain * signal, 1111), gain * signal)
    fed = torch.cat(inner.fed, 1)
    assert fed.square().mean(1).sqrt().tolist() == pytest.approx([LEVEL] * 2, rel=0.02)
    assert inner.flushed == 1


def test_a_click_and_an_offset_do_not_change_the_level():
    signal = noise(3, 0.01)
    plain = level_of(signal, 16000)
    signal[0, 20000] = 1e6
    assert torch.allclose(level_of(signal, 16000).rms, plain.rms, rtol=0.01)
    shifted = level_of(noise(3, 0.01) + 0.1, 16000)
    assert torch.allclose(shifted.rms, plain.rms, rtol=0.01)
    assert float(shifted.offset) == pytest.approx(0.1, rel=0.01)
    assert float(plain.offset) == 0.0
    inner = Same()
    stream = GuardedStream(inner, level=LEVEL)
    stream.expect(plain)
    run(stream, signal, 4000)
    assert torch.cat(inner.fed, 1).abs().max() <= 500 * LEVEL * 1.001


@pytest.mark.parametrize("size", [160, 700, 48000])
@pytest.mark.parametrize("level", [1e-5, 0.05, 20.0])
def test_a_live_stream_far_from_the_level_begins_anew(level, size):
    signal = noise(3, level)
    inner = Same()
    stream = GuardedStream(inner, level=LEVEL)
    found = run(stream, signal, size)[:, 8000:]  # limited at first where too loud
    torch.testing.assert_close(found, signal[:, 8000:], rtol=1e-4, atol=0)
    late = torch.cat(inner.fed, 1)[:, 16000:].square().mean().sqrt()
    if level == 0.05:  # as a model is trained for
        assert float(late) == pytest.approx(level, rel=0.05) and inner.flushed == 1
    else:
        assert float(late) == pytest.approx(LEVEL, rel=0.2) and inner.flushed == 2


def test_a_live_stream_loses_its_offset():
    signal = noise(3, 0.05) + 0.2
    inner = Same()
    found = run(GuardedStream(inner, level=LEVEL), signal, 333)
    assert found[:, 8000:].mean().abs() < 0.005 and inner.flushed == 1


def test_silence_has_no_level():
    control = LevelControl(LEVEL, level_of(torch.zeros(2, 5000), 16000))
    assert control.gains == [1.0, 1.0]
    assert torch.equal(control.applied(torch.zeros(2, 10)), torch.zeros(2, 10))
