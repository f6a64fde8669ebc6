"""CPU time, which other programs on the machine disturb less than the wall clock."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


def cpu_seconds() -> float:
    """User and system time of this process and all its threads so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compare(jobs: dict[str, Callable], repeats: int) -> dict[str, float]:
    """CPU-seconds of several jobs, by name, run in turn so that disturbances meet all
    alike.

    The least of the rounds, of which one more, before them, warms up: other programs
    only ever add time.

    Example
    -------
    >>> sorted(compare({"a": lambda: None, "b": lambda: None}, repeats=2))
    ['a', 'b']
    """
    least = dict.fromkeys(jobs, float("inf"))
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            begun = cpu_seconds()
            job()
            if turn:
                least[name] = min(least[name], cpu_seconds() - begun)
    return least


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let PyTorch use so many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
