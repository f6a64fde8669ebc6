"""Runs PESQ where its end is survived.

The C code of PESQ keeps at most 50 utterances and ends the process that runs it when
a recording holds more. So it runs in a child process, which is started again.
"""

import atexit
import os
import pickle
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError


class PesqCrash(Exception):
    """The process that computed PESQ has ended."""


class PesqProcess:
    """A child process that computes PESQ, started when it is first needed."""

    def __init__(self):
        if find_spec("pesq") is None:
            raise PvsdError(
                "PESQ is not installed: run pip install 'pvsd[train]' (needs a C "
                "compiler)."
            )
        self._lock, self._child = Lock(), None
        atexit.register(self.close)

    def __call__(
        self, clean: np.ndarray, enhanced: np.ndarray, band: str
    ) -> float | None:
        """PESQ (``wb`` or ``nb``) of ``[time]``, 16 kHz, as MOS-LQO; None where it is
        not defined. `PesqCrash` if the C code ended the process."""
        with self._lock:
            child = self._running()
            try:
                pickle.dump((SAMPLE_RATE, clean, enhanced, band), child.stdin)
                child.stdin.flush()
                return pickle.load(child.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                self.close()
                raise PesqCrash(f"exit code {child.returncode}") from None

    def _running(self) -> subprocess.Popen:
        if self._child is None:
            # By its path, so that nothing of this package is loaded beside it.
            path = Path(__file__).with_name("pesq_child.py")
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._child

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            child.stdout.close()
            with suppress(OSError):  # what was not sent yet
                child.stdin.close()


@lru_cache(1)
def _of_process(_: int) -> PesqProcess:
    return PesqProcess()


def pesq_process() -> PesqProcess:
    """The one of this process: forks do not share it."""
    return _of_process(os.getpid())
