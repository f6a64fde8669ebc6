"""What a user calls to enhance signals, files and live streams."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.detectors import best_detector
from pvsd_modules.inference.base import (
    BLOCK_SECONDS,
    LipInterface,
    equally_long,
    file_blocks,
)
from pvsd_modules.inference.files import (
    Report,
    Source,
    check_output,
    on_disk,
    to_disk,
)
from pvsd_modules.inference.full_band import FullBandStream, through
from pvsd_modules.inference.guard import joined
from pvsd_modules.inference.level import Level
from pvsd_modules.inference.live import StreamingContext
from pvsd_modules.inference.observation import ObservationAdding
from pvsd_modules.inference.overlay import write_overlaid
from pvsd_modules.inference.seen_lips import SeenLips, see_lips, share_of_real_lips
from pvsd_modules.inference.signals import Signal, as_rows, like_input, sample_counts
from pvsd_modules.io.media import MediaInfo, probe_audio
from pvsd_modules.io.writing import write_media
from pvsd_modules.models.protocols import Chunk


class PseudoVisualEnhancement(LipInterface):
    """Enhances speech, with the help of generated lips.

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
        make = vars(self.hparams).get("observation_adding")
        return ObservationAdding(0.0) if make is None else make()

    def enhance_batch(
        self,
        noisy: Signal,
        lengths: Tensor | None = None,
        strength: float = 1.0,
        sample_rate: int = SAMPLE_RATE,
    ) -> Signal:
        """Enhance signals, each of them a whole recording.

        Arguments
        ---------
        noisy : torch.Tensor or np.ndarray
            ``[time]``, ``[batch, time]`` or ``[channels, time]``, any length from one
            sample. Floating point, or integers, whose full scale is taken for 1. NaN
            and infinity are replaced by silence.
        lengths : torch.Tensor
            Relative lengths ``[batch]``, 1 for a row without padding; None for all 1.
            What lies beyond does not matter and comes back as zeros.
        strength : float
            0 to 1: ``strength * enhanced + (1 - strength) * noisy``.
        sample_rate : int
            Samples a second; see `FullBandStream` for what becomes of other rates.

        Returns
        -------
        torch.Tensor or np.ndarray
            float32, of the shape, kind and device of the input, aligned with it. It
            requires gradients only when the networks are not frozen, or the input does.

        Raises
        ------
        ValueError
            When shapes or numbers do not fit.
        """
        rows = as_rows(noisy)
        gradients = self.wants_gradients(noisy)
        stream = self._full_band(sample_rate, strength, gradients)
        enhanced = torch.zeros_like(rows)
        for indices, part in equally_long(rows, sample_counts(lengths, rows)):
            pieces = part.split(BLOCK_SECONDS * sample_rate, dim=1)
            audio = joined(list(through(stream, pieces))).audio
            enhanced[indices, : part.shape[1]] = audio.to(rows.device)
        return like_input(enhanced, noisy)

    def _full_band(
        self,
        rate: int,
        strength: float,
        gradients: bool = False,
        seen: SeenLips | None = None,
    ) -> FullBandStream:
        adding = self.make_observation_adding()
        return FullBandStream(
            self.make_stream(gradients=gradients, seen=seen), rate, strength, adding
        )

    def seen_lips(self, source: Source, lips: str = "auto") -> SeenLips | None:
        """Lips of the people in a video.

        Arguments
        ---------
        source : str, Path, MediaInfo or binary file
            Sound or video file.
        lips : str
            "real"; "student" for none; "auto" for what ``video_lips`` of the model's
            hyperparams.yaml says, and "student" where faces cannot be looked for.

        Returns
        -------
        SeenLips or None
            None where the student's lips are wanted, and for a file without a mouth
            that fits the sound.

        Raises
        ------
        PvsdError
            When real lips are wanted of a model that cannot read them, or without
            OpenCV.
        """
        if lips not in ("auto", "real", "student"):
            raise PvsdError(f"lips: {lips} is unknown: choose auto, real or student.")
        if lips == "auto" and vars(self.hparams).get("video_lips") == "real":
            with suppress(PvsdError):  # sound is enhanced without pictures, too
                return self.seen_lips(source, "real")
        if lips != "real":
            return None
        if "mouth_reader" not in self.mods:
            raise PvsdError(
                f"The model {self.source} has no mouth_reader and cannot use real "
                "lips: choose --lips student."
            )
        with on_disk(source) as path:
            info = probe_audio(path)
            if not info.has_video:
                return None
            networks = self.mods["mouth_reader"], self.mods["student"]
            return see_lips(info, best_detector(str(self.device)), *networks)

    def forward(self, noisy: Signal, lengths: Tensor | None = None) -> Signal:
        """Same as `enhance_batch`."""
        return self.enhance_batch(noisy, lengths)

    def enhance_file(
        self,
        filename: Source,
        output_filename: str | os.PathLike | BinaryIO | None = None,
        strength: float = 1.0,
        lips: str = "auto",
    ) -> Tensor:
        """Enhance a sound or video file; for hours of sound use `enhance_to_file`.

        Arguments
        ---------
        filename : str, Path or binary file
            wav, flac, mp3, ogg, m4a, mp4, mkv, ... of any rate, channels and length.
        output_filename : str, Path, binary file or None
            Where to write the result, see `enhance_to_file`.
        strength : float
            See `enhance_batch`.
        lips : str
            See `seen_lips`.

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
        kept: list[Tensor] = []
        if output_filename is not None:
            self.enhance_to_file(
                filename, output_filename, strength, kept.append, lips=lips
            )
        else:
            blocks = self.enhance_blocks(filename, strength, lips)
            kept.extend(chunk.audio for chunk in blocks)
        enhanced = torch.cat(kept, dim=1)
        return enhanced[0] if len(enhanced) == 1 else enhanced

    def enhance_to_file(
        self,
        filename: Source,
        output_filename: str | os.PathLike | BinaryIO,
        strength: float = 1.0,
        on_block: Callable[[Tensor], object] | None = None,
        track: int | None = None,
        suffix: str = ".wav",
        lips: str = "auto",
        overlay: bool = False,
    ) -> Report:
        """Enhance a file of any length into another, in bounded memory.

        The output has the input's rate, channels, number of samples and, where its
        format allows, sample format. Of a video the pictures are copied as they are.

        Arguments
        ---------
        filename : str, Path or binary file
            Sound or video file.
        output_filename : str, Path or binary file
            File to write; its suffix decides the format. Of a video a sound file may
            be made, but not the other way round. An existing file is replaced once
            the new one is complete.
        strength : float
            See `enhance_batch`.
        on_block : callable
            Called with every enhanced block ``[channels, n]`` of the (first) track.
        track : int or None
            The one audio track to enhance, counted from 1; the others are copied.
            None for all.
        suffix : str
            Of the format of an open file.
        lips : str
            See `seen_lips`.
        overlay : bool
            Whether the lips are shown in a corner of the video, see
            `pvsd_modules.inference.overlay`.

        Raises
        ------
        PvsdError
            When the input cannot be read or the output cannot be written.
        """
        with on_disk(filename) as source, to_disk(output_filename, suffix) as output:
            info = probe_audio(source)
            check_output(info.path, output)
            info = info if track is None else info.select(track)
            chosen = range(len(info.tracks)) if track is None else [info.selected]
            seen = self.seen_lips(info, lips)
            real = (share_of_real_lips(seen),) if lips == "real" else ()
            if overlay:
                stream = self._full_band(info.sample_rate, strength, seen=seen)
                report = write_overlaid(info, stream, output, on_block)
                return replace(report, remarks=report.remarks + real)
            streams, sound = [], {}
            for index in chosen:
                one = info.select(index + 1)
                streams.append(self._full_band(one.sample_rate, strength, seen=seen))
                watcher = on_block if index == info.selected else None
                sound[index] = self._audio_of(one, streams[-1], watcher)
            written = write_media(info, sound, output)
        invalid = sum(stream.invalid for stream in streams)
        remarks = tuple(dict.fromkeys([*info.notes, *written.notes])) + real
        seconds = written.samples / info.sample_rate
        return Report(seconds, invalid, written.clipped, remarks)

    def _audio_of(
        self,
        info: MediaInfo,
        stream: FullBandStream,
        on_block: Callable[[Tensor], object] | None,
    ) -> Iterator[Tensor]:
        """The enhanced sound of a track, shown to ``on_block`` on its way."""
        for chunk in through(stream, file_blocks(info)):
            if on_block is not None:
                on_block(chunk.audio)
            yield chunk.audio

    def enhance_blocks(
        self,
        source: Source,
        strength: float = 1.0,
        lips: str = "auto",
        seen: SeenLips | None = None,
    ) -> Iterator[Chunk]:
        """Enhance a file of any length in bounded memory.

        Arguments
        ---------
        source : str, Path, MediaInfo or binary file
            Sound or video file.
        strength : float
            See `enhance_batch`.
        lips : str
            See `seen_lips`.
        seen : SeenLips
            What `seen_lips` gave before; then it is not called.

        Yields
        ------
        Chunk
            The next part of the enhanced sound ``[channels, n]`` at the file's rate,
            and of the lips ``[channels, f, 48, 96, 3]``.
        """
        with on_disk(source) as path:
            info = probe_audio(path)
            seen = seen or self.seen_lips(info, lips)
            stream = self._full_band(info.sample_rate, strength, seen=seen)
            yield from through(stream, file_blocks(info))

    def enhance_stream(
        self, blocks: Iterable[Tensor], sample_rate: int, strength: float = 1.0
    ) -> Iterator[Tensor]:
        """Enhance sound that comes in blocks, such as from a pipe, as a recording.

        Arguments
        ---------
        blocks : iterable of torch.Tensor
            ``[channels, n]``; types as of `enhance_batch`.
        sample_rate : int
            Samples a second.
        strength : float
            See `enhance_batch`.

        Yields
        ------
        torch.Tensor
            float32 ``[channels, m]``.
        """
        stream = self._full_band(sample_rate, strength)
        for chunk in through(stream, map(as_rows, blocks)):
            yield chunk.audio

    def make_streaming_context(
        self,
        strength: float = 1.0,
        sample_rate: int = SAMPLE_RATE,
        level: float | None = None,
    ) -> StreamingContext:
        """Begin a live stream.

        Arguments
        ---------
        strength : float
            See `enhance_batch`.
        sample_rate : int
            Samples a second of the chunks.
        level : float or None
            Root mean square that the speech will have, full scale being 1; None when
            it is not known. `enhance_batch` measures it.

        Returns
        -------
        StreamingContext
            For `enhance_chunk` and `flush`; its ``latency_samples`` is the delay.
        """
        stream = FullBandStream(self.make_stream(), sample_rate, strength)
        if level is not None:
            rms = torch.tensor([level], dtype=torch.float64)
            stream.expect(Level(rms, torch.zeros_like(rms)))
        return StreamingContext(stream)

    @torch.no_grad()
    def enhance_chunk(self, context: StreamingContext, chunk: Signal) -> Signal:
        """Enhance the next piece of a live stream.

        Arguments
        ---------
        context : StreamingContext
            Of this stream; it is changed.
        chunk : torch.Tensor or np.ndarray
            ``[n]``, ``[batch, n]`` or ``[channels, n]``, any ``n``; types as of
            `enhance_batch`.

        Returns
        -------
        torch.Tensor or np.ndarray
            float32 ``[batch, m]``: what is finished by now. Joined, the pieces are
            what `enhance_batch` gives for the whole, but that a live stream gives
            nothing back to nearly clean recordings (`make_observation_adding`) and
            does not know their level: it cannot wait for the end.

        Raises
        ------
        ValueError
            When the batch is another than before. The stream goes on as if that chunk
            had not been.
        """
        rows = as_rows(chunk)
        enhanced = context.stream.feed(rows).audio
        return like_input(enhanced.to(rows.device), chunk)

    @torch.no_grad()
    def flush(self, context: StreamingContext) -> Tensor:
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
        return context.stream.flush().audio
