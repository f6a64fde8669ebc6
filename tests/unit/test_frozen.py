"""Frozen networks do not drift."""

import torch
from torch import nn

from pvsd_modules.models.paper.adapters import PaperLipStudent
from pvsd_modules.training.frozen import Frozen


def network():
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


def test_statistics_stay_whatever_a_brain_does():
    torch.manual_seed(0)
    frozen = Frozen(network())
    before = {key: value.clone() for key, value in frozen.state_dict().items()}
    owner = nn.ModuleDict({"frozen": frozen, "other": nn.Linear(4, 1)})
    owner.train()
    optimizer = torch.optim.Adam(owner.parameters(), weight_decay=0.1)
    for _ in range(3):
        x = torch.randn(8, 4)
        assert torch.equal(frozen(x), frozen(x))  # no dropout either
        owner["other"](frozen(x)).sum().backward()
        optimizer.step()
    for key, value in frozen.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_a_plain_network_would_drift():
    plain = network().train()
    before = plain[1].running_mean.clone()
    plain(torch.randn(8, 4))
    assert not torch.equal(plain[1].running_mean, before)


def test_gradients_pass_through_to_what_comes_before():
    x = torch.randn(2, 4, requires_grad=True)
    frozen = Frozen(network())
    frozen(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in frozen.parameters())


def test_the_fused_copy_follows_the_weights():
    torch.manual_seed(0)
    network, other = PaperLipStudent(), PaperLipStudent()
    frozen, wav = Frozen(network), 0.1 * torch.randn(1, 640)
    for _ in range(2):
        assert torch.allclose(frozen(wav), network(wav), atol=1e-5)
    assert len(list(frozen.modules())) == len(list(network.modules())) + 1
    network.load_state_dict(other.state_dict())
    assert torch.allclose(frozen(wav), other.eval()(wav), atol=1e-5)
