"""Writes new sound into a file that keeps everything else of its source."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.containers import Container, container_of
from pvsd_modules.io.copying import (
    copied_stream,
    describe,
    keep_cover,
    kept_tags,
    lost,
    moved_chapters,
    shifted_packets,
)
from pvsd_modules.io.encoders import SoundEncoder, new_container
from pvsd_modules.io.encoding import encoding_of
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.opening import kind_of, open_media
from pvsd_modules.io.sound_files import (
    Checked,
    Written,
    is_vorbis,
    refuse_nothing,
    write_vorbis,
    write_wav,
)
from pvsd_modules.io.sound_reading import sound_blocks


def write_media(
    info: MediaInfo,
    sound: Mapping[int, Iterable[Any]],
    output: str | Path,
    replace: bool = True,
) -> Written:
    """Write a file with new sound and all else that its source holds.

    Pictures are copied untouched and stay in sync. Sample format, codec, rate and
    channel layout of the sound stay where the output's format and FFmpeg's encoders
    allow it; so do further sound tracks, cover art, subtitles, attachments, chapters
    and tags. What cannot stay is named in a note.

    Arguments
    ---------
    info : MediaInfo
        The source.
    sound : mapping of int to iterable of torch.Tensor
        From an index among ``info.tracks`` to the new sound of that track: float
        ``[channels, n]`` blocks at the track's rate, sample 0 at time 0 of the file.
    output : str or Path
        File to write; its suffix decides the format.
    replace : bool
        Whether a file that exists is replaced.

    Raises
    ------
    PvsdError
        When the source cannot be read, its pictures or channels do not fit into the
        output's format, or the disk is full. Nothing is left behind then.
    """
    output, written = Path(output), Written()
    container = container_of(output)
    if container.pictures and info.video is None:
        raise PvsdError(
            f"{info.path} has no pictures: {output.name} needs a sound suffix."
        )
    sound = dict(sound)
    if container.tracks == 1 and len(info.tracks) > 1:
        chosen = info.selected if info.selected in sound else min(sound)
        sound = {chosen: sound[chosen]}
        written.notes.append(
            f"A {output.suffix} file holds one audio track: of {len(info.tracks)}, "
            f"track {chosen + 1} is written."
        )
    if container.muxer == "wav":
        write_wav(info, sound, output, replace, written)
    elif is_vorbis(info, sound, output):
        write_vorbis(info, sound, output, replace, written)
    else:
        _write_container(info, sound, output, container, replace, written)
    written.notes += lost(info, output)
    return written


def _write_container(
    info: MediaInfo,
    sound: Mapping[int, Iterable[Any]],
    output: Path,
    container: Container,
    replace: bool,
    written: Written,
) -> None:
    options = {}
    if any(key.startswith("com.") for key in info.tags):  # of phones and cameras
        options["movflags"] = "+use_metadata_tags"
    with ExitStack() as stack:
        origin = None
        if info.video or info.others or info.chapters or len(info.tracks) > 1:
            # Before the output, so that a fault of the source leaves nothing.
            origin = stack.enter_context(open_media(info.path, made_stamps=True))
        with new_container(output, container, replace, **options) as target:
            target.metadata.update(kept_tags(info.tags))
            streams = _Streams(info, sound, output, container, written)
            if origin is None:
                streams.encode(target, next(iter(sound)))
                packets: Iterator[tuple[float, Any]] = iter(())
            else:
                start = info.start if info.video else 0.0  # MP3 begins with a delay
                target.set_chapters(moved_chapters(origin.chapters(), start))
                streams.take_over(origin, target)
                packets = shifted_packets(origin, streams.copies, info)
            _feed(streams.encoders, packets, target)
            if not container.pictures:
                refuse_nothing(info, written)


class _Streams:
    """The streams of a new container: those that are encoded and those copied."""

    def __init__(
        self,
        info: MediaInfo,
        sound: Mapping[int, Iterable[Any]],
        output: Path,
        container: Container,
        written: Written,
    ):
        self.info, self.sound, self.output = info, sound, output
        self.container, self.written = container, written
        self.encoders: list[tuple[SoundEncoder, Iterator[np.ndarray]]] = []
        self.copies: dict[int, Any] = {}

    def take_over(self, origin: Any, target: Any) -> None:
        """Open all streams, in the order of the source."""
        places = {track.stream: k for k, track in enumerate(self.info.tracks)}
        for stream in origin.streams:
            index = places.get(stream.index)
            if index is not None and index in self.sound:
                self.encode(target, index, stream)
            elif kind_of(stream) == "cover" and self._keeps(stream, target):
                continue
            elif self.container.tracks > 1 or index is None:
                copy = copied_stream(origin, target, stream, self.info, self.container)
                if copy is not None:
                    self.copies[stream.index] = copy
                elif index is not None:
                    self.encode(target, index, stream)

    def _keeps(self, stream: Any, target: Any) -> bool:
        sound = self.encoders[0][0].stream if self.encoders else None
        return keep_cover(stream, self.info, target, sound)

    def encode(self, target: Any, index: int, like: Any = None) -> None:
        """Open a new sound stream, of what is enhanced or else of the old sound."""
        track = self.info.tracks[index]
        blocks = self.sound.get(index)
        if blocks is None:
            blocks = sound_blocks(self.info.select(index + 1))
        encoding = encoding_of(track, self.output, self.info.path)
        notes = self.written.notes
        notes += [one for one in encoding.notes if one not in notes]
        encoder = SoundEncoder(target, encoding, track.sample_rate, track.channels)
        if like is not None:
            describe(encoder.stream, like)
        if self.container.muxer == "ogg":  # has no tags of the whole file
            encoder.stream.metadata.update(kept_tags(self.info.tags))
        clips = not encoding.codec.startswith("pcm_f")
        checked = Checked(blocks, clips, self.written)
        self.encoders.append((encoder, iter(checked)))


def _feed(
    encoders: list[tuple[SoundEncoder, Iterator[np.ndarray]]],
    packets: Iterator[tuple[float, Any]],
    target: Any,
) -> None:
    """Write sound and copies in the order of time."""
    waiting, open_ones = next(packets, None), list(encoders)
    while open_ones:
        encoder, blocks = min(open_ones, key=lambda one: one[0].time)
        block = next(blocks, None)
        if block is None:
            open_ones.remove((encoder, blocks))
            continue
        encoder.add(block)
        due = min((one.time for one, _ in open_ones), default=encoder.time)
        while waiting is not None and waiting[0] <= due:
            target.mux(waiting[1])
            waiting = next(packets, None)
    while waiting is not None:
        target.mux(waiting[1])
        waiting = next(packets, None)
    for encoder, _ in encoders:
        encoder.close()
