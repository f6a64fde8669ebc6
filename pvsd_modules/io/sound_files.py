"""Writes files that hold one track of sound and little else: WAV and Ogg Vorbis."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.encoding import Encoding, encoding_of
from pvsd_modules.io.layouts import writing_order
from pvsd_modules.io.media import MediaInfo, soundfile_name
from pvsd_modules.io.wav import WavLayout, WavWriter, info_chunk

_VORBIS_TAGS = "title copyright artist comment date album license genre".split()


@dataclass
class Written:
    """What is to be said of a file that was written: samples in each channel of the
    longest enhanced track, those beyond full scale that the format cannot hold, and
    sentences about what could not stay as it is in the source."""

    samples: int = 0
    clipped: int = 0
    notes: list[str] = field(default_factory=list)


class Checked:
    """Blocks as arrays that can be written: finite, and within full scale."""

    def __init__(self, blocks: Iterable[Any], clips: bool, written: Written):
        self._blocks, self._clips, self._written = blocks, clips, written
        self.samples = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        invalid = 0
        for block in self._blocks:
            block = torch.atleast_2d(torch.as_tensor(block)).detach().float().cpu()
            good = torch.isfinite(block)
            if not bool(good.all()):
                invalid += int((~good).sum())
                block = torch.where(good, block, torch.zeros_like(block))
            if self._clips:
                self._written.clipped += int((block.abs() > 1).sum())
                block = block.clamp(-1, 1)
            self.samples += block.shape[1]
            self._written.samples = max(self._written.samples, self.samples)
            yield block.numpy()
        if invalid:
            self._written.notes.append(
                f"{invalid} samples to write were not finite: silence is written there."
            )


def _only(
    info: MediaInfo, sound: Mapping[int, Iterable[Any]], output: Path, written: Written
) -> tuple[Encoding, Checked]:
    """The encoding and the blocks of a file with a single track."""
    ((index, blocks),) = sound.items()
    encoding = encoding_of(info.tracks[index], output, info.path)
    written.notes += encoding.notes
    floating = encoding.codec.startswith("pcm_f")
    return encoding, Checked(blocks, not floating, written)


def write_wav(
    info: MediaInfo,
    sound: Mapping[int, Iterable[Any]],
    output: Path,
    replace: bool,
    written: Written,
) -> None:
    """Writes the only track as WAV."""
    encoding, blocks = _only(info, sound, output, written)
    track = info.tracks[next(iter(sound))]
    same = info.format == "wav"
    chunks = WavLayout(info.path).chunks if same else info_chunk(info.tags)
    with written_whole(output, replace) as temporary, temporary.open("wb") as file:
        writer = WavWriter(
            file,
            encoding.codec,
            track.sample_rate,
            track.channels,
            track.layout if same or track.channels > 2 else "",
            chunks,
        )
        for block in blocks:
            writer.add(block)
        refuse_nothing(info, written)
        writer.close()


def is_vorbis(
    info: MediaInfo, sound: Mapping[int, Iterable[Any]], output: Path
) -> bool:
    """Whether a single track is to be written as Vorbis."""
    track = info.tracks[next(iter(sound))]
    return len(sound) == 1 and encoding_of(track, output).codec == "vorbis"


def write_vorbis(
    info: MediaInfo,
    sound: Mapping[int, Iterable[Any]],
    output: Path,
    replace: bool,
    written: Written,
) -> None:
    """Through libsndfile, as FFmpeg's own Vorbis encoder is for stereo only."""
    encoding, blocks = _only(info, sound, output, written)
    channels = info.tracks[next(iter(sound))].channels
    order = list(writing_order("vorbis", "ogg", "", channels) or range(channels))
    try:
        with (
            written_whole(output, replace) as temporary,
            soundfile.SoundFile(
                soundfile_name(temporary),
                "w",
                encoding.rate,
                channels,
                "VORBIS",
                format="OGG",
            ) as file,
        ):
            for name, text in info.tags.items():
                if name.lower() in _VORBIS_TAGS and text:
                    setattr(file, name.lower(), text)
                elif name.lower() == "track":
                    file.tracknumber = text
            for block in blocks:
                for begin in range(0, block.shape[1], 65536):  # it crashes with more
                    file.write(block[order, begin : begin + 65536].T)
            refuse_nothing(info, written)
    except soundfile.LibsndfileError as error:
        raise PvsdError(
            f"{output} cannot be written: {error.error_string} Is the disk full?"
        ) from error


def refuse_nothing(info: MediaInfo, written: Written) -> None:
    """Raises `PvsdError` where nothing was written."""
    if not written.samples:
        raise PvsdError(f"{info.path} holds no samples: give a recording with sound.")
