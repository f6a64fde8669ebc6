"""The learning rate over a run."""

import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.training.schedule import WarmupCooldown


def rates(total, **options):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=7.0)
    schedule = WarmupCooldown(0.5, **options)
    found = [schedule(optimizer, step, total) for step in range(1, total + 1)]
    assert optimizer.param_groups[0]["lr"] == found[-1]
    return found


@pytest.mark.parametrize("total", [1, 7, 100, 18800])
def test_a_schedule_fits_a_run_of_any_length(total):
    found = rates(total, warmup=0.1, cooldown=0.5)
    assert all(0 < rate <= 0.5 for rate in found)
    assert max(found) == 0.5
    if total >= 100:
        top = [i for i, rate in enumerate(found) if rate == 0.5]
        assert top[0] == pytest.approx(0.1 * total, abs=1)
        assert top[-1] == pytest.approx(0.5 * total, abs=1)
        assert found[-1] == pytest.approx(0.5 / (0.5 * total))


def test_without_shares_the_rate_is_constant():
    assert set(rates(50)) == {0.5}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"warmup": -0.1}, "no share"),
        ({"cooldown": 3000}, "no share"),
        ({"warmup": 0.5, "cooldown": 0.6}, "more than the whole"),
    ],
)
def test_shares_that_do_not_fit_are_refused(options, words):
    with pytest.raises(PvsdError, match=words):
        WarmupCooldown(0.5, **options)
