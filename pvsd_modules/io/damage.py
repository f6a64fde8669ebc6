"""Tells a file that was cut short, by the sizes that its own header promises."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pvsd_modules.io.wav import WavLayout

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_OGG_PAGE = 27 + 255 + 255 * 255  # bytes at most
_END_OF_STREAM = 4


def is_cut(path: str | Path) -> bool:
    """Whether a file ends before its header says: WAV, AVI, AIFF, CAF, W64, MP4 and
    its kin, Matroska, and Ogg, whose last page bears a mark.

    Returns
    -------
    bool
        False also where the format has no such word.
    """
    path = Path(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(48)
        if head[8:12] == b"WAVE":
            return WavLayout(path).missing > 0
        if head[:4] == b"RIFF":
            promised = struct.unpack("<I", head[4:8])[0]
            return promised < 0xFFFFFFFF and promised + 8 > size + 1
        if head[:4] == b"FORM":
            return struct.unpack(">I", head[4:8])[0] + 8 > size + 1
        if head[:4] == b"riff":
            return struct.unpack("<Q", head[16:24])[0] > size + 7
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
            return _walk(file, size, 0, _box)
        if head[:4] == b"caff":
            return _walk(file, size, 8, _caf_chunk)
        if head[:4] == _EBML:
            return _matroska_end(head + file.read(4096)) > size
        if head[:3] == b"ID3" or head[0] == 0xFF:
            return _mp3_end(file, head) > size
        if head[:4] == b"OggS":
            file.seek(max(size - _OGG_PAGE, 0))
            tail = file.read()
            last = tail.rfind(b"OggS")
            return (
                last < 0
                or not tail[last + 5 : last + 6]
                or not (tail[last + 5] & _END_OF_STREAM)
            )
    return False


def _walk(
    file: BinaryIO, size: int, place: int, length: Callable[[bytes, int], int]
) -> bool:
    """Whether the last of the boxes of a file ends behind the file."""
    while place < size:
        file.seek(place)
        head = file.read(16)
        step = length(head, size - place)
        if step < 8:  # no box at all: what follows is of another kind
            return False
        place += step
    return place > size


def _box(head: bytes, left: int) -> int:
    length = struct.unpack(">I", head[:4])[0] if len(head) >= 8 else left
    if length == 1 and len(head) == 16:
        return struct.unpack(">Q", head[8:])[0]
    return length or left


def _caf_chunk(head: bytes, left: int) -> int:
    length = struct.unpack(">q", head[4:12])[0] if len(head) >= 12 else -1
    return left if length < 0 else length + 12


def _mp3_end(file: BinaryIO, head: bytes) -> int:
    """Where an MP3 file ends by its first frame (Xing's), 0 where that says nothing."""
    begin = 0
    if head[:3] == b"ID3":  # its length comes in 7 bits a byte
        begin = 10 + sum(byte << 7 * (3 - k) for k, byte in enumerate(head[6:10]))
    file.seek(begin)
    frame = file.read(200)
    place = max(frame.find(b"Xing"), frame.find(b"Info"))
    if place < 0 or len(frame) < place + 16:
        return 0
    flags, _, length = struct.unpack(">III", frame[place + 4 : place + 16])
    return begin + length if flags & 3 == 3 else 0


def _matroska_end(head: bytes) -> int:
    """Where the segment of a Matroska file ends, 0 where that is left open."""
    place = head.find(_SEGMENT)
    if place < 0 or place + 12 > len(head):
        return 0
    first = head[place + 4]
    width = 9 - first.bit_length()
    coded = int.from_bytes(head[place + 4 : place + 4 + width], "big")
    length = coded - (1 << (7 * width))
    unknown = length == (1 << (7 * width)) - 1
    return 0 if unknown else place + 4 + width + length
