"""Decodes every training file once and keeps it as 16-bit samples in one file."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import write_text
from pvsd_modules.io.sound_reading import read_mono


class AudioStore:
    """16 kHz mono audio by file name, read as slices of one memory-mapped file.

    Decoding Opus or resampling anew in every epoch costs more than a small network;
    a memory map costs nothing, is shared by all workers, and needs no RAM of its own.

    Arguments
    ---------
    folder : str or Path
        Where ``audio.int16`` and ``index.json`` live. A file whose size or time of
        change differs from the index is decoded again.

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
        self.index: dict[str, list[int]] = {}
        self.data: np.ndarray | None = None
        self.load()

    def load(self) -> None:
        """Reads the index of what is stored (also after another process wrote it)."""
        index = self.folder / "index.json"
        if index.is_file():
            self.index = json.loads(index.read_text())
            self.data = np.memmap(self.folder / "audio.int16", np.int16, "r")

    def add(self, paths, progress: bool = True) -> None:
        """Decodes the files that are not stored yet.

        Arguments
        ---------
        paths : iterable of str or Path
            Audio or video files.
        progress : bool
            Whether to show a bar.

        Raises
        ------
        PvsdError
            If a file cannot be decoded.
        """
        wanted = {str(path) for path in paths}
        missing = sorted(path for path in wanted if not self._stored(path))
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        index = dict(self.index)
        with open(self.folder / "audio.int16", "ab") as out:
            hidden = None if progress else True
            for path in tqdm(missing, "Decoding audio", disable=hidden):
                samples = (read_mono(path).clamp(-1, 1) * 32767).round()
                start = out.tell() // 2
                out.write(samples.to(torch.int16).numpy().tobytes())
                index[path] = [start, len(samples), *_stamp(path)]
        write_text(self.folder / "index.json", json.dumps(index))
        self.load()

    def _stored(self, path: str) -> bool:
        entry = self.index.get(path)
        return entry is not None and entry[2:] == _stamp(path)

    def samples(self, path: str | Path) -> int:
        """Length of a stored file in samples at 16 kHz."""
        return self._entry(path)[1]

    def read(self, path: str | Path, start: int = 0, samples: int | None = None):
        """A slice of a stored file, float32 ``[samples]``, shorter at its end."""
        first, length = self._entry(path)[:2]
        stop = length if samples is None else min(length, start + samples)
        part = self.data[first + start : first + stop]
        return torch.from_numpy(part.astype(np.float32) / 32767)

    def _entry(self, path: str | Path) -> list[int]:
        try:
            return self.index[str(path)]
        except KeyError:
            raise PvsdError(
                f"{path} is not in the audio store {self.folder}: run the preparation "
                "again with the manifest that names it."
            ) from None


def _stamp(path: str) -> list[int]:
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]
