"""The wide denoiser: streams, levels, lips, the audio-only baseline, gradients."""

import pytest
import torch

from pvsd_modules.inference.recurrent_stream import RecurrentStream
from pvsd_modules.models.open.band_layers import BandSplitEncoder, CrossBandLayer
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.wide_denoiser import LAYOUT, WideDenoiser

# Look-ahead of the lips in frames, of the denoiser in steps, delay of the lips in steps
SETTINGS = {"offline": (2, 6, 0), "live": (0, 0, 2), "late": (1, 2, 10)}


def small(**settings) -> WideDenoiser:
    return WideDenoiser(**{"channels": 8, "full_band_channels": 16} | settings)


@pytest.fixture(scope="module", params=SETTINGS)
def networks(request):
    torch.manual_seed(0)
    frames, steps, delay = SETTINGS[request.param]
    student = OpenLipGenerator(16, layers=1, motions=4, lookahead_frames=frames)
    denoiser = small(lookahead_steps=steps, lip_delay_steps=delay)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.mul_(1.5)  # makes the dependence on lips and past plain
    return student.eval(), denoiser.eval()


@pytest.mark.parametrize("mode", ["student", "zeros", "none"])
@pytest.mark.parametrize("size", [37, 160, 161, 479, 1000, 3333])
def test_a_stream_gives_what_one_pass_gives(networks, mode, size):
    student, denoiser = networks
    noisy = torch.randn(2, 12801, generator=torch.Generator().manual_seed(1))
    noisy[:, 5000:7000] = 0.0
    stream = RecurrentStream(student, denoiser, mode)
    with torch.no_grad():
        drawn = student(noisy)
        lips = {"student": drawn, "zeros": torch.zeros_like(drawn), "none": None}[mode]
        wanted = denoiser(noisy, lips)["enhanced"]
        parts = [stream.feed(part) for part in noisy.split(size, 1)] + [stream.flush()]
    found = torch.cat([part.audio for part in parts], 1)
    assert found.shape == noisy.shape
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("length", [1, 159, 160, 161, 320, 641, 1279, 2400, 5001])
def test_any_length(networks, length):
    student, denoiser = networks
    noisy = torch.randn(1, length, generator=torch.Generator().manual_seed(2))
    stream = RecurrentStream(student, denoiser)
    with torch.no_grad():
        out = denoiser(noisy, student(noisy))
        found = torch.cat([stream.feed(noisy).audio, stream.flush().audio], 1)
    assert out["enhanced"].shape == noisy.shape
    assert out["features"].shape == denoiser.analyse(noisy).shape
    assert torch.allclose(found, out["enhanced"], atol=1e-5)


def test_a_stream_is_as_late_as_it_says(networks):
    student, denoiser = networks
    stream = RecurrentStream(student, denoiser)
    given = worst = 0
    for taken in range(160, 16001, 160):
        if taken > 4800:  # before, the first frames of the lips are waited for
            worst = max(worst, taken - given)
        given += stream.feed(torch.randn(1, 160)).audio.shape[1]
    assert worst - 160 < stream.latency_samples <= worst + 159


def test_live_settings_are_40_ms_late():
    denoiser = small(lookahead_steps=0, lip_delay_steps=2).eval()
    assert RecurrentStream(None, denoiser, "none").latency_samples == 640


@pytest.mark.parametrize("ahead", [0, 4])
def test_its_look_ahead_is_what_it_says(ahead):
    torch.manual_seed(0)
    denoiser = small(lookahead_steps=ahead).eval()
    wav = 0.1 * torch.randn(1, 16000)
    changed = wav.clone()
    changed[:, 8000:] *= 3.0  # from step 50, the first of a pair, on
    with torch.no_grad():
        gap = (denoiser(wav)["features"] - denoiser(changed)["features"]).abs()
    gap = gap.amax((0, 2, 3))
    assert gap[: 50 - ahead].max() == 0 and gap[50 - ahead] > 0


def test_level_does_not_matter():
    torch.manual_seed(0)
    denoiser = small().eval()
    wav = 0.02 * torch.randn(1, 48000)
    with torch.no_grad():
        out = denoiser(wav)["enhanced"]
        for gain in (0.03, 10.0):
            other = denoiser(gain * wav)["enhanced"] / gain
            late = slice(32000, None)
            error = (other - out)[:, late].norm() / out[:, late].norm()
            assert error < 0.05


def test_rumble_and_offset_are_removed_and_change_nothing():
    torch.manual_seed(0)
    denoiser = small().eval()
    wav = 0.05 * torch.randn(1, 16000)
    with torch.no_grad():
        plain, shifted = denoiser(wav), denoiser(wav + 0.1)
    assert plain["features"][:, :, :2].abs().max() == 0
    inside = slice(50, -18)  # the edges of an offset are steps, which pass
    gap = plain["features"][:, inside] - shifted["features"][:, inside]
    assert gap.abs().max() < 0.02 * plain["features"].abs().max()


def test_an_item_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    denoiser = small().eval()
    noisy, lips = torch.randn(3, 2000), torch.rand(3, 4, 48, 96, 3)
    with torch.no_grad():
        together = denoiser(noisy, lips)["enhanced"]
        alone = denoiser(noisy[1:2], lips[1:2])["enhanced"]
    assert torch.allclose(together[1:2], alone, atol=1e-5)


