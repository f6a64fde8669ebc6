"""Faster networks for inference, and lips drawn once, give the same as before."""

import pytest
import torch

from pvsd_modules.alignment import frame_count, lip_windows
from pvsd_modules.inference.windowed_stream import WindowedStream
from pvsd_modules.models.paper.adapters import PaperDenoiser, PaperLipStudent
from pvsd_modules.models.paper.blocks import ConvBlock, in_chunks, upconv2d
from pvsd_modules.models.paper.folding import FoldedBlock, fused_copy


def settle(network):
    """Statistics and factors of normalisation as after a training, not 0 and 1."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    return network.eval()


@pytest.mark.parametrize(
    "block, shape",
    [
        (ConvBlock(torch.nn.Conv1d(5, 5, 3, padding=1), residual=True), (2, 5, 9)),
        (ConvBlock(torch.nn.Conv2d(3, 5, 3, 2)), (2, 3, 9, 8)),
        (upconv2d(3, 5, stride=(1, 2), extra=(0, 1)), (2, 3, 4, 5)),
    ],
)
def test_a_folded_block_gives_the_same(block, shape):
    settle(block)
    before = {name: value.clone() for name, value in block.state_dict().items()}
    x = torch.randn(shape)
    given = x.clone()
    with torch.no_grad():
        expected = block(x)
        assert expected.any() and not (expected > 0).all()
        assert torch.allclose(FoldedBlock(block)(x), expected, atol=1e-5)
    assert torch.equal(x, given)
    for name, value in block.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_fused_copy_is_another_network():
    network = torch.nn.Sequential(
        upconv2d(2, 3), torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1), torch.nn.ReLU())
    ).train()
    fused = fused_copy(network, torch.bfloat16)
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(p.dtype == torch.float32 for p in network.parameters())
    assert network.training and not fused.training
    assert {p.dtype for p in fused.parameters()} == {torch.bfloat16}
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    kinds = {type(module) for module in fused.modules()}
    assert torch.nn.BatchNorm2d not in kinds and FoldedBlock in kinds


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(1)
    return settle(PaperLipStudent(chunk_frames=4))


@pytest.fixture(scope="module")
def denoiser():
    torch.manual_seed(2)
    return settle(PaperDenoiser(chunk_frames=4))


@torch.no_grad()
def test_fused_copies_of_the_paper_give_the_same(student, denoiser):
    noisy = 0.1 * torch.randn(1, 3000)
    lips = student(noisy)
    expected = denoiser(noisy, lips)
    drawn = student.for_inference()(noisy)
    cleaned = denoiser.for_inference()(noisy, lips)
    assert (drawn - lips).abs().max() < 1e-5
    assert (cleaned["features"] - expected["features"]).abs().max() < 1e-5
    loudest = expected["enhanced"].abs().max()  # of random networks: far above 1
    error = (cleaned["enhanced"] - expected["enhanced"]).abs().max()
    assert error < 2e-5 * loudest
    names = PaperLipStudent().state_dict().keys()
    assert student.state_dict().keys() == names  # files of weights still fit


@torch.no_grad()
def test_bfloat16_is_near_and_gives_float32(student, denoiser):
    noisy = 0.1 * torch.randn(1, 3000)
    lips = student(noisy)
    expected = denoiser(noisy, lips)["features"]
    drawn = student.for_inference(torch.bfloat16)(noisy)
    cleaned = denoiser.for_inference(torch.bfloat16)(noisy, lips)["features"]
    assert drawn.dtype == cleaned.dtype == torch.float32
    assert 0 < (drawn - lips).abs().max() < 0.1
    assert 0 < (cleaned - expected).abs().max() < 0.05


class CountingStudent(torch.nn.Module):
    """Draws from the sound around a frame, and counts what it drew."""

    def __init__(self):
        super().__init__()
        self.frames = 0

    def draw_windows(self, windows):
        self.frames += windows.shape[1]
        grey = windows.abs().mean(-1)  # [B, F]
        return grey[:, :, None, None, None].expand(-1, -1, 48, 96, 3)

    def forward(self, noisy):
        return self.draw_windows(lip_windows(noisy))


class Watcher(torch.nn.Module):
    """Keeps the lips it is shown."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, noisy, lips):
        assert lips.shape[:2] == (len(noisy), frame_count(noisy.shape[1]))
        self.seen.append(lips[:, :, 0, 0, 0])
        return {"enhanced": noisy}


@pytest.mark.parametrize("length", [1, 640, 12800, 15999, 40321])
@pytest.mark.parametrize("chunk", [160, 7001, 40321])
def test_lips_of_a_stream_are_drawn_once(length, chunk):
    student, watcher = CountingStudent(), Watcher()
    stream = WindowedStream(student, watcher, batch=3)
    noisy = torch.rand(1, length)
    chunks = [stream.feed(piece) for piece in noisy.split(chunk, 1)] + [stream.flush()]
    lips = torch.cat([chunk.lips for chunk in chunks], 1)
    drawn = student.frames
    assert torch.allclose(lips, student(noisy), atol=1e-6)
    assert torch.allclose(torch.cat([c.audio for c in chunks], 1), noisy, atol=1e-6)
    # 25 frames of the first window and 20 of every further one.
    windows = torch.cat(watcher.seen)  # [windows, 25]
    assert drawn == 5 + 20 * len(windows)
    # Neighbours are shown the same pictures of the frames they share.
    assert torch.equal(windows[:-1, 20:], windows[1:, :5])


def test_latency_with_lips_drawn_once():
    stream = WindowedStream(CountingStudent(), Watcher())
    given, lags = 0, []
    for taken in range(160, 40000, 160):
        lags.append(taken - given)  # before this chunk's output
        given += stream.feed(torch.zeros(1, 160)).audio.shape[1]
        assert taken - given < stream.latency_samples
    assert max(lags) >= stream.latency_samples - 160


@pytest.mark.parametrize("items, size, pieces", [(5, 2, 3), (4, 2, 2), (3, None, 1)])
def test_chunks_are_equally_large(items, size, pieces):
    seen = []

    def network(x):
        seen.append(len(x))
        return 2 * x

    x = torch.arange(items)
    assert torch.equal(in_chunks(network, (x,), size), 2 * x)
    assert len(seen) == pieces and max(seen) - min(seen) <= 1
    assert size is None or max(seen) <= size
