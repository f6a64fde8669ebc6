"""The audio-only baseline: as large as the system with lips, and the same at start."""

import torch

from pvsd_modules.models.open.denoiser import OpenDenoiser
from pvsd_modules.models.open.lip_generator import OpenLipGenerator


def count(*networks):
    return sum(p.numel() for network in networks for p in network.parameters())


def pair():
    torch.manual_seed(0)
    student = OpenLipGenerator(channels=32, layers=1, motions=8, lookahead_frames=1)
    denoiser = OpenDenoiser(channels=16, blocks=1)
    baseline = OpenDenoiser(channels=16, blocks=1, baseline_of=student)
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
    baseline = OpenDenoiser(channels=8, blocks=1, baseline_of=student)
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
    base = OpenDenoiser(channels=16, blocks=1).eval()
    noisy, lips = torch.randn(1, 4000), torch.rand(1, 7, 48, 96, 3)
    with torch.no_grad():
        wanted = base(noisy, None)["enhanced"]
        for network in (denoiser, baseline):
            network.load_except_lip_path(base.state_dict())
            found = network.eval()(noisy, lips)["enhanced"]
            assert torch.allclose(found, wanted, atol=1e-6)


def test_added_blocks_start_as_nothing_and_learn():
    _, base, _ = pair()
    deeper = OpenDenoiser(channels=16, blocks=2)
    deeper.load_except_lip_path(base.state_dict())
    noisy = torch.randn(1, 4000)
    with torch.no_grad():
        wanted = base.eval()(noisy)["enhanced"]
        assert torch.allclose(deeper.eval()(noisy)["enhanced"], wanted, atol=1e-6)
    deeper.train()
    optimiser = torch.optim.Adam(deeper.parameters(), 1e-3)
    before = {name: p.clone() for name, p in deeper.paths[1].named_parameters()}
    for _ in range(2):  # the first step moves the norms, the second all behind them
        optimiser.zero_grad()
        deeper(noisy)["enhanced"].square().sum().backward()
        optimiser.step()
    after = dict(deeper.paths[1].named_parameters())
    assert not [name for name in before if torch.equal(before[name], after[name])]
