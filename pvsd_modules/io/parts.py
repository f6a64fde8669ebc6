"""Files of sound that were joined end to end, each part with a header of its own.

FFmpeg loses sound where FLAC files were joined, and refuses chained Ogg whose rate or
channels change; so such files are read part by part.
"""

import io
import mmap
from pathlib import Path
from typing import Any

_FLAC = b"fLaC\x00\x00\x00\x22"  # its mark, and the head of the block that follows
_PAGE, _BEGIN = b"OggS", 2


def parts_of(path: Path, kind: str) -> list[tuple[int, int]]:
    """Byte ranges of the parts of a file of a container (FFmpeg's name); one if not
    joined."""
    size = path.stat().st_size
    if kind not in ("flac", "ogg"):
        return [(0, size)]
    with path.open("rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            starts = _ogg_starts(data) if kind == "ogg" else _flac_starts(data)
    return list(zip(starts, [*starts[1:], size], strict=True))


def _flac_starts(data: Any) -> list[int]:
    starts, place = [0], data.find(_FLAC, 5)
    while place > 0:
        starts.append(place)
        place = data.find(_FLAC, place + 1)
    return starts


def _ogg_starts(data: Any) -> list[int]:
    """Pages that begin streams, behind pages that do not."""
    place = 0
    while data[place : place + 4] == _PAGE and data[place + 5] & _BEGIN:
        place = _next_page(data, place)
    if data.find(_PAGE + bytes([0, _BEGIN]), max(place, 0)) < 0:
        return [0]
    starts, inside = [0], True
    while 0 <= place < len(data):
        begins = bool(data[place + 5] & _BEGIN)
        if begins and inside:
            starts.append(place)
        inside = not begins
        place = _next_page(data, place)
    return starts


def _next_page(data: Any, place: int) -> int:
    count = data[place + 26]
    after = place + 27 + count + sum(data[place + 27 : place + 27 + count])
    return after if data[after : after + 4] == _PAGE else data.find(_PAGE, place + 4)


class Slice(io.RawIOBase):
    """A range of a file, as a file.

    Arguments
    ---------
    path : Path
    begin, end : int
        In bytes.
    """

    def __init__(self, path: Path, begin: int, end: int):
        self._file, self._begin, self._size = path.open("rb"), begin, end - begin
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = max(self._size - self._place, 0)
        self._file.seek(self._begin + self._place)
        data = self._file.read(min(len(buffer), left))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._place, self._size)[whence]
        self._place = max(base + offset, 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        self._file.close()
        super().close()
