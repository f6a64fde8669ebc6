"""Resampling in blocks: as good as in one piece, at any pair of rates."""

import pytest
import torch
import torchaudio

from pvsd_modules.io.resampling import SincResampler

RATES = [8000, 11025, 22050, 24000, 44100, 48000, 96000]


def in_blocks(resampler, signal, sizes):
    parts, begin, turn = [], 0, 0
    while begin < signal.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(resampler.feed(signal[:, begin : begin + size]))
        begin, turn = begin + size, turn + 1
    return torch.cat([*parts, resampler.flush()], 1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("up", [True, False])
def test_blocks_equal_whole_file_resampling(rate, up):
    torch.manual_seed(0)
    pair = (rate, 16000) if up else (16000, rate)
    signal = torch.randn(2, 7001)
    given = in_blocks(SincResampler(*pair), signal, [1, 500, 17, 3000])
    expected = torchaudio.functional.resample(
        signal, *pair, lowpass_filter_width=32, rolloff=1.0
    )
    assert given.shape == expected.shape
    assert torch.allclose(given, expected, atol=3e-4)
    whole = in_blocks(SincResampler(*pair), signal, [7001])
    assert torch.allclose(given, whole, atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 96000, 44099])
def test_there_and_back_keeps_place_and_length(rate):
    time = torch.arange(rate // 4) / rate
    tone = torch.sin(2 * torch.pi * 1000 * time)[None] * torch.hann_window(len(time))
    low = in_blocks(SincResampler(rate, 16000), tone, [999])
    back = in_blocks(SincResampler(16000, rate), low, [777])
    assert back.shape[1] >= tone.shape[1]
    assert torch.allclose(back[:, : tone.shape[1]], tone, atol=1e-3)


def test_what_16_khz_cannot_hold_is_taken_out_not_folded_down():
    time = torch.arange(24000).double() / 48000
    tone = torch.sin(2 * torch.pi * 10000 * time)[None].float()
    low = in_blocks(SincResampler(48000, 16000), tone, [5000])
    assert low[:, 500:-500].abs().max() < 2e-4  # 10 kHz would fold to 6 kHz


@pytest.mark.parametrize("length", [1, 2, 100])
def test_short_signals(length):
    for rate in (*RATES, 16000):
        signal = torch.ones(1, length)
        low = in_blocks(SincResampler(rate, 16000), signal, [1])
        assert low.shape[1] == -(-length * 16000 // rate)
