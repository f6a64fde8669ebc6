"""WAV files: their chunks, and a writer that also writes into pipes.

RIFF and RF64 after EBU Tech 3306; `WAVEFORMATEXTENSIBLE` with its mask of loudspeakers
where there are more than two channels or the source has one.
"""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.io.layouts import layout_of_mask, speaker_mask
from pvsd_modules.io.pcm import PcmEncoder, pcm_width

_TAGS = {"f": 3, "alaw": 6, "mulaw": 7}
_GUID = bytes.fromhex("000000001000800000aa00389b71")
_LIMIT = 2**32 - 2**16  # bytes; a longer file needs sizes of 64 bits (RF64)
_UNKNOWN = 0xFFFFFFFF  # size of what does not end before the file does
# Sizes that programs write into a header which they never come back to.
_UNFINISHED = (0, _UNKNOWN, 0x7FFFF000, 0x7FFFFFFF, 0x80000000)
_OWN = (b"fmt ", b"data", b"ds64", b"fact", b"JUNK", b"FLLR", b"PAD ", b"PEAK")
_INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "comment": b"ICMT",
    "date": b"ICRD",
    "copyright": b"ICOP",
    "genre": b"IGNR",
    "album": b"IPRD",
    "track": b"IPRT",
    "language": b"ILNG",
}
_MOST_KEPT = 2**26  # bytes of one chunk that is taken over


def wav_bytes(samples: np.ndarray, subtype: str = "PCM_16") -> bytes:
    """A whole WAV file at 16 kHz of ``[time]`` or ``[time, channels]``, float or int16,
    to be written by Python: libsndfile, which writes it here into memory, does not say
    when a disk is full.

    Example
    -------
    >>> len(wav_bytes(np.zeros(8)))
    60
    """
    held = io.BytesIO()
    soundfile.write(held, samples, SAMPLE_RATE, subtype, format="WAV")
    return held.getvalue()


class WavLayout:
    """Where things lie in a WAV file.

    Attributes
    ----------
    chunks : list of (bytes, bytes)
        Name and content of every chunk that describes the sound: bext, iXML, cue,
        LIST and the like.
    missing : int
        Bytes of sound that the header promises and the file lacks.
    is_unfinished : bool
        Whether the header was written before the sound and never finished.
    """

    def __init__(self, path: str | Path):
        self.chunks: list[tuple[bytes, bytes]] = []
        self.missing = 0
        self.is_unfinished = False
        size = Path(path).stat().st_size
        with open(path, "rb") as file:
            head = file.read(12)
            if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
                return
            long = 0
            while len(start := file.read(8)) == 8:
                name, length = start[:4], struct.unpack("<I", start[4:])[0]
                here = file.tell()
                if name == b"ds64":
                    long = struct.unpack("<Q", file.read(16)[8:])[0]
                if name == b"data":
                    if length == _UNKNOWN and long:
                        length = long
                    elif length in _UNFINISHED:
                        self.is_unfinished = size > here
                        return
                    self.missing = max(here + length - size, 0)
                elif name not in _OWN and length <= min(_MOST_KEPT, size - here):
                    self.chunks.append((name, file.read(length)))
                file.seek(here + length + length % 2)


def info_chunk(tags: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Title and other tags as a LIST chunk, none without any.

    Arguments
    ---------
    tags : dict of str
        By FFmpeg's names.
    """
    body = b""
    for name, text in tags.items():
        if name.lower() in _INFO and text:
            body += _chunk(_INFO[name.lower()], text.encode("utf-8", "replace") + b"\0")
    return [(b"LIST", b"INFO" + body)] if body else []


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wav_codec(form: bytes) -> tuple[str, int, int, str] | None:
    """FFmpeg's codec, sample rate, channels and layout ("" for none) of the content of
    a WAV file's format chunk; None for compressed sound."""
    if len(form) < 16:
        return None
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    layout = ""
    if tag == 0xFFFE and len(form) >= 26:
        mask, tag = struct.unpack("<IH", form[20:26])
        layout = layout_of_mask(mask, channels)
    kinds = {1: f"s{bits}le" if bits > 8 else "u8", 3: f"f{bits}le"}
    kinds |= {6: "alaw", 7: "mulaw"}
    codec = f"pcm_{kinds.get(tag, '')}"
    known = {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"}
    known |= {"pcm_f64le", "pcm_alaw", "pcm_mulaw"}
    if codec not in known or not rate or not channels:
        return None
    return codec, rate, channels, layout


class WavWriter:
    """Writes a WAV file block by block; a pipe gets sizes without end.

    Arguments
    ---------
    file : BinaryIO
        Open for writing.
    codec : str
        FFmpeg's encoder, one of PCM.
    rate, channels : int
    layout : str
        FFmpeg's name of the channel layout, "" for none.
    chunks : sequence of (bytes, bytes)
        Written before the sound.
    seekable : bool
        Whether the sizes can be written at the end.
    """

    def __init__(
        self,
        file: BinaryIO,
        codec: str,
        rate: int,
        channels: int,
        layout: str = "",
        chunks: Sequence[tuple[bytes, bytes]] = (),
        seekable: bool = True,
    ):
        self.file, self._encoder = file, PcmEncoder(codec, rate, channels)
        kind = codec.removeprefix("pcm_").removesuffix("le")
        self._align = channels * pcm_width(codec)
        self._bytes = 0
        self._seekable = seekable
        tag = _TAGS.get(kind, _TAGS.get(kind[0], 1))
        mask = speaker_mask(layout)
        form = self._format(tag, rate, channels, mask)
        head = b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVE"
        if self._seekable:
            head += _chunk(b"JUNK", b"\0" * 28)  # becomes ds64 beyond 4 GiB
        head += _chunk(b"fmt ", form)
        self._fact = len(head) + 8 if tag != 1 and self._seekable else 0
        if self._fact:
            head += _chunk(b"fact", b"\0" * 4)
        head += b"".join(_chunk(name, body) for name, body in chunks)
        self._head = len(head) + 8
        file.write(head + b"data" + struct.pack("<I", _UNKNOWN))

    def _format(self, tag: int, rate: int, channels: int, mask: int) -> bytes:
        bits = 8 * self._align // channels
        extended = bool(mask) or channels > 2
        numbers = (channels, rate, rate * self._align, self._align, bits)
        form = struct.pack("<HHIIHH", 0xFFFE if extended else tag, *numbers)
        if extended:
            form += struct.pack("<HHIH", 22, bits, mask, tag) + _GUID
        return form if tag == 1 or extended else form + b"\0\0"

    def add(self, samples: np.ndarray) -> None:
        """Append float ``[channels, n]`` within full scale."""
        data = self._encoder.encode(samples)
        self.file.write(data)
        self._bytes += len(data)

    def close(self) -> None:
        """Write the sizes, now that they are known; the file stays open."""
        if not self._seekable:
            self.file.flush()
            return
        self.file.write(b"\0" * (self._bytes % 2))
        end = self._head + self._bytes + self._bytes % 2
        samples = self._bytes // self._align
        if end - 8 < _LIMIT:
            self._patch(4, struct.pack("<I", end - 8))
            self._patch(self._head - 4, struct.pack("<I", self._bytes))
        else:
            self._patch(0, b"RF64")
            sizes = struct.pack("<QQQI", end - 8, self._bytes, samples, 0)
            self._patch(12, _chunk(b"ds64", sizes))
        if self._fact:
            self._patch(self._fact, struct.pack("<I", min(samples, _UNKNOWN)))
        self.file.flush()

    def _patch(self, place: int, data: bytes) -> None:
        self.file.seek(place)
        self.file.write(data)
