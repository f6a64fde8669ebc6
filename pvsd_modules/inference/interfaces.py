"""What a user calls: enhance recordings, and draw the lips that belong to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from pvsd_modules.alignment import LIP_HEIGHT, LIP_WIDTH, frame_count
from pvsd_modules.inference import files
from pvsd_modules.inference.base import BLOCK_SECONDS, GuardedStream, LipInterface
from pvsd_modules.inference.observation import ObservationAdding
from pvsd_modules.inference.pipeline import DryMix, Tally, enhanced_blocks
from pvsd_modules.io.media import MediaInfo, probe_audio
from pvsd_modules.io.sound_reading import sound_blocks
from pvsd_modules.models.protocols import Chunk


@dataclass
class StreamingContext:
    """State of one live stream; made by `make_streaming_context`.

    Arguments
    ---------
    stream : GuardedStream
    mix : DryMix
    """

    stream: GuardedStream
    mix: DryMix

    @property
    def latency_samples(self) -> int:
        """Samples at 16 kHz by which the output may lie behind the input."""
        return self.stream.latency_samples


class PseudoVisualEnhancement(LipInterface):
    """Takes the noise off speech, with the help of lips that it hallucinates.

    Arguments
    ---------
    See `speechbrain.inference.interfaces.Pretrained`; use `from_hparams`.

    Example
    -------
    >>> enhancer = PseudoVisualEnhancement.from_hparams()  # doctest: +SKIP
    >>> enhanced = enhancer.enhance_batch(torch.randn(2, 9999))  # doctest: +SKIP
    >>> enhancer.enhance_file("noisy.mp4", "clean.mp4")  # doctest: +SKIP
    """

    def make_observation_adding(self) -> ObservationAdding:
        """What gives nearly clean recordings some of their input back.

        Returns
        -------
        ObservationAdding
            As ``observation_adding`` of the model's hyperparams.yaml says; one that
            does nothing where that says nothing.
        """
        make = getattr(self.hparams, "observation_adding", None)
        return ObservationAdding(0.0) if make is None else make()

    def enhance_batch(
        self,
        noisy: torch.Tensor,
        lengths: torch.Tensor | None = None,
        strength: float = 1.0,
    ) -> torch.Tensor:
        """Enhance signals at 16 kHz, each of them a whole recording.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, time]``, any length from one sample.
        lengths : torch.Tensor
            Relative lengths ``[batch]``, 1 for a row without padding; None for all 1.
            What lies beyond does not matter and comes back as zeros.
        strength : float
            0 to 1: ``strength * enhanced + (1 - strength) * noisy``.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, time]``, aligned with the input, on its device.
        """
        DryMix(strength)  # tells of a bad number before the work
        enhanced = torch.zeros_like(noisy, dtype=torch.float32)
        for rows, count, chunk in self._by_length(noisy, lengths):
            dry = noisy[rows, :count].float()
            wet = chunk.audio.to(noisy.device)
            wet = self.make_observation_adding().whole(dry, wet)
            enhanced[rows, :count] = strength * wet + (1.0 - strength) * dry
        return enhanced

    def forward(self, noisy, lengths=None):
        """Same as `enhance_batch`."""
        return self.enhance_batch(noisy, lengths)

    def enhance_file(
        self,
        path: str | Path,
        output_filename: str | Path | None = None,
        strength: float = 1.0,
    ) -> torch.Tensor:
        """Enhance a sound or video file; for hours of sound use `enhance_to_file`.

        Arguments
        ---------
        path : str or Path
            wav, flac, mp3, ogg, m4a, mp4, mkv, ... of any rate, channels and length.
        output_filename : str, Path or None
            Where to write the result, see
            `pvsd_modules.inference.files.enhance_to_file`.
        strength : float
            See `enhance_batch`.

        Returns
        -------
        torch.Tensor
            ``[time]``, or ``[channels, time]`` of more than one channel, at the
            file's own rate.

        Raises
        ------
        PvsdError
            When the file cannot be read or the output cannot be written.
        """
        kept: list[torch.Tensor] = []
        if output_filename is not None:
            files.enhance_to_file(
                self, path, output_filename, strength, on_block=kept.append
            )
        else:
            kept.extend(chunk.audio for chunk in self.enhance_blocks(path, strength))
        enhanced = torch.cat(kept, dim=1)
        return enhanced[0] if len(enhanced) == 1 else enhanced

    def enhance_blocks(
        self,
        path: str | Path | MediaInfo,
        strength: float = 1.0,
        tally: Tally | None = None,
    ) -> Iterator[Chunk]:
        """Enhance a file of any length in bounded memory.

        Arguments
        ---------
        path : str, Path or MediaInfo
            Sound or video file.
        strength : float
            See `enhance_batch`.
        tally : Tally
            Counts are added to it.

        Yields
        ------
        Chunk
            The next part of the enhanced sound ``[channels, n]`` at the file's rate,
            and of the lips ``[channels, f, 48, 96, 3]``.
        """
        info = probe_audio(path)
        blocks = sound_blocks(info, BLOCK_SECONDS * info.sample_rate)
        stream, adding = self.make_stream(), self.make_observation_adding()
        return enhanced_blocks(
            blocks, info.sample_rate, stream, strength, tally, adding
        )

    def make_streaming_context(self, strength: float = 1.0) -> StreamingContext:
        """Begin a live stream.

        Arguments
        ---------
        strength : float
            See `enhance_batch`.

        Returns
        -------
        StreamingContext
            For `enhance_chunk` and `flush`; its ``latency_samples`` tells the delay.
        """
        return StreamingContext(self.make_stream(), DryMix(strength))

    def enhance_chunk(
        self, context: StreamingContext, chunk: torch.Tensor
    ) -> torch.Tensor:
        """Enhance the next piece of a live stream.

        Arguments
        ---------
        context : StreamingContext
            Of this stream; it is changed.
        chunk : torch.Tensor
            ``[batch, n]`` at 16 kHz, any ``n``.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, m]``: what is finished by now. Joined, the pieces are
            what `enhance_batch` gives for the whole, but that a live stream gives
            nothing back to nearly clean recordings (`make_observation_adding`): it
            cannot wait for the end.
        """
        context.mix.push(chunk.float())
        return context.mix.pull(context.stream.feed(chunk).audio)

    def flush(self, context: StreamingContext) -> torch.Tensor:
        """End a live stream.

        Arguments
        ---------
        context : StreamingContext
            Of this stream; it can be used for another one afterwards.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, m]``: the rest.
        """
        return context.mix.pull(context.stream.flush().audio)


class LipGenerator(LipInterface):
    """Draws the lips of the speech in a recording, clean or noisy.

    Arguments
    ---------
    See `speechbrain.inference.interfaces.Pretrained`; use `from_hparams`.

    Example
    -------
    >>> generator = LipGenerator.from_hparams()  # doctest: +SKIP
    >>> lips = generator.generate_batch(torch.randn(1, 16000))  # doctest: +SKIP
    """

    def make_stream(self, lips: str | None = "student") -> GuardedStream:
        """A stream that draws, whatever lips the model gives its denoiser."""
        return super().make_stream(lips)

    def generate_batch(
        self, wav: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw the lips of signals at 16 kHz.

        Arguments
        ---------
        wav : torch.Tensor
            ``[batch, time]``.
        lengths : torch.Tensor
            Relative lengths ``[batch]``; None for all 1.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, ceil(time / 640), 48, 96, 3]``, 0..1, RGB, 25 frames a
            second; zeros behind the end of a row.
        """
        size = (wav.shape[0], frame_count(wav.shape[1]), LIP_HEIGHT, LIP_WIDTH, 3)
        lips = torch.zeros(size, device=wav.device)
        for rows, _, chunk in self._by_length(wav, lengths):
            drawn = chunk.lips.to(wav.device)
            lips[rows, : drawn.shape[1]] = drawn
        return lips

    def forward(self, wav, lengths=None):
        """Same as `generate_batch`."""
        return self.generate_batch(wav, lengths)

    def generate_blocks(
        self, path: str | Path | MediaInfo
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Draw the lips of a file of any length in bounded memory.

        Of several channels the lips are those of the loudest: a mean of channels of
        opposite phase would be silence.

        Arguments
        ---------
        path : str, Path or MediaInfo
            Sound or video file.

        Yields
        ------
        frames : torch.Tensor
            The next frames, ``[f, 48, 96, 3]``.
        sound : torch.Tensor
            The next samples as they are in the file, ``[channels, n]``. Frames lie
            behind the sound by the latency; both begin at time 0.
        """
        info = probe_audio(path)
        channel = files.loudest_channel(info)
        passed = []

        def one_channel():
            for block in sound_blocks(info, BLOCK_SECONDS * info.sample_rate):
                passed.append(torch.nan_to_num(block, 0.0, 0.0, 0.0))
                yield passed[-1][channel : channel + 1]

        for chunk in enhanced_blocks(
            one_channel(), info.sample_rate, self.make_stream()
        ):
            sound = torch.cat(passed, 1) if passed else torch.zeros(info.channels, 0)
            passed.clear()
            yield chunk.lips[0], sound

    def generate_file(
        self,
        path: str | Path,
        output: str | Path,
        on_block: Callable[[torch.Tensor], None] | None = None,
    ) -> None:
        """Draw the lips of a file as a video with its sound.

        Arguments
        ---------
        path : str or Path
            Sound or video file.
        output : str or Path
            mp4 file to write.
        on_block : callable
            Called with every block of frames.

        Raises
        ------
        PvsdError
            When the file cannot be read or the output cannot be written.
        """
        files.lips_to_file(self, path, output, on_block=on_block)
