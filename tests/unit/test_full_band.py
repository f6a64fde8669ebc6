"""Sound of any rate is enhanced whole: above 8 kHz it follows what lies below."""

import pytest
import torch

from pvsd_modules.inference.full_band import FullBandStream
from pvsd_modules.inference.guard import GuardedStream
from pvsd_modules.inference.windowed_stream import WindowedStream
from pvsd_modules.io.resampling import resample

RATES = [8000, 16000, 22050, 44100, 48000, 96000]


class Times(torch.nn.Module):
    """A network that multiplies by a constant."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, noisy, lips):
        return {"enhanced": self.factor * noisy}


class Gate(torch.nn.Module):
    """Silences each hop that is quieter than 0.03."""

    def forward(self, noisy, lips):
        hops = noisy.unflatten(1, (-1, 160))
        loud = hops.square().mean(2, keepdim=True).sqrt() > 0.03
        return {"enhanced": (hops * (0.01 + 0.99 * loud)).flatten(1)}


def stream_of(network, rate, **options):
    windows = WindowedStream(None, network, 6400, 5120, 0, lips="none")
    return FullBandStream(GuardedStream(windows), rate, **options)


def run(stream, signal, sizes):
    parts, begin, turn = [], 0, 0
    while begin < signal.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(stream.feed(signal[:, begin : begin + size]).audio)
        begin, turn = begin + size, turn + 1
        behind = min(begin, signal.shape[1]) - sum(part.shape[1] for part in parts)
        assert behind < stream.latency_samples + 1
    return torch.cat([*parts, stream.flush().audio], 1)


def wide(rate, seconds=0.7, rows=1):
    torch.manual_seed(0)
    noise = torch.randn(rows, int(rate * seconds) + 7)
    return noise if rate >= 16000 else resample(resample(noise, 4, 3), 3, 4)


@pytest.mark.parametrize("rate", RATES)
def test_networks_that_change_nothing_change_nothing(rate):
    signal = wide(rate, rows=2)
    found = run(stream_of(Times(), rate), signal, [4410])
    assert found.shape == signal.shape
    # Below 16 kHz it goes up and down again, and loses the edge of its band.
    error = (found - signal)[:, 500:-500].square().mean() / signal.square().mean()
    assert error < (1e-12 if rate >= 16000 else 2e-2)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("strength", [1.0, 0.25])
def test_one_gain_for_all_frequencies_and_any_chunks(rate, strength):
    signal = wide(rate)
    whole = run(stream_of(Times(0.5), rate, strength=strength), signal, [10**6])
    factor = strength * 0.5 + 1 - strength
    torch.testing.assert_close(whole, factor * signal, atol=1e-5, rtol=0)
    parts = run(stream_of(Times(0.5), rate, strength=strength), signal, [1, 480, 9999])
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)


def levels(signal, rate, parts):
    """Mean level in dB of a band of parts of a signal, at most rate / 2."""
    spectrum = torch.stft(signal[0], 960, 480, window=torch.hann_window(960),
                          return_complex=True).abs().square()  # fmt: skip
    return {
        band: float(10 * torch.log10(spectrum[lo:hi, parts].mean() + 1e-20))
        for band, (lo, hi) in {"low": (20, 140), "edge": (150, 170), "high": (180, 400)}
        .items()
    }  # fmt: skip


def test_above_8_khz_pauses_fall_and_speech_stays():
    """At 48 kHz, bursts of 0.3 s (a fricative) over noise that is 40 dB quieter."""
    torch.manual_seed(1)
    rate, background = 48000, 0.003 * torch.randn(1, 48000 * 2)
    envelope = torch.zeros(1, 48000 * 2)
    envelope[:, 28800:43200] = envelope[:, 67200:81600] = 0.3
    signal = background + envelope * torch.randn(1, 48000 * 2)
    found = run(stream_of(Gate(), rate), signal, [480])
    speech, pause = slice(64, 86), slice(112, 136)
    before, after = (levels(one, rate, speech) for one in (signal, found))
    assert all(abs(after[band] - before[band]) < 1.0 for band in before)
    before, after = (levels(one, rate, pause) for one in (signal, found))
    fell = {band: before[band] - after[band] for band in before}
    assert fell["low"] == pytest.approx(40, abs=3)
    assert fell["high"] == pytest.approx(40, abs=3)
    assert fell["edge"] > 37


def test_wrong_calls_are_refused_and_change_nothing():
    with pytest.raises(ValueError, match="strength"):
        stream_of(Times(), 48000, strength=1.5)
    signal = wide(48000, rows=2)
    stream = stream_of(Times(), 48000)
    first = stream.feed(signal[:, :20000]).audio
    with pytest.raises(ValueError, match="2, time"):
        stream.feed(signal[:1])
    rest = [stream.feed(signal[:, 20000:]).audio, stream.flush().audio]
    torch.testing.assert_close(torch.cat([first, *rest], 1), signal)
    assert stream.samples == signal.shape[1]
    assert stream.flush().audio.shape == (1, 0)
