"""Worker processes that end with their parent and use one thread each."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch


def worker_pool(
    workers: int, prepare: Callable[[], None] | None = None
) -> ProcessPoolExecutor:
    """A pool of spawned processes (a fork of a process with threads may hang), see
    `concurrent.futures`; ``prepare``, a function of a module, is called at the start of
    each."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, spawn, _start, (prepare,))


def _start(prepare: Callable[[], None] | None) -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(1)
    if prepare is not None:
        prepare()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # also where the parent was killed
        os._exit(1)
