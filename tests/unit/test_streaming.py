"""Windows joined into a stream: nothing is lost, moved, audible or chunk-dependent."""

import pytest
import torch

from pvsd_modules.alignment import frame_count, lip_windows
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.windowed_stream import WindowedStream


class Identity(torch.nn.Module):
    """Gives back what it gets, and remembers how much it was given at once."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, noisy, lips):
        self.batches.append(tuple(noisy.shape))
        return {"enhanced": noisy}


class BadEdges(torch.nn.Module):
    """Right in the middle of what it sees, wrong in the 20 ms at both ends."""

    def forward(self, noisy, lips):
        enhanced = noisy.clone()
        enhanced[:, :320] = 9.0
        enhanced[:, -320:] = -9.0
        return {"enhanced": enhanced}


class Loudness(torch.nn.Module):
    """Lips as grey as the 0.2 s around them are loud."""

    def forward(self, noisy):
        grey = lip_windows(noisy).abs().mean(-1)  # [B, F]
        return grey[:, :, None, None, None].expand(-1, -1, 48, 96, 3)


class LipGain(torch.nn.Module):
    """Multiplies every sample by the grey of its lip frame."""

    def forward(self, noisy, lips):
        gain = lips.mean((2, 3, 4)).repeat_interleave(640, 1)[:, : noisy.shape[1]]
        return {"enhanced": noisy * gain}


def run(stream, noisy, sizes):
    """Feed chunks of the given sizes, over and over; give all that comes out."""
    audio, lips, begin, turn = [], [], 0, 0
    while begin < noisy.shape[1]:
        size = sizes[turn % len(sizes)]
        chunk = stream.feed(noisy[:, begin : begin + size])
        audio.append(chunk.audio)
        lips.append(chunk.lips)
        begin, turn = begin + size, turn + 1
    chunk = stream.flush()
    return torch.cat([*audio, chunk.audio], 1), torch.cat([*lips, chunk.lips], 1)


# 1 s windows every 0.8 s: lengths around every border, and the residues modulo 12800
# for which the original wrote nothing.
LENGTHS = [1, 2, 159, 639, 640, 641, 2400, 9999, 15999, 16000, 16001, 18560]
LENGTHS += [12800 * 2 + residue for residue in range(0, 12800, 800)]


@pytest.mark.parametrize("length", LENGTHS)
def test_identity_networks_give_the_input_back(length):
    noisy = torch.rand(1, length) - 0.5
    stream = WindowedStream(Loudness(), Identity())
    audio, lips = run(stream, noisy, [7000])
    assert audio.shape == noisy.shape
    assert torch.allclose(audio, noisy, atol=1e-6)
    assert lips.shape == (1, frame_count(length), 48, 96, 3)


@pytest.mark.parametrize(
    "window, hop, fade",
    [(16000, 12800, 640), (16000, 15360, 0), (16000, 640, 160), (3200, 1920, 640)],
)
def test_any_window_and_hop(window, hop, fade):
    noisy = torch.rand(2, 33333) - 0.5
    stream = WindowedStream(Loudness(), Identity(), window, hop, fade)
    audio, lips = run(stream, noisy, [4096])
    assert torch.allclose(audio, noisy, atol=1e-6)
    assert lips.shape[1] == frame_count(33333)


def test_what_networks_do_at_the_edges_of_windows_is_cut():
    noisy = torch.rand(1, 50000) - 0.5
    audio, _ = run(WindowedStream(Loudness(), BadEdges()), noisy, [50000])
    assert torch.allclose(audio, noisy, atol=1e-6)


@pytest.mark.parametrize("sizes", [[50000], [1, 640, 7], [16000], [12799, 12801]])
def test_chunks_do_not_change_the_result(sizes):
    torch.manual_seed(0)
    noisy = torch.randn(2, 45001)
    whole = run(WindowedStream(Loudness(), LipGain(), batch=1), noisy, [45001])
    parts = run(WindowedStream(Loudness(), LipGain(), batch=3), noisy, sizes)
    assert torch.allclose(parts[0], whole[0], atol=1e-6)
    assert torch.allclose(parts[1], whole[1], atol=1e-6)


def test_lips_and_what_is_made_of_them_equal_one_pass_over_the_whole():
    """The student's context is inside each window, so windows make no difference."""
    torch.manual_seed(0)
    noisy = torch.randn(1, 60000)
    audio, lips = run(WindowedStream(Loudness(), LipGain()), noisy, [16000])
    expected = Loudness()(noisy)
    assert torch.allclose(lips, expected, atol=1e-5)
    assert torch.allclose(audio, LipGain()(noisy, expected)["enhanced"], atol=1e-5)


def test_latency_is_what_it_says():
    """Whatever is older than the latency has been given out, and it is reached."""
    stream = WindowedStream(None, Identity(), lips="none")
    given, lags = 0, []
    for taken in range(160, 60000, 160):
        lags.append(taken - given)  # before this chunk's output
        given += stream.feed(torch.zeros(1, 160)).audio.shape[1]
        assert taken - given < stream.latency_samples
    assert max(lags) >= stream.latency_samples - 160


def test_only_a_few_windows_are_computed_at_once():
    denoiser = Identity()
    run(
        WindowedStream(None, denoiser, lips="none", batch=4),
        torch.zeros(2, 160000),
        [160000],
    )
    assert max(shape[0] for shape in denoiser.batches) == 4  # 2 windows of 2 signals
    assert {shape[1] for shape in denoiser.batches} == {16000}


def test_modes_of_lips():
    seen = []

    class Watch(torch.nn.Module):
        def forward(self, noisy, lips):
            seen.append(lips)
            return {"enhanced": noisy}

    noisy = torch.ones(1, 3000)
    _, lips = run(WindowedStream(Loudness(), Watch(), lips="none"), noisy, [3000])
    assert seen.pop() is None and lips.shape == (1, 0, 48, 96, 3)
    _, lips = run(WindowedStream(Loudness(), Watch(), lips="zeros"), noisy, [3000])
    assert seen.pop().shape == (1, 25, 48, 96, 3) and lips.shape[1] == 5
    assert not lips.any()
    with pytest.raises(PvsdError, match="real"):
        WindowedStream(Loudness(), Watch(), lips="real")


def test_a_stream_can_be_used_again_after_flush():
    stream = WindowedStream(Loudness(), LipGain())
    noisy = torch.rand(1, 20000)
    assert torch.equal(run(stream, noisy, [20000])[0], run(stream, noisy, [20000])[0])
    assert stream.flush().audio.shape[1] == 0
    stream.feed(torch.zeros(1, 0))
    assert stream.flush().audio.shape == (1, 0)


@pytest.mark.parametrize("window, hop, fade", [(16000, 16000, 640), (1000, 640, 0)])
def test_impossible_settings_are_refused(window, hop, fade):
    with pytest.raises(ValueError):
        WindowedStream(None, Identity(), window, hop, fade, lips="none")
