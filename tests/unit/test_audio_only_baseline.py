"""The audio-only baseline: as large as the system with lips, and the same at start."""

import torch

from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.wide_denoiser import WideDenoiser


def small(**settings):
    return WideDenoiser(**{"channels": 16, "full_band_channels": 16} | settings)


def count(*networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def pair():
    torch.manual_seed(0)
    student = OpenLipGenerator(channels=32, layers=1, motions=8, lookahead_frames=1)
    denoiser, baseline = small(), small(baseline_of=student)
    return student, denoiser, baseline


def test_it_has_the_parameters_of_student_and_denoiser():
    student, denoiser, baseline = pair()
    assert abs(count(baseline) / count(student, denoiser) - 1) < 0.001


def test_it_reads_no_lips_and_all_of_it_learns():
    student, denoiser, baseline = pair()
    noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
    baseline.train()(noisy)["enhanced"].square().sum().backward()
    assert not [name for name, p in baseline.named_parameters() if p.grad is None]
    baseline.eval()
    assert torch.equal(
        baseline(noisy, lips)["enhanced"], baseline(noisy, None)["enhanced"]
    )


def test_its_level_is_that_of_the_student():
    student = OpenLipGenerator(16, 1, 4, level_seconds=2.0)
    baseline = small(baseline_of=student)
    assert baseline.audio_path.trunk.level.decay == student.level.decay > 0.9


def test_its_look_ahead_is_that_of_the_student():
    student, denoiser, baseline = pair()
    baseline.eval()
    wav = torch.randn(1, 6400)
    changed = wav.clone()
    changed[:, 3200:] += 1.0  # from frame 5 on
    with torch.no_grad():
        gap = (
            (baseline.audio_path(wav) - baseline.audio_path(changed)).abs().amax((0, 2))
        )
    assert gap[:4].max() == 0 and gap[4] > 0


def test_both_start_as_the_function_that_was_trained_without_lips():
    student, denoiser, baseline = pair()
    base = small().eval()
    noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
    with torch.no_grad():
        wanted = base(noisy, None)["enhanced"]
        for network in (denoiser, baseline):
            network.load_except_lip_path(base.state_dict())
            found = network.eval()(noisy, lips)["enhanced"]
            assert torch.allclose(found, wanted, atol=1e-6)


def test_lips_are_read_after_a_run_that_never_saw_any():
    student, denoiser, baseline = pair()
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
