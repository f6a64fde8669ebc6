"""Exact levels, bursts, loops and seeds."""

import numpy as np
import pytest
import torch

from pvsd_modules.data.drawn import draw_burst
from pvsd_modules.data.mixing import burst, item_generator, loop_from, mix_at_snr


def ratio(clean, noisy):
    """SNR in dB along the last dimension."""
    powers = [x.double().square().mean(-1) for x in (clean, noisy - clean)]
    return 10 * torch.log10(powers[0] / powers[1])


@pytest.mark.parametrize("snr", [-10.0, 0.0, 5.0, 17.3])
def test_snr_is_exact(snr):
    torch.manual_seed(0)
    clean, noise = 0.1 * torch.randn(4000), 3.0 * torch.randn(4000)
    assert float(ratio(clean, mix_at_snr(clean, noise, snr))) == pytest.approx(
        snr, abs=1e-4
    )


def test_snr_is_exact_for_each_item_of_a_batch():
    torch.manual_seed(0)
    level = torch.tensor([[0.01], [0.1], [1.0]])
    clean, noise = level * torch.randn(3, 4000), torch.randn(3, 4000)
    wanted = torch.tensor([-5.0, 0.0, 12.0])
    mixed = mix_at_snr(clean, noise, wanted)
    assert torch.allclose(ratio(clean, mixed).float(), wanted, atol=1e-3)
    assert mixed.dtype == torch.float32


def test_silence_has_no_ratio():
    clean, noise = torch.zeros(100), torch.ones(100)
    assert torch.equal(mix_at_snr(clean, noise, 5.0), noise)
    assert torch.equal(mix_at_snr(noise, clean, 5.0), noise)


def test_short_noise_is_looped():
    assert loop_from(torch.arange(3), 4, 7).tolist() == [1, 2, 0, 1, 2, 0, 1]
    assert loop_from(torch.arange(9), 2, 3).tolist() == [2, 3, 4]


def test_bursts_have_the_papers_three_levels():
    torch.manual_seed(0)
    clean, noise = torch.randn(16000), torch.randn(16000)
    noisy = clean + noise
    before = noisy.clone(), clean.clone()
    seen = set()
    for seed in range(60):
        out = burst(noisy, clean, draw_burst(len(clean), np.random.default_rng(seed)))
        changed = (out != noisy).nonzero().flatten()
        assert len(changed) <= 3200
        if len(changed) == 0:
            continue
        part = slice(int(changed[0]), int(changed[-1]) + 1)
        assert part.stop - part.start <= 3200
        levels = {
            "zeroed": torch.zeros_like(out[part]),
            "faint": 0.1 * clean[part] + noise[part],
            "loud": clean[part] + 2.0 * noise[part],
        }
        fits = {k for k, v in levels.items() if torch.allclose(out[part], v, atol=1e-5)}
        assert fits, "a burst of no known kind"
        seen |= fits
    assert seen == {"zeroed", "faint", "loud"}
    # The caller's arrays are untouched.
    assert torch.equal(noisy, before[0]) and torch.equal(clean, before[1])


def test_bursts_fit_signals_shorter_than_a_burst():
    clean = torch.randn(50)
    for seed in range(20):
        drawn = draw_burst(50, np.random.default_rng(seed))
        assert burst(2 * clean, clean, drawn).shape == (50,)


def test_chance_depends_on_seed_epoch_and_item_only():
    draws = {
        key: float(item_generator(*key).random())
        for key in [(1, 2, "a"), (2, 2, "a"), (1, 3, "a"), (1, 2, "b")]
    }
    assert len(set(draws.values())) == 4
    assert draws[1, 2, "a"] == float(item_generator(1, 2, "a").random())
