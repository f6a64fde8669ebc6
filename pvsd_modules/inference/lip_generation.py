"""The lips of the speech in recordings, as arrays and as videos."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import frame_count
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.base import (
    LipInterface,
    equally_long,
    file_blocks,
)
from pvsd_modules.inference.files import (
    Source,
    check_output,
    loudest_channel,
    on_disk,
)
from pvsd_modules.inference.full_band import FullBandStream, through
from pvsd_modules.inference.guard import GuardedStream
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.inference.signals import Signal, as_rows, sample_counts
from pvsd_modules.io.containers import VIDEO_OUTPUTS
from pvsd_modules.io.media import probe_audio
from pvsd_modules.io.video_writing import write_lips


class LipGenerator(LipInterface):
    """Generates the lips of the speech in a recording, clean or noisy.

    Arguments
    ---------
    See `speechbrain.inference.interfaces.Pretrained`; use `from_hparams`.

    Example
    -------
    >>> generator = LipGenerator.from_hparams()  # doctest: +SKIP
    >>> lips = generator.generate_batch(torch.randn(1, 16000))  # doctest: +SKIP
    """

    def make_stream(
        self,
        lips: str | None = "student",
        gradients: bool = False,
        seen: SeenLips | None = None,
    ) -> GuardedStream:
        """A stream that generates lips, whatever the model gives its denoiser."""
        return super().make_stream(lips, gradients, seen)

    def generate_batch(self, wav: Signal, lengths: Tensor | None = None) -> Tensor:
        """Generate the lips of signals at 16 kHz.

        Arguments
        ---------
        wav : torch.Tensor or np.ndarray
            ``[time]`` or ``[batch, time]``; types as of
            `PseudoVisualEnhancement.enhance_batch`.
        lengths : torch.Tensor
            Relative lengths ``[batch]``; None for all 1.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, ceil(time / 640), 48, 96, 3]``, 0..1, RGB, 25 frames a
            second; zeros behind the end of a row.
        """
        rows = as_rows(wav)
        lips: Tensor | None = None
        for indices, part in equally_long(rows, sample_counts(lengths, rows)):
            frames: Tensor = self.through_stream(part).lips.to(rows.device)
            if lips is None:
                size = (len(rows), frame_count(rows.shape[1]), *frames.shape[2:])
                lips = frames.new_zeros(size)
            lips[indices, : frames.shape[1]] = frames
        assert lips is not None
        return lips

    def forward(self, wav: Signal, lengths: Tensor | None = None) -> Tensor:
        """Same as `generate_batch`."""
        return self.generate_batch(wav, lengths)

    def generate_blocks(self, source: Source) -> Iterator[tuple[Tensor, Tensor]]:
        """Generate the lips of a file of any length in bounded memory.

        Of several channels the lips are those of the loudest: a mean of channels of
        opposite phase would be silence.

        Arguments
        ---------
        source : str, Path, MediaInfo or binary file
            Sound or video file.

        Yields
        ------
        frames : torch.Tensor
            The next frames, ``[f, 48, 96, 3]``.
        sound : torch.Tensor
            The next samples as they are in the file, ``[channels, n]``. Frames lie
            behind the sound by the latency; both begin at time 0.
        """
        with on_disk(source) as path:
            info = probe_audio(path)
            channel = loudest_channel(info)
            passed: list[Tensor] = []

            def one_channel() -> Iterator[Tensor]:
                for block in file_blocks(info):
                    passed.append(torch.nan_to_num(block, 0.0, 0.0, 0.0))
                    yield passed[-1][channel : channel + 1]

            stream = FullBandStream(self.make_stream(), info.sample_rate)
            for chunk in through(stream, one_channel()):
                nothing = torch.zeros(info.channels, 0, dtype=torch.float32)
                sound = torch.cat(passed, 1) if passed else nothing
                passed.clear()
                yield chunk.lips[0], sound

    def generate_file(
        self,
        filename: Source,
        output_filename: str | os.PathLike,
        on_block: Callable[[Tensor], object] | None = None,
    ) -> None:
        """Write the lips of a file as a video with its sound.

        Arguments
        ---------
        filename : str, Path or binary file
            Sound or video file.
        output_filename : str or Path
            Video file to write.
        on_block : callable
            Called with every block of frames ``[f, 48, 96, 3]``.

        Raises
        ------
        PvsdError
            When the file cannot be read or the output cannot be written.
        """
        output = Path(output_filename)
        with on_disk(filename) as path:
            info = probe_audio(path)
            check_output(info.path, output)
            if output.suffix.lower() not in VIDEO_OUTPUTS:
                raise PvsdError(f"{output} is no video: name a file that ends in .mp4.")

            def watched() -> Iterator[tuple[np.ndarray, np.ndarray]]:
                for frames, sound in self.generate_blocks(info):
                    if on_block is not None:
                        on_block(frames)
                    yield frames.numpy(), sound.numpy()

            write_lips(watched(), info.sample_rate, output)
