"""enhance live speech: from standard input, or from the microphone

`pvsd stream` reads the microphone and plays the result; `pvsd stream - -o -` reads
standard input and writes standard output.
"""

import argparse
import math
import sys
import time
from pathlib import Path

from pvsd_modules.commands.common import (
    add_model_arguments,
    add_raw_arguments,
    complain,
    load_model,
    positive,
    raw_format,
    say,
    strength,
)
from pvsd_modules.commands.interruption import settle_interruption
from pvsd_modules.errors import PvsdError

EPILOG = (
    "Without INPUT, the microphone is enhanced and played by the loudspeaker until "
    "Ctrl-C: use headphones. Latency, level and dropouts are printed to standard error."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd stream``."""
    parser.add_argument(
        "input",
        nargs="?",
        type=Path,
        metavar="INPUT",
        help="- for standard input, or a pipe (default: the microphone)",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="-",
        metavar="OUT",
        help="- for standard output (default), or a pipe; not for the microphone",
    )
    parser.add_argument(
        "--strength",
        type=strength,
        default=1.0,
        metavar="0..1",
        help="1: full enhancement (default); below, the input is mixed back in",
    )
    parser.add_argument(
        "--chunk",
        type=positive,
        default=10,
        metavar="MS",
        help="milliseconds of sound to process at once (default: 10)",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="stop after S seconds"
    )
    parser.add_argument(
        "--list-devices", action="store_true", help="list audio devices and exit"
    )
    parser.add_argument(
        "--input-device", metavar="NAME", help="microphone: number or part of its name"
    )
    parser.add_argument(
        "--output-device",
        metavar="NAME",
        help="loudspeaker: number or part of its name",
    )
    parser.add_argument(
        "--meter",
        action=argparse.BooleanOptionalAction,
        help="show levels (default: on a terminal)",
    )
    add_raw_arguments(parser)
    add_model_arguments(parser, "streaming")


def run(args: argparse.Namespace) -> int:
    """Enhance until the input ends."""
    if args.list_devices:
        say(str(_sounddevice().query_devices()))
        return 0
    if args.seconds is not None and not 0 < args.seconds < float("inf"):
        raise PvsdError("--seconds must be a number above 0.")
    return _devices(args) if args.input is None else _pipes(args)


def _pipes(args: argparse.Namespace) -> int:
    from pvsd_modules.io.pipe_sound import NotStreamable, PipeReader, PipeWriter
    from pvsd_modules.io.pipes import is_pipe, opened_pipe

    for name in (args.input, args.output):
        if not is_pipe(name):
            raise PvsdError(f"{name} is not a pipe: use `pvsd enhance` for files.")
    raw = raw_format(args)
    model = load_model("PseudoVisualEnhancement", args)
    with opened_pipe(args.input) as source, opened_pipe(args.output, "wb") as target:
        try:
            reader = PipeReader(source, raw, str(args.input))
        except NotStreamable as kind:
            raise PvsdError(
                "What comes through the pipe is neither WAV nor raw samples: convert "
                "it to WAV with ffmpeg, or name the samples with --raw."
            ) from kind
        rate = reader.info.sample_rate
        live = Live(model, rate, args)
        writer = PipeWriter(target, reader.info.audio, raw)
        for block in reader.blocks(max(1, rate * args.chunk // 1000)):
            writer.write(live.process(block))
            if live.is_over:
                break
        writer.write(live.rest())
    live.summarise()
    return 0


def _devices(args: argparse.Namespace) -> int:
    import torch

    audio = _sounddevice()
    devices = [_number(name) for name in (args.input_device, args.output_device)]
    try:
        rate = args.rate or int(
            audio.query_devices(devices[0], "input")["default_samplerate"]
        )
        options = {
            "samplerate": rate,
            "blocksize": max(1, rate * args.chunk // 1000),
            "channels": args.channels,
            "dtype": "float32",
        }
        model = load_model("PseudoVisualEnhancement", args)
        live = Live(model, rate, args)
        size = options["blocksize"]
        with (
            audio.InputStream(device=devices[0], **options) as source,
            audio.OutputStream(device=devices[1], **options) as sink,
        ):
            # Silence ahead, so that something is ready whenever it is to be played.
            ready = torch.zeros(args.channels, live.context.latency_samples)
            try:
                while not live.is_over:
                    recorded, overflowed = source.read(size)
                    given = live.process(torch.from_numpy(recorded.T.copy()))
                    ready = torch.cat([ready, given], 1)
                    count = min(size, ready.shape[1])
                    underflowed = sink.write(ready[:, :count].T.contiguous().numpy())
                    ready = ready[:, count:]
                    live.dropouts += bool(overflowed) + bool(underflowed)
            except KeyboardInterrupt:
                settle_interruption()  # the usual end
    except (audio.PortAudioError, ValueError) as error:
        raise PvsdError(f"The audio device cannot be used: {error}") from error
    live.summarise()
    return 0


def _sounddevice():
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise PvsdError(
            "Microphone and loudspeaker need sounddevice (pip install 'pvsd[live]') "
            f"and PortAudio (on Debian libportaudio2): {error}. `pvsd stream -` reads "
            "standard input and needs neither."
        ) from error
    return sounddevice


def _number(name: str | None) -> int | str | None:
    return int(name) if name is not None and name.isdigit() else name


class Live:
    """A live stream with its clock, levels and dropouts.

    Arguments
    ---------
    model : PseudoVisualEnhancement
    rate : int
        Samples a second.
    args : argparse.Namespace
        Options of the command.
    """

    def __init__(self, model, rate: int, args: argparse.Namespace):
        self.model, self.rate = model, rate
        self.context = model.make_streaming_context(args.strength, rate)
        self.limit = args.seconds
        self.seconds = self.busy = 0.0
        self.dropouts = self.late = 0
        terminal = sys.stderr.isatty()
        self._meter = terminal if args.meter is None else args.meter
        self._shown = 0.0
        self._peaks = [0.0, 0.0]
        latency = 1000 * self.context.latency_samples / rate
        complain(f"latency {latency:.0f} ms, {rate} Hz, chunks of {args.chunk} ms")

    @property
    def is_over(self) -> bool:
        """Whether the time that was asked for is over."""
        return self.limit is not None and self.seconds >= self.limit

    def process(self, block):
        """Enhance ``[channels, n]``; what is finished."""
        begun = time.perf_counter()
        enhanced = self.model.enhance_chunk(self.context, block)
        took = time.perf_counter() - begun
        length = block.shape[1] / self.rate
        self.seconds += length
        self.busy += took
        self.late += took > length
        if self._meter:
            self._show(block, enhanced)
        return enhanced

    def rest(self):
        """What is left at the end."""
        return self.model.flush(self.context)

    def _show(self, *signals) -> None:
        for index, signal in enumerate(signals):
            if signal.numel():
                peak = float(signal.abs().max())
                self._peaks[index] = max(self._peaks[index], peak)
        if time.monotonic() - self._shown < 0.1:
            return
        self._shown = time.monotonic()
        bars = "  ".join(
            f"{name} {_bar(peak)}"
            for name, peak in zip(("in", "out"), self._peaks, strict=True)
        )
        print(f"\r{bars}  dropouts {self.dropouts} ", end="", file=sys.stderr)
        self._peaks = [0.0, 0.0]

    def summarise(self) -> None:
        """Print how it went."""
        if self._meter:
            print(file=sys.stderr)
        share = self.busy / self.seconds if self.seconds else 0.0
        complain(
            f"{self.seconds:.1f} s of sound, real-time factor {share:.2f}, {self.late} "
            f"chunks slower than real time, {self.dropouts} dropouts"
        )
        if self.context.invalid_samples:
            complain(
                f"{self.context.invalid_samples} samples were not numbers and were "
                "replaced by silence."
            )


def _bar(peak: float, width: int = 20) -> str:
    """A level from -60 to 0 dB as a bar."""
    level = 20 * math.log10(max(peak, 1e-6))
    filled = round(width * min(max(1 + level / 60, 0.0), 1.0))
    return f"{level:4.0f} dB [{'#' * filled}{' ' * (width - filled)}]"
