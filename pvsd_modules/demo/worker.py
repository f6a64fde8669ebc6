"""One process that does all heavy work, so that memory and load are bounded.

Damaged files are decoded there: what ends the process costs one recording.
"""

import multiprocessing
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pvsd_modules.errors import PvsdError

# A function of `pvsd_modules.demo.work`, and its arguments without the last two.
Task = tuple[str, tuple]


class Cancelled(Exception):
    """Nobody waits for the result any more."""


class Worker:
    """The process and the way to it.

    Arguments
    ---------
    load : callable
        Makes the model, in the process; can be pickled.
    folder : Path
        Of temporary files; the process removes it if this one is killed.
    timeout : float
        Seconds that a task may take.
    """

    def __init__(self, load: Callable[[], Any], folder: Path, timeout: float):
        self._load, self._folder, self._timeout = load, folder, timeout
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._closed = False

    def start(self) -> None:
        """Start the process and load the model in it, or raise a `PvsdError`."""
        self._stop.clear()
        self._pipe, other = self._context.Pipe()
        arguments = (other, self._load, self._folder, self._stop)
        self._process = self._context.Process(target=_serve, args=arguments)
        self._process.start()
        other.close()
        try:
            kind, value = self._pipe.recv()
        except EOFError:
            kind, value = "failed", "The process that loads the model ended."
        if kind == "failed":
            raise PvsdError(value)

    def call(self, name: str, task: Task, progress: Callable[[float], None]) -> Any:
        """Run a task for a recording of some name, one at a time; what it returns.

        It blocks. ``progress`` is given the part that is done. A task that fails is a
        `PvsdError`, one that `cancel` ends is `Cancelled`.
        """
        self._stop.clear()
        end = time.monotonic() + self._timeout
        try:
            self._pipe.send(task)
            while True:
                if not self._pipe.poll(max(end - time.monotonic(), 0)):
                    self._restart()
                    raise PvsdError(
                        f"{name} took longer than {self._timeout} s: give a shorter "
                        "recording."
                    )
                kind, value = self._pipe.recv()
                if kind == "progress":
                    progress(value)
                elif kind == "done":
                    return value
                elif kind == "cancelled":
                    raise Cancelled
                else:
                    raise PvsdError(value)
        except (EOFError, OSError) as error:
            if self._closed:
                raise Cancelled from error
            self._restart()
            raise PvsdError(
                f"{name} ended the process that enhanced it: try another file."
            ) from error

    def cancel(self) -> None:
        """End the running task at its next step."""
        self._stop.set()

    def close(self) -> None:
        """End the process."""
        self._closed = True
        self._process.kill()
        self._process.join()

    def _restart(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()
        if not self._closed:
            self.start()


def _serve(pipe: Any, load: Callable[[], Any], folder: Path, stop: Any) -> None:
    threading.Thread(target=_follow_parent, args=(folder,), daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent ends this process
        signal.signal(number, signal.SIG_IGN)
    try:
        model = load()
    except PvsdError as error:
        pipe.send(("failed", str(error)))
        return
    pipe.send(("ready", None))

    def progress(part: float) -> None:
        if stop.is_set():
            raise Cancelled
        pipe.send(("progress", part))

    from pvsd_modules.demo import work  # imports torch: not in the server itself

    while True:
        function, arguments = pipe.recv()
        try:
            answer = ("done", getattr(work, function)(*arguments, model, progress))
        except Cancelled:
            answer = ("cancelled", None)
        except PvsdError as error:
            answer = ("failed", str(error))
        except Exception:
            traceback.print_exc()
            answer = ("failed", "This recording cannot be enhanced: try another file.")
        pipe.send(answer)


def _follow_parent(folder: Path) -> None:
    """Where the parent was killed, nobody else removes what it left."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
