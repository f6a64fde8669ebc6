"""From file to file: enhanced sound, enhanced video, and videos of lips."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.pipeline import Tally
from pvsd_modules.io.containers import VIDEO_OUTPUTS, container_of
from pvsd_modules.io.media import MediaInfo, probe_audio
from pvsd_modules.io.sound_reading import sound_blocks
from pvsd_modules.io.writing import write_media
from pvsd_modules.models.protocols import Chunk


@dataclass(frozen=True)
class Report:
    """What is to be told of an enhanced file.

    Arguments
    ---------
    seconds : float
        Length of the sound.
    unreal : int
        Samples that were no numbers and were taken for silence.
    clipped : int
        Samples beyond full scale that the output's format cannot hold.
    remarks : tuple of str
        What could not be read, or not be kept.
    """

    seconds: float
    unreal: int
    clipped: int
    remarks: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Sentences for the user, none if all is well."""
        notes = list(self.remarks)
        if self.unreal:
            notes.append(f"{self.unreal} samples were not numbers: taken for silence.")
        if self.clipped:
            notes.append(
                f"{self.clipped} samples were beyond full scale and were clipped: a "
                "wav file of floating-point numbers as source keeps them."
            )
        return notes


def check_output(path: str | Path, output: str | Path) -> None:
    """Refuse to write over the input, or into a format that is not known.

    Arguments
    ---------
    path, output : str or Path
        File to read and file to write.

    Raises
    ------
    PvsdError
    """
    path, output = Path(path), Path(output)
    if output.resolve() == path.resolve() or (
        output.exists() and path.exists() and output.samefile(path)
    ):
        raise PvsdError(f"{output} is the input itself: choose another output name.")
    container_of(output)


def enhance_to_file(
    model,
    source: str | Path | MediaInfo,
    output: str | Path,
    strength: float = 1.0,
    on_block: Callable[[torch.Tensor], None] | None = None,
) -> Report:
    """Enhance a file of any length into another, in bounded memory.

    The output has the input's rate, channels, number of samples and, where its
    format allows, sample format. Of a video the pictures are copied as they are.

    Arguments
    ---------
    model : PseudoVisualEnhancement
    source : str, Path or MediaInfo
        Sound or video file.
    output : str or Path
        File to write; its suffix decides the format. Of a video a sound file may
        be made, but not the other way round. An existing file is replaced once the
        new one is complete.
    strength : float
        0 to 1, see `PseudoVisualEnhancement.enhance_batch`.
    on_block : callable
        Called with every enhanced block ``[channels, n]``.

    Returns
    -------
    Report

    Raises
    ------
    PvsdError
        When the input cannot be read or the output cannot be written.
    """
    info, output = probe_audio(source), Path(output)
    check_output(info.path, output)
    tallies = [Tally() for _ in info.tracks]
    sound = {}
    for k, tally in enumerate(tallies):
        chunks = model.enhance_blocks(info.select(k + 1), strength, tally)
        sound[k] = _watched(chunks, on_block if k == info.selected else None)
    written = write_media(info, sound, output)
    unreal = sum(tally.unreal for tally in tallies)
    notes = tuple(dict.fromkeys([*info.notes, *written.notes]))
    seconds = written.samples / info.sample_rate
    return Report(seconds, unreal, written.clipped, notes)


def _watched(chunks: Iterable[Chunk], on_block) -> Iterator[torch.Tensor]:
    """The sound of every chunk, shown to ``on_block`` on its way."""
    for chunk in chunks:
        if on_block is not None:
            on_block(chunk.audio)
        yield chunk.audio


def loudest_channel(info: MediaInfo) -> int:
    """Index of the channel with the most energy."""
    if info.channels == 1:
        return 0
    energy = torch.zeros(info.channels, dtype=torch.float64)
    for block in sound_blocks(info):
        energy += torch.nan_to_num(block, 0.0, 0.0, 0.0).double().square().sum(1)
    return int(energy.argmax())


def lips_to_file(
    model,
    source: str | Path | MediaInfo,
    output: str | Path,
    on_block: Callable[[torch.Tensor], None] | None = None,
) -> None:
    """Draw the lips of a file as a video with its sound, in bounded memory.

    Arguments
    ---------
    model : LipGenerator
    source : str, Path or MediaInfo
        Sound or video file.
    output : str or Path
        Video file to write.
    on_block : callable
        Called with every block of frames ``[f, 48, 96, 3]``.

    Raises
    ------
    PvsdError
        When the input cannot be read or the output cannot be written.
    """
    info, output = probe_audio(source), Path(output)
    check_output(info.path, output)
    if output.suffix.lower() not in VIDEO_OUTPUTS:
        raise PvsdError(f"{output} is no video: name a file that ends in .mp4.")
    from pvsd_modules.io.video_writing import write_lips

    def watched():
        for frames, sound in model.generate_blocks(info):
            if on_block is not None:
                on_block(frames)
            yield frames, sound

    write_lips(watched(), info.sample_rate, output)
