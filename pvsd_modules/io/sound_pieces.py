"""Decodes the sound of a file piece by piece, placed by its time stamps."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
import soundfile

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.clock import check_gap
from pvsd_modules.io.layouts import settle_layouts, stored_layout, writing_order
from pvsd_modules.io.media import (
    CUT,
    LIBSNDFILE,
    MediaInfo,
    declared_samples,
    soundfile_name,
)
from pvsd_modules.io.opening import demuxed, frame_time, frames_of, open_media
from pvsd_modules.io.parts import Slice, parts_of
from pvsd_modules.io.shared import SharedFile, opened_stream

# Time stamps wander by their container's clock (1 ms in Matroska, one 90 kHz tick in
# MPEG). Sound further than this from where it should be is a gap or an overlap.
_TOLERANCE = 0.04
# Containers whose header tells the number of samples.
_PROMISING = ("flac", "tta", "au")
_PADDING = 4096  # samples at most that an encoder adds to fill its last frame


def sound_pieces(
    info: MediaInfo, start: float, shared: SharedFile | None = None
) -> Iterator[np.ndarray]:
    """Pieces ``[channels, samples]``; the first begins at ``start``, in seconds. A
    video may be ``shared`` with other readers."""
    if info.format.startswith(LIBSNDFILE):
        return _sndfile_pieces(info)
    if info.video is None and len(info.tracks) == 1:
        parts = parts_of(info.path, info.format)
        if len(parts) > 1:
            return _joined(info, parts)
    end = None
    if info.format.startswith(("mov", "ogg")):
        end = round((info.audio.start - start) * info.sample_rate) + info.samples
    return _counted(info, _trimmed(_placed(info, start, shared), end))


def _counted(info: MediaInfo, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Note a file that ends before its header says."""
    given = 0
    for piece in pieces:
        given += piece.shape[1]
        yield piece
    if info.format in _PROMISING and given < info.samples - _PADDING:
        if CUT not in info.notes:
            info.notes.append(CUT)


def _sndfile_pieces(info: MediaInfo) -> Iterator[np.ndarray]:
    try:
        with soundfile.SoundFile(soundfile_name(info.path)) as file:
            while len(samples := file.read(65536, dtype="float32", always_2d=True)):
                yield samples.T
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{info.path} is damaged or cut short: {error.error_string}"
        ) from error


def _trimmed(pieces: Iterable[np.ndarray], end: int | None) -> Iterator[np.ndarray]:
    """Without the padding of the last frame, where the container tells the length."""
    if end is None:
        yield from pieces
        return
    given, held = 0, []
    for piece in pieces:
        fitting = max(end - given, 0)
        given += piece.shape[1]
        if given <= end + _PADDING:
            if fitting:
                yield piece[:, :fitting]
            held.append(piece[:, fitting:])
        else:  # more than padding: the container's word is wrong
            yield from (*held, piece)
            held = []


class _Converter:
    """Frames as float arrays of the track's rate and channels, whatever comes."""

    def __init__(self, rate: int, layout: str):
        self.rate, self.layout = rate, layout
        self._kind: tuple | None = None
        self._resampler: Any = None

    def __call__(self, frame: Any) -> Iterator[np.ndarray]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            yield from self.flush()
            # Packed samples: PyAV mishandles planar ones of exactly eight channels.
            self._resampler = av.AudioResampler("flt", self.layout, self.rate)
            self._kind = kind
        yield from map(self._array, self._resampler.resample(frame))

    def flush(self) -> Iterator[np.ndarray]:
        """What a resampler still holds."""
        if self._kind is not None and self._kind[2] != self.rate:
            yield from map(self._array, self._resampler.resample(None))
        self._kind = None

    @staticmethod
    def _array(frame: Any) -> np.ndarray:
        return frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T


def _placed(
    info: MediaInfo, start: float, shared: SharedFile | None
) -> Iterator[np.ndarray]:
    """The decoded sound where its time stamps want it."""
    rate, channels = info.sample_rate, info.channels
    given, due = 0, None  # samples given out; where the next one belongs
    with opened_stream(info, info.audio.stream, shared) as (container, _, packets):
        order = list(settle_layouts(container).get(info.audio.stream, ()))
        convert: _Converter | None = None
        failed: list[Any] = []
        for packet in packets:
            for raw in frames_of(packet, failed):
                if convert is None:
                    convert = _Converter(rate, raw.layout.name)
                time = frame_time(raw)
                stamp = round((time - start) * rate) if time is not None else due or 0
                # Stamps are rounded, samples are not: they count unless far off.
                if due is None or abs(stamp - due) > _TOLERANCE * rate:
                    due = stamp
                    check_gap(info, (due - given) / rate)
                for samples in convert(raw):
                    samples = samples[order] if order else samples
                    yield from _silence(channels, due - given)
                    given = max(given, due)
                    due += samples.shape[1]
                    samples = samples[:, samples.shape[1] - max(due - given, 0) :]
                    if samples.shape[1]:
                        given += samples.shape[1]
                        yield samples
        if convert is not None:
            yield from convert.flush()
    if failed:
        many = "1 packet" if len(failed) == 1 else f"{len(failed)} packets"
        info.notes.append(f"Damaged sound was left out: {many} of it.")
    if due is None:
        raise PvsdError(f"{info.path} holds no sound that can be decoded.")


def _joined(info: MediaInfo, parts: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """The sound of the parts of a joined file, as the first one is stored."""
    convert = None
    for begin, end in parts:
        with (
            Slice(info.path, begin, end) as file,
            open_media(info.path, file=file) as part,
        ):
            stream = part.streams.best("audio")
            if stream is None or stream.codec_context is None:
                info.notes.append("A part of the file holds no sound: it is left out.")
                continue
            if stream.codec_context.name == "vorbis":
                frames = _vorbis_frames(Slice(info.path, begin, end))
            else:
                packets = demuxed(part, [stream], info.notes)
                frames = (frame for packet in packets for frame in frames_of(packet))
            first = next(frames, None)
            if first is None:
                continue
            if convert is None:
                convert = _Converter(info.sample_rate, first.layout.name)
            rate = first.sample_rate
            length = declared_samples(part, stream, rate) * info.sample_rate / rate
            sound = (one for f in chain([first], frames) for one in convert(f))
            pieces = chain(sound, convert.flush())
            yield from _trimmed(pieces, math.ceil(length) or None)


def _vorbis_frames(file: Slice) -> Iterator[Any]:
    """Frames of one link of Vorbis, by libsndfile: FFmpeg cuts short ones."""
    with file, soundfile.SoundFile(file) as sound:
        channels = sound.channels
        places = writing_order("vorbis", "ogg", "", channels) or range(channels)
        order = [list(places).index(k) for k in range(channels)]
        layout = stored_layout("vorbis", "", channels)
        while len(samples := sound.read(65536, dtype="float32", always_2d=True)):
            packed = np.ascontiguousarray(samples[:, order]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
            frame.sample_rate = sound.samplerate
            yield frame


def _silence(channels: int, samples: int, piece: int = 65536) -> Iterator[np.ndarray]:
    """Zeros in pieces: a gap of an hour must not be an hour in memory."""
    while samples > 0:
        yield np.zeros((channels, min(samples, piece)), dtype=np.float32)
        samples -= piece
