"""show version and shipped models, or describe a file or a model"""

import argparse
import re
from pathlib import Path

from pvsd_modules.commands.common import say

EPILOG = "Without an argument: version and shipped models."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd info``."""
    parser.add_argument(
        "subject",
        nargs="?",
        metavar="FILE_OR_MODEL",
        help="audio or video file, model name or model folder",
    )


def run(args: argparse.Namespace) -> int:
    """Print what there is to know."""
    from pvsd_modules import __version__
    from pvsd_modules.checkpoints.find import (
        HPARAMS_FILE,
        pretrained_folder,
        shipped_models,
    )

    subject = args.subject
    if subject is None:
        say(f"pvsd {__version__}")
        for name in shipped_models():
            say(_model_lines(name, pretrained_folder(name)))
        if not shipped_models():
            say("No model is shipped with this installation.")
    elif subject in shipped_models():
        say(_model_lines(subject, pretrained_folder(subject)))
    elif (Path(subject) / HPARAMS_FILE).is_file():
        say(_model_lines(subject, Path(subject)))
    else:
        say(_file_lines(Path(subject)))
    return 0


def _file_lines(path: Path) -> str:
    from pvsd_modules.io.media import probe_audio

    info = probe_audio(path)
    channels = "1 channel" if info.channels == 1 else f"{info.channels} channels"
    kind = "video with sound" if info.has_video else "sound"
    sample_format = f", {info.audio.codec}" if info.audio.codec else ""
    return (
        f"{path}: {kind}, {info.duration:.2f} s, {info.sample_rate} Hz, "
        f"{channels}{sample_format}"
    )


def _model_lines(name: str, folder: Path) -> str:
    """What the files of a model say; nothing is built of them."""
    from pvsd_modules.checkpoints.describe import describe_model

    model = describe_model(folder)
    parts = ", ".join(f"{key} {n / 1e6:.2f} M" for key, n in model.values.items())
    latency = "" if model.latency_ms is None else f"latency {model.latency_ms:.0f} ms, "
    return (
        f"model {name}: {sum(model.values.values()) / 1e6:.2f} M weights ({parts}), "
        f"{latency}lips: {model.lips}, licence: {_licence(folder / 'README.md')}"
        f"\n  in {folder}"
    )


def _licence(card: Path) -> str:
    """The licence line of a model card (``licence: ...`` in any spelling)."""
    if card.is_file():
        text = card.read_text(encoding="utf-8", errors="replace")
        line = re.search(r"^[\W]*licen[cs]e\W*:\W*(.+)$", text, re.I | re.M)
        if line:
            return line.group(1).strip(" *`\"'")
    return "see its README.md"
