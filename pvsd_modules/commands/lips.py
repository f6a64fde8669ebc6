"""generate lip movements from speech and write them as a video"""

import argparse
from pathlib import Path

from pvsd_modules.commands.common import add_model_arguments, load_model, say
from pvsd_modules.errors import PvsdError

EPILOG = "Without -o, talk.wav is written to talk_lips.mp4 beside it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd lips``."""
    parser.add_argument(
        "input", type=Path, metavar="INPUT", help="audio or video file with speech"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.mp4", help="video to write"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing output"
    )
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Draw the lips of one file."""
    path = args.input
    output = args.output or path.with_name(f"{path.stem}_lips.mp4")
    if output.is_dir():
        output = output / f"{path.stem}_lips.mp4"
    if not path.exists():
        raise PvsdError(f"{path} does not exist: check the name of the file.")
    if output.exists() and not args.overwrite:
        raise PvsdError(f"{output} exists: add --overwrite to replace it.")
    model = load_model("LipGenerator", args)
    from tqdm import tqdm

    from pvsd_modules.inference.files import check_output
    from pvsd_modules.io.media import probe_audio

    check_output(path, output)
    frames = round(probe_audio(path).duration * 25)
    with tqdm(
        total=frames, desc=path.name, unit="frame", leave=False, disable=None
    ) as bar:
        model.generate_file(path, output, on_block=lambda block: bar.update(len(block)))
    say(f"{path} -> {output}")
    return 0
