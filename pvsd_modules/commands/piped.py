"""Enhances sound that comes and goes through pipes."""

import argparse
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pvsd_modules.commands.common import complain, load_model, raw_format
from pvsd_modules.errors import PvsdError


def enhance_pipe(args: argparse.Namespace) -> int:
    """Enhance from a pipe, into a pipe, or both."""
    from pvsd_modules.io.media import probe_audio
    from pvsd_modules.io.pipe_sound import NotStreamable, PipeReader, PipeWriter
    from pvsd_modules.io.pipes import is_pipe, opened_pipe, spooled

    if len(args.inputs) > 1 or args.output is None:
        raise PvsdError("With pipes there is one input, and -o names the output.")
    for name in ("overlay", "format", "report"):
        if getattr(args, name):
            raise PvsdError(f"--{name} needs files, not pipes: leave it out.")
    path, output, raw = args.inputs[0], args.output, raw_format(args)
    into_pipe = is_pipe(output)
    if not into_pipe and os.path.lexists(output) and not args.overwrite:
        raise PvsdError(f"{output} exists: add --overwrite to replace it.")
    model = load_model("PseudoVisualEnhancement", args)
    with ExitStack() as stack:
        reader = None
        if is_pipe(path) or raw is not None:
            file = stack.enter_context(opened_pipe(path))
            try:
                reader = PipeReader(file, raw, str(path))
            except NotStreamable as kind:
                path = stack.enter_context(spooled(file, kind.taken))
        if not into_pipe:
            if reader is not None:  # a file needs a source to be like
                path = stack.enter_context(_wav(reader.info, reader.blocks()))
            report = model.enhance_to_file(
                path, output, args.strength, track=args.track, lips=args.lips
            )
            for note in report.notes():
                complain(note)
            return 0
        if reader is not None:
            info = reader.info
            audio = model.enhance_stream(
                reader.blocks(), info.sample_rate, args.strength
            )
        else:
            info = probe_audio(path)
            info = info if args.track is None else info.select(args.track)
            chunks = model.enhance_blocks(info, args.strength, args.lips)
            audio = (chunk.audio for chunk in chunks)
        target = stack.enter_context(opened_pipe(output, "wb"))
        writer = PipeWriter(target, info.audio, raw)
        for block in audio:
            writer.write(block)
    for note in info.notes:
        complain(note)
    if writer.clipped:
        complain(f"{writer.clipped} samples were beyond full scale and were clipped.")
    return 0


@contextmanager
def _wav(info, blocks: Iterable) -> Iterator[Path]:
    """A temporary WAV file of what came through a pipe."""
    from pvsd_modules.io.pipe_sound import PipeWriter

    with tempfile.TemporaryDirectory(prefix="pvsd-") as folder:
        path = Path(folder, "input.wav")
        with path.open("wb") as file:
            writer = PipeWriter(file, info.audio)
            for block in blocks:
                writer.write(block)
        yield path
