"""What the worker process does with a recording: enhance it, and write it later.

The networks run once. A strength only mixes what they gave with the input, in the
browser to listen to and here to write a file, by the rule of `FullBandStream`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from pvsd_modules.alignment import FPS
from pvsd_modules.demo.lip_sheets import SHEET, write_sheets
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.inference.files import loudest_channel
from pvsd_modules.io.containers import nearest_output
from pvsd_modules.io.media import MediaInfo, probe_audio
from pvsd_modules.io.sound_reading import sound_blocks
from pvsd_modules.io.writing import write_media

Progress = Callable[[float], None]
BEFORE, AFTER = "before.f32", "after{}.f32"  # interleaved float32 samples
_MOST_SAMPLES = 400_000  # a second, in all channels of all tracks
_BLOCK = 65536  # samples


def enhance(
    path: Path,
    folder: Path,
    seconds: int,
    model: PseudoVisualEnhancement,
    progress: Progress,
) -> dict:
    """Enhance a recording, and write samples and lips for the page into a folder.

    What is returned describes them, for JSON. A recording longer than ``seconds`` is a
    `PvsdError`; ``progress`` is given the part that is done, 0 to 1.
    """
    info = probe_audio(path)
    _check_length(path, info.duration, seconds)
    tracks = [info.select(index + 1) for index in range(len(info.tracks))]
    if sum(one.sample_rate * one.channels for one in tracks) > _MOST_SAMPLES:
        raise PvsdError(
            f"{path} has more than {_MOST_SAMPLES} samples a second: give fewer "
            "channels or a lower sample rate."
        )
    channel, seen = loudest_channel(info), model.seen_lips(info)
    total = max(info.duration, 1.0) * len(tracks)
    done, samples, drawn = 0.0, 0, 0
    for index, track in enumerate(tracks):
        count, frames, lips = 0, 0, []
        with (folder / AFTER.format(index)).open("wb") as file:
            for chunk in model.enhance_blocks(track, lips="student", seen=seen):
                _append(file, chunk.audio)
                count += chunk.audio.shape[1]
                frames += chunk.lips.shape[1]
                _check_length(path, count / track.sample_rate, seconds)
                if index == info.selected and chunk.lips.shape[1]:
                    lips.append((255 * chunk.lips[channel]).round().byte().numpy())
                # Sound may wait for a minute (observation adding), lips do not.
                passed = done + max(count / track.sample_rate, frames / FPS)
                progress(min(0.95 * passed / total, 0.95))
        done += count / track.sample_rate
        if index == info.selected:
            samples, drawn = count, write_sheets(lips, folder)
    with (folder / BEFORE).open("wb") as file:
        for block in sound_blocks(info, _BLOCK):
            _append(file, torch.nan_to_num(block, 0.0, 0.0, 0.0))
    enhanced = path.with_stem(f"{path.stem}_enhanced")
    output, note = nearest_output(enhanced, info.has_video)
    return {
        "rate": info.sample_rate,
        "channels": info.channels,
        "samples": samples,
        "loudest": channel,
        "lips": drawn,
        "lips_per_sheet": SHEET,
        "track": info.selected,
        "output": output.name,
        "notes": [*dict.fromkeys([*info.notes, *([note] if note else [])])],
    }


def write(
    path: Path,
    folder: Path,
    strength: float,
    output: Path,
    model: PseudoVisualEnhancement,
    progress: Progress,
) -> None:
    """Write what `pvsd enhance --strength` would, from what `enhance` left in a folder.

    The model is not used; ``progress`` is called with 0, to be able to end this.
    """
    info = probe_audio(path)
    output.parent.mkdir(exist_ok=True)
    sound = {
        index: _mixed(
            info.select(index + 1), folder / AFTER.format(index), strength, progress
        )
        for index in range(len(info.tracks))
    }
    write_media(info, sound, output)


def _mixed(
    info: MediaInfo, enhanced: Path, strength: float, progress: Progress
) -> Iterator[torch.Tensor]:
    with enhanced.open("rb") as file:
        for block in sound_blocks(info, _BLOCK):
            progress(0.0)
            read = np.fromfile(file, np.float32, block.numel())
            audio = torch.from_numpy(read.reshape(-1, len(block)).T)
            if strength < 1.0:
                source = torch.nan_to_num(block, 0.0, 0.0, 0.0)
                audio = strength * audio + (1.0 - strength) * source
            yield audio


def _append(file, block: torch.Tensor) -> None:
    block.T.contiguous().numpy().tofile(file)


def _check_length(path: Path, found: float, seconds: int) -> None:
    if found > seconds:
        raise PvsdError(f"{path} is longer than {seconds} s: cut it, then try again.")