def test_lips_reach_the_sound_and_gradients_reach_everything():
    torch.manual_seed(0)
    denoiser = small()
    lips = torch.rand(1, 4, 48, 96, 3, requires_grad=True)
    denoiser(torch.randn(1, 2500), lips)["enhanced"].square().sum().backward()
    assert lips.grad.abs().sum() > 0
    for name, parameter in denoiser.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_silence_and_loudness_stay_finite():
    denoiser = small().eval()
    for level in (0.0, 1e-4, 100.0):
        out = denoiser(level * torch.ones(1, 1500), torch.rand(1, 3, 48, 96, 3))
        assert torch.isfinite(out["enhanced"]).all()


def test_masks_stay_within_their_limits():
    denoiser = small(mask_limit=1.5).eval()
    for value, real, imaginary in ((100.0, 2.0, 1.5), (-100.0, -1.0, -1.5)):
        for layer in denoiser.masks:
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.constant_(layer.bias, value)
        noisy = torch.randn(1, 1600)
        spectrum = denoiser.analyse(noisy)
        mask = torch.zeros_like(spectrum)
        mask[:, :, 2:, 0], mask[:, :, 2:, 1] = real, imaginary
        wanted = denoiser.apply_mask(spectrum, mask)
        assert torch.allclose(denoiser(noisy)["features"], wanted, atol=1e-3)


class TestBaseline:
    """The audio-only baseline of equal size."""

    @staticmethod
    def pair():
        torch.manual_seed(0)
        student = OpenLipGenerator(channels=32, layers=1, motions=8, lookahead_frames=1)
        return student, small(), small(baseline_of=student)

    @staticmethod
    def count(*networks):
        return sum(p.numel() for network in networks for p in network.parameters())

    def test_it_has_the_parameters_of_student_and_denoiser(self):
        student, denoiser, baseline = self.pair()
        ratio = self.count(baseline) / self.count(student, denoiser)
        assert abs(ratio - 1) < 0.001

    def test_both_start_as_the_function_that_was_trained_without_lips(self):
        student, denoiser, baseline = self.pair()
        base = small().eval()
        noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
        with torch.no_grad():
            wanted = base(noisy, None)["enhanced"]
            for network in (denoiser, baseline):
                network.load_except_lip_path(base.state_dict())
                found = network.eval()(noisy, lips)["enhanced"]
                assert torch.allclose(found, wanted, atol=1e-5)

    def test_lips_are_read_after_a_run_that_never_saw_any(self):
        student, denoiser, baseline = self.pair()
        unread = small().state_dict()
        unread["fusion.weight"][:, -denoiser.lip_width :] = 0.0
        noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
        for network in (denoiser, baseline):
            network.load_except_lip_path(unread)
            optimiser = torch.optim.Adam(network.train().parameters(), 1e-3)
            for _ in range(2):  # the first step reaches `lip_bands`, the second all
                optimiser.zero_grad()
                network(noisy, lips)["enhanced"].square().sum().backward()
                optimiser.step()
            assert network.fusion.weight.grad[:, -network.lip_width :].abs().sum() > 0
            encoder = network.lip_encoder or network.audio_path
            grads = [p.grad.abs().sum() for p in encoder.parameters()]
            assert float(sum(grads)) > 0

    def test_it_reads_no_lips_and_all_of_it_learns(self):
        student, denoiser, baseline = self.pair()
        noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
        baseline.train()(noisy)["enhanced"].square().sum().backward()
        assert not [n for n, p in baseline.named_parameters() if p.grad is None]
        baseline.eval()
        assert torch.equal(
            baseline(noisy, lips)["enhanced"], baseline(noisy, None)["enhanced"]
        )


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_blocks_can_join_and_at_first_add_nothing(blocks):
    torch.manual_seed(0)
    base, other = small(blocks=1).eval(), small(blocks=blocks)
    noisy = torch.randn(1, 4000)
    other.load_except_lip_path(base.state_dict())
    with torch.no_grad():
        found = other.eval()(noisy)["enhanced"]
        assert torch.allclose(found, base(noisy)["enhanced"], atol=1e-6)
    other(noisy)["enhanced"].square().sum().backward()
    for name, parameter in other.layers.named_parameters():
        if name.endswith("out.weight"):
            assert parameter.grad.abs().sum() > 0, name


def test_bands_cover_all_bins_once():
    assert 2 + sum(count * width for count, width in LAYOUT) >= 241
    encoder = BandSplitEncoder(((2, 3),), 1, 1, 1, overlap=1)
    with torch.no_grad():
        for group in encoder.groups:
            group.weight.fill_(1.0)
        bins = torch.arange(8.0).reshape(1, 1, 8, 1)
        # Bands of the bins 1 to 3 and 4 to 6, with an edge of one bin each.
        assert encoder(bins).flatten().tolist() == [1 + 2 + 3 + 4, 3 + 4 + 5 + 6]


def test_the_map_over_bands_reaches_all_of_them():
    torch.manual_seed(0)
    layer = CrossBandLayer(8, 6, width=3, mixed=4)
    x = torch.randn(1, 2, 6, 8, requires_grad=True)
    y, _ = layer(x)
    y[0, 0, 0].sum().backward()
    assert (x.grad[0, 0].abs().sum(-1) > 0).all() and x.grad[0, 1].abs().sum() == 0
