"""Sound that comes and goes through pipes, block by block as it arrives.

WAV (with or without sizes in its header) and raw samples are read as a stream; all
else is first copied into a temporary file, as most formats are read out of order.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.encoding import sample_format
from pvsd_modules.io.media import AudioTrack, MediaInfo, check_rate
from pvsd_modules.io.pcm import PcmDecoder, PcmEncoder
from pvsd_modules.io.pipes import STANDARD, RawFormat
from pvsd_modules.io.wav import WavWriter, wav_codec

_READ = 2**16  # bytes at most at once
_HEADER = 2**24  # bytes of chunks before the sound at most


class NotStreamable(Exception):
    """What comes is neither WAV nor raw samples.

    Arguments
    ---------
    taken : bytes
        What was read of it.
    """

    def __init__(self, taken: bytes):
        super().__init__("neither WAV nor raw samples")
        self.taken = taken


class PipeReader:
    """Sound of a pipe or of any object with ``read``: WAV, or raw samples.

    Arguments
    ---------
    file : BinaryIO
        Open for reading; it need not seek.
    raw : RawFormat
        Of samples without a header; None for WAV.
    name : str
        For messages.

    Raises
    ------
    NotStreamable
        When it is no WAV of uncompressed samples: see `spooled`.
    PvsdError
        When nothing comes, or the sample rate is below 1 kHz.

    Example
    -------
    >>> reader = PipeReader(io.BytesIO(bytes(3200)), RawFormat("s16le", 16000, 1))
    >>> sum(block.shape[1] for block in reader.blocks(400))
    1600
    """

    def __init__(
        self, file: BinaryIO, raw: RawFormat | None = None, name: str = STANDARD
    ):
        # What is there is taken, without waiting until so many bytes have come.
        self._read = file.read1 if isinstance(file, io.BufferedIOBase) else file.read
        self._left, layout = -1, ""  # bytes of sound still to come, -1 unknown
        self._taken = b""
        if raw is not None:
            codec, rate, channels = raw.codec, raw.sample_rate, raw.channels
        else:
            codec, rate, channels, layout = self._header()
        self._decoder = PcmDecoder(codec, rate, channels, layout)
        track = AudioTrack(0, rate, channels, 0, layout, codec, 8)
        self.info = MediaInfo(Path(name), "pipe", (track,))
        check_rate(self.info)

    def _exactly(self, size: int) -> bytes:
        """So many bytes of the header, fewer at the end of the file."""
        begin = len(self._taken)
        while len(self._taken) < begin + size:
            data = self._read(begin + size - len(self._taken))
            if not data:
                break
            self._taken += data
        return self._taken[begin:]

    def _header(self) -> tuple[str, int, int, str]:
        """Read until the sound begins: codec, rate, channels and layout."""
        head = self._exactly(12)
        if not head:
            raise PvsdError("Nothing came through the pipe: give a recording.")
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            raise NotStreamable(self._taken)
        found = None
        while len(start := self._exactly(8)) == 8 and len(self._taken) < _HEADER:
            name, length = start[:4], struct.unpack("<I", start[4:])[0]
            if name == b"data":
                if found is None:
                    break
                if 0 < length < 0x7FFFF000:
                    self._left = length
                self._taken = b""
                return found
            body = self._exactly(length + length % 2)
            if name == b"fmt ":
                found = wav_codec(body)
                if found is None:
                    raise NotStreamable(self._taken)
        raise PvsdError("The WAV header that came through the pipe has no end.")

    def blocks(self, samples: int = 4096) -> Iterator[torch.Tensor]:
        """The sound as it comes.

        Arguments
        ---------
        samples : int
            Samples of a block at most; a block holds what has arrived by then.

        Yields
        ------
        torch.Tensor
            float32 ``[channels, n]``.
        """
        most = min(max(samples, 1) * self._decoder.align, _READ)
        rest = b""
        while self._left:
            wanted = max(most - len(rest), 1)
            data = self._read(wanted if self._left < 0 else min(wanted, self._left))
            if not data:
                break
            self._left -= len(data) if self._left > 0 else 0
            data = rest + data
            whole = len(data) - len(data) % self._decoder.align
            rest = data[whole:]
            if whole:
                yield torch.from_numpy(self._decoder.decode(data[:whole]))
        if self._left > 0:
            self.info.notes.append("The sound ended before its header says.")


class PipeWriter:
    """Writes sound into a pipe: WAV without sizes, or raw samples.

    Arguments
    ---------
    file : BinaryIO
        Open for writing; it need not seek.
    track : AudioTrack
        Whose rate, channels, layout and sample format are written; 16 bits for a
        lossy one.
    raw : RawFormat
        Its sample format is written, without a header; None for WAV.

    Example
    -------
    >>> file = io.BytesIO()
    >>> writer = PipeWriter(file, AudioTrack(0, 16000, 1, 0), RawFormat())
    >>> writer.write(torch.full((1, 2), 0.5))
    >>> file.getvalue().hex()
    '00400040'
    """

    def __init__(self, file: BinaryIO, track: AudioTrack, raw: RawFormat | None = None):
        self._file, self.clipped = file, 0
        rate, channels = track.sample_rate, track.channels
        if raw is not None:
            codec = raw.codec
        else:
            stored = sample_format(track) or "s16"
            codec = f"pcm_{stored}" + ("le" if stored[1:].isdigit() else "")
            codec = codec.replace("u8le", "u8")
        self._clips = not codec.startswith("pcm_f")
        self._writer: Any = None
        self._encoder = PcmEncoder(codec, rate, channels)
        if raw is None:
            with self._sentences():
                self._writer = WavWriter(
                    file, codec, rate, channels, track.layout, seekable=False
                )

    def write(self, block: torch.Tensor) -> None:
        """Append float ``[channels, n]``; it goes out at once."""
        block = torch.nan_to_num(block.detach().float().cpu(), 0.0, 0.0, 0.0)
        if self._clips:
            self.clipped += int((block.abs() > 1).sum())
            block = block.clamp(-1, 1)
        with self._sentences():
            if self._writer is not None:
                self._writer.add(block.numpy())
            else:
                self._file.write(self._encoder.encode(block.numpy()))
            self._file.flush()

    @staticmethod
    @contextmanager
    def _sentences() -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            raise PvsdError(
                "The output was closed by the program behind it."
            ) from error
        except OSError as error:
            raise PvsdError(
                f"The output cannot be written: {error.strerror}."
            ) from error
