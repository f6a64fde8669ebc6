"""The learning rate over a training run of any length."""

from pvsd_modules.errors import PvsdError


class WarmupCooldown:
    """Linear warm-up, a constant rate, and linear cooldown to zero.

    Both are shares of the run, so that the schedule fits a corpus of any size and a run
    that is continued for more epochs. Nothing is kept in checkpoints: the rate follows
    from the step alone.

    Arguments
    ---------
    lr : float
        The rate between warm-up and cooldown.
    warmup : float
        Share of the run's steps in which the rate rises, 0..1.
    cooldown : float
        Share of the run's steps in which the rate falls, 0..1.

    Raises
    ------
    PvsdError
        If a share is not between 0 and 1, or both together are more than 1.

    Example
    -------
    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> schedule = WarmupCooldown(lr=1.0, warmup=0.2, cooldown=0.4)
    >>> [schedule(optimizer, step, 10) for step in range(1, 11)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    def __init__(self, lr: float, warmup: float = 0.0, cooldown: float = 0.0):
        for name, share in (("warmup", warmup), ("cooldown", cooldown)):
            if not 0 <= share <= 1:
                raise PvsdError(
                    f"{name}: {share} is no share of the training run: give a number "
                    "between 0 and 1."
                )
        if warmup + cooldown > 1:
            raise PvsdError(
                f"warmup: {warmup} and cooldown: {cooldown} are more than the whole "
                "training run: their sum must not exceed 1."
            )
        self.lr, self.warmup, self.cooldown = lr, warmup, cooldown

    def __call__(self, optimizer, step: int, total: int) -> float:
        """Sets and returns the rate of all groups for the next step, counted from 1, of
        ``total``."""
        rising = step / max(1.0, self.warmup * total)
        falling = (total + 1 - step) / max(1.0, self.cooldown * total)
        rate = self.lr * max(0.0, min(1.0, rising, falling))
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate
