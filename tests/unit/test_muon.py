"""The optimiser for matrices."""

import copy

import pytest
import torch

from pvsd_modules.models.open.matrices import matrices_of
from pvsd_modules.models.open.wide_denoiser import WideDenoiser
from pvsd_modules.training.muon import Muon, orthogonal


class Layer(torch.nn.Linear):
    def matrices(self):
        return matrices_of(self)


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 10, 40), (2, 40, 10)])
def test_updates_are_nearly_orthogonal(shape):
    torch.manual_seed(0)
    sizes = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert sizes.min() > 0.3 and sizes.max() < 1.4


def test_it_learns_and_goes_on_where_it_stopped():
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    wanted = x @ torch.randn(8, 8) + 1.0

    def losses(layer, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (layer(x) - wanted).square().mean()
            loss.backward()
            optimizer.step()
            yield loss.item()

    def new():
        layer = Layer(8, 8)
        return layer, Muon(layer.parameters(), layer, lr=0.05)

    layer, optimizer = new()
    before = list(losses(layer, optimizer, 100))
    assert before[-1] < 0.1 * before[0]
    other, again = new()
    other.load_state_dict(layer.state_dict())
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert list(losses(other, again, 5)) == list(losses(layer, optimizer, 5))


def test_lstms_are_four_matrices_and_masks_are_left_to_adam():
    denoiser = WideDenoiser(channels=8, full_band_channels=16)
    stacks = denoiser.matrices()
    kinds = {n: stacks.get(p, 0) for n, p in denoiser.named_parameters()}
    assert kinds["layers.1.rnn.weight_ih_l0"] == 4
    one = ("layers.0.full_band", "lookahead.weight", "hidden.weight")
    none = ("masks.0.weight", "hidden.bias", "lookahead.bias")
    assert {kinds[n] for n in one} == {1} and {kinds[n] for n in none} == {0}
    assert not any(v for n, v in kinds.items() if n.startswith("lip_encoder"))
    optimizer = Muon(denoiser.parameters(), denoiser, lr=0.01)
    before = {n: p.detach().clone() for n, p in denoiser.named_parameters()}
    out = denoiser(torch.randn(1, 1500), torch.rand(1, 3, 48, 96, 3))
    out["enhanced"].square().sum().backward()
    optimizer.step()
    for name, parameter in denoiser.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_parameters_without_gradient_stay():
    layer = Layer(4, 4)
    before = layer.weight.detach().clone()
    Muon(layer.parameters(), layer).step()
    assert torch.equal(layer.weight, before)
