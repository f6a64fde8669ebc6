"""Decodes every training file once and keeps it as 16-bit samples."""

import json
import os
import time
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import write_text
from pvsd_modules.io.locking import locked
from pvsd_modules.io.sound_reading import read_mono

PARTS = 32
_WAIT = 0.2  # seconds between two looks at parts that other processes fill


class AudioStore:
    """16 kHz mono audio by file name, read as slices of memory-mapped files.

    Decoding Opus or resampling anew in every epoch costs more than a small network;
    a memory map costs nothing, is shared by all workers, and needs no RAM of its own.

    A store is ``PARTS`` parts, each with a file of samples, an index that is written
    file by file, and a lock. Whoever holds the lock fills the part, so threads,
    processes and machines with a common disk share the work, and an interrupted store
    is continued where it stopped.

    Arguments
    ---------
    folder : str or Path
        Where the parts are. A file whose size or time of change differs from the
        index is decoded again.

    Example
    -------
    >>> getfixture = __import__("tempfile").TemporaryDirectory()
    >>> path = Path(getfixture.name, "a.wav")
    >>> import soundfile
    >>> soundfile.write(path, np.zeros(1600), 16000)
    >>> store = AudioStore(getfixture.name)
    >>> store.add([path], progress=False)
    >>> store.samples(path), store.read(path, 100, 50).shape
    (1600, torch.Size([50]))
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.load()

    def __getstate__(self):
        return {"folder": self.folder}  # a worker maps the files itself

    def __setstate__(self, state):
        self.__init__(**state)

    def load(self) -> None:
        """Reads the index of what is stored (also after another process wrote it)."""
        self.index: dict[str, tuple[int, ...]] = {}
        self.data: dict[int, np.ndarray] = {}
        for number in range(PARTS):
            part = _Part(self.folder, number)
            for path, entry in part.entries().items():
                self.index[path] = (number, *entry)
            if part.size():
                self.data[number] = np.memmap(part.samples, np.int16, "r")

    def add(self, paths, progress: bool = True, workers: int | None = None) -> None:
        """Decodes the files that are not stored yet.

        Every process of a run calls this with the same files, and comes back when all
        of them are stored, whoever decoded them.

        Arguments
        ---------
        paths : iterable of str or Path
            Audio or video files.
        progress : bool
            Whether to show a bar (on a terminal).
        workers : int, optional
            Threads that decode; by default this process's share of the cores.

        Raises
        ------
        PvsdError
            If files cannot be decoded; the others are stored.
        """
        wanted = defaultdict(set)
        for path in {str(path) for path in paths}:
            if not self.holds(path):
                wanted[zlib.crc32(os.fsencode(path)) % PARTS].add(path)
        if not wanted:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        failures: dict[str, str] = {}
        total = sum(map(len, wanted.values()))
        hidden = None if progress else True
        with (
            tqdm(total=total, desc="Decoding audio", disable=hidden) as bar,
            ThreadPoolExecutor(workers or _share_of_cores()) as pool,
        ):
            # Ranks begin at different parts, so that they seldom meet.
            rank, world = (int(os.environ.get(x, d)) for x, d in _RANKS)
            order = sorted(wanted)
            begin = rank * len(order) // world
            todo = order[begin:] + order[:begin]
            while todo:

                def fill(number):
                    """Decodes the files of a part."""
                    part = _Part(self.folder, number)
                    return part.fill(wanted[number], bar.update, failures)

                done = list(pool.map(fill, todo))
                todo = [n for n, filled in zip(todo, done, strict=True) if not filled]
                if todo:
                    time.sleep(_WAIT)
        self.load()
        if failures:
            path, reason = min(failures.items())
            raise PvsdError(
                f"{len(failures)} of {total} files cannot be decoded: prepare the "
                f"manifests again, which leaves them out. The first is {path}: {reason}"
            )

    def holds(self, path: str) -> bool:
        """Whether a file is stored as it is now."""
        entry = self.index.get(path)
        return entry is not None and entry[3:] == _stamp(path)

    def samples(self, path: str | Path) -> int:
        """Length of a stored file in samples at 16 kHz."""
        return self._entry(path)[2]

    def read(self, path: str | Path, start: int = 0, samples: int | None = None):
        """A slice of a stored file, float32 ``[samples]``, shorter at its end."""
        part, first, length = self._entry(path)[:3]
        stop = length if samples is None else min(length, start + samples)
        data = self.data[part][first + start : first + stop]
        return torch.from_numpy(data.astype(np.float32) / 32767)

    def _entry(self, path: str | Path) -> tuple[int, ...]:
        try:
            return self.index[str(path)]
        except KeyError:
            raise PvsdError(
                f"{path} is not in the audio store {self.folder}: run the preparation "
                "again with the manifest that names it."
            ) from None


class _Part:
    """One file of samples with its index: a JSON list a line.

    A line is path, first sample, number of samples, size and time of the source file.
    """

    def __init__(self, folder: Path, number: int):
        self.samples = folder / f"audio-{number:02d}.int16"
        self.index = folder / f"audio-{number:02d}.jsonl"
        self.lock = folder / f"audio-{number:02d}.lock"

    def size(self) -> int:
        """Bytes of samples."""
        return self.samples.stat().st_size if self.samples.is_file() else 0

    def entries(self) -> dict[str, tuple[int, ...]]:
        """The index without what a crash left incomplete."""
        return self._read_index()[0]

    def _read_index(self) -> tuple[dict[str, tuple[int, ...]], bool]:
        """The entries, and whether the index says nothing else."""
        if not self.index.is_file():
            return {}, True
        entries, size, whole = {}, self.size(), True
        for line in self.index.read_bytes().splitlines(keepends=True):
            path, *entry = json.loads(line) if line.endswith(b"\n") else [None, size, 1]
            if 2 * (entry[0] + entry[1]) <= size:
                entries[path] = tuple(entry)
            else:
                whole = False
        return entries, whole

    def fill(self, paths: set[str], count, failures: dict[str, str]) -> bool:
        """Decode what is missing of some files, unless another process is doing it.

        ``count`` is called with the number of files that are finished, ``failures``
        takes the reason for each file that cannot be decoded. Returns whether the files
        are stored, or will never be.
        """
        with locked(self.lock, wait=False) as mine:
            if not mine:
                return False
            entries, whole = self._read_index()
            missing = [p for p in sorted(paths) if entries.get(p, ())[2:] != _stamp(p)]
            count(len(paths) - len(missing))
            if not whole:
                lines = [json.dumps([p, *entry]) + "\n" for p, entry in entries.items()]
                write_text(self.index, "".join(lines))
            try:
                self._append(missing, entries, count, failures)
            except OSError as error:
                raise PvsdError(
                    f"{self.samples} cannot be written ({error.strerror}): make space "
                    "and start again; what was decoded is kept."
                ) from error
        return True

    def _append(self, paths, entries, count, failures) -> None:
        if not paths:
            return
        end = max((start + length for start, length, *_ in entries.values()), default=0)
        with self.samples.open("ab") as samples, self.index.open("ab") as index:
            samples.truncate(2 * end)  # samples that an interrupted run did not index
            for path in paths:
                try:
                    wave = decode(path)
                except (PvsdError, ValueError) as error:
                    failures[path] = str(error)
                else:
                    samples.write(wave.tobytes())
                    samples.flush()  # before the index says that they are there
                    line = json.dumps([path, end, len(wave), *_stamp(path)])
                    index.write(line.encode() + b"\n")
                    index.flush()
                    end += len(wave)
                count(1)


_RANKS = (("RANK", "0"), ("WORLD_SIZE", "1"))


def _share_of_cores() -> int:
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def decode(path: str) -> np.ndarray:
    """A file as 16 kHz mono int16 ``[time]``; what is not finite is an error."""
    wave = read_mono(path)
    if not torch.isfinite(wave).all():
        raise PvsdError("it has samples that are not finite numbers")
    return (wave.clamp(-1, 1) * 32767).round().to(torch.int16).numpy()


def _stamp(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return -1, -1  # decoding it will tell what is wrong
    return status.st_size, status.st_mtime_ns
