"""The recordings of all clients: one each, in a line before the worker."""

import asyncio
import os
import re
import secrets
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pvsd_modules.demo.settings import Settings
from pvsd_modules.demo.worker import Cancelled, Worker
from pvsd_modules.errors import PvsdError

_LONGEST = 40  # characters of a file's name, of up to four bytes each


class Busy(Exception):
    """The line is full."""


@dataclass(eq=False)
class Job:
    """One recording of a client; ``number`` tells it from the client's others.

    ``state`` is "receiving", "waiting", "working", "done" or "failed"; ``part`` is what
    is done of the work, 0 to 1; ``seen`` is when the page last asked for it.
    """

    client: str
    folder: Path
    name: str
    number: str = field(default_factory=partial(secrets.token_hex, 8))
    state: str = "receiving"
    part: float = 0.0
    error: str = ""
    result: dict = field(default_factory=dict)
    seen: float = field(default_factory=time.monotonic)
    dropped: bool = False

    @property
    def path(self) -> Path:
        """The recording as it was received."""
        return self.folder / "received" / self.name

    @property
    def output(self) -> Path:
        """The last download."""
        return self.folder / "enhanced" / self.result["output"]

    def progress(self, part: float) -> None:
        """Note what is done of the work."""
        if self.state != "done":  # else it is a download
            self.state, self.part = "working", part

    def named(self, text: str) -> str:
        """A message that names files without their folders."""
        for name in ("received", "enhanced"):
            text = text.replace(f"{self.folder / name}{os.sep}", "")
        return text


class Jobs:
    """All recordings, their line before the worker, and their temporary files."""

    def __init__(self, worker: Worker, folder: Path, settings: Settings):
        self.worker, self.folder, self.settings = worker, folder, settings
        self.of: dict[str, Job] = {}  # by the client
        self.line: list[Job] = []  # the first is in work
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task] = set()

    def receive(self, client: str, name: str) -> Job:
        """Begin a new recording, which takes the place of the client's last one.

        `Busy` when the server, or this client, has enough to do.
        """
        last = self.of.get(client)
        if last is not None and last.state not in ("done", "failed"):
            raise Busy("Your last recording is not finished: wait, or cancel it.")
        receiving = sum(job.state == "receiving" for job in self.of.values())
        if receiving + len(self.line) >= self.settings.queue:
            raise Busy("The server is busy: try again in a moment.")
        if last is not None:
            self.drop(last)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        self.of[client] = job = Job(client, folder, safe_name(name))
        job.path.parent.mkdir()
        return job

    def start(self, job: Job) -> None:
        """Let a received recording wait for its turn."""
        job.state = "waiting"
        running = asyncio.create_task(self._enhance(job))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def _enhance(self, job: Job) -> None:
        try:
            result = await self._in_turn(job, "enhance", self.settings.seconds)
            result["notes"] = [job.named(note) for note in result["notes"]]
            job.state, job.result = "done", result
        except PvsdError as error:
            job.error = job.named(str(error))
        except Cancelled:
            pass
        finally:
            if job.state != "done":
                job.state = "failed"
            self.trim()

    async def write(self, job: Job, strength: float) -> None:
        """Write a download; `Busy`, `PvsdError`, or `Cancelled` if the client left."""
        if job in self.line:
            raise Busy("Your last download is not finished: wait a moment.")
        await self._in_turn(job, "write", strength, job.output)

    async def _in_turn(self, job: Job, function: str, *arguments: Any) -> Any:
        """Wait for the worker, then let it work."""
        self.line.append(job)
        try:
            async with self._turn:
                if job.dropped:
                    raise Cancelled
                job.progress(0.0)
                task = function, (job.path, job.folder, *arguments)
                call = self.worker.call
                return await asyncio.to_thread(call, job.name, task, job.progress)
        finally:
            self.line.remove(job)
            if job.dropped:
                _remove(job)

    def drop(self, job: Job) -> None:
        """Forget a recording, and remove its files."""
        if self.of.get(job.client) is job:
            del self.of[job.client]
        job.dropped = True
        if job not in self.line:
            _remove(job)
        elif job is self.line[0]:
            self.worker.cancel()

    def trim(self) -> None:
        """Remove what nobody asks for any more, and the oldest if it is too much."""
        oldest = time.monotonic() - 60 * self.settings.keep
        for job in [job for job in self.of.values() if job.seen < oldest]:
            self.drop(job)
        sizes = {job: _size(job) for job in self.of.values()}
        for job in sorted(sizes, key=lambda job: job.seen):
            if sum(sizes.values()) <= self.settings.gigabytes * 1e9:
                break
            if job.state in ("done", "failed"):
                self.drop(job)
                del sizes[job]


def safe_name(name: str) -> str:
    """The name of a file without a folder and without special characters.

    Example
    -------
    >>> safe_name("../../etc/my talk?.MP4"), safe_name(".."), safe_name("")
    ('my talk_.MP4', 'recording', 'recording')
    """
    last = re.split(r"[/\\]", name)[-1]
    path = Path(re.sub(r"[^\w .()+-]", "_", last).strip(" ."))
    stem, suffix = path.stem[:_LONGEST].strip(" ."), path.suffix[:8]
    return f"{stem}{suffix}" if stem else "recording"


def _size(job: Job) -> int:
    size = 0
    for path in job.folder.rglob("*"):
        with suppress(OSError):  # the worker replaces files
            size += path.stat().st_size
    return size


def _remove(job: Job) -> None:
    shutil.rmtree(job.folder, ignore_errors=True)
