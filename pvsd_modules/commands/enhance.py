"""enhance speech in audio and video files

Without -o the result of talk.mp4 is talk_enhanced.mp4 beside it. A video keeps its
picture unchanged. Existing files are kept unless --overwrite is given.
"""

import argparse
import sys
import time
from pathlib import Path

from pvsd_modules.commands.common import add_model_arguments, load_model
from pvsd_modules.commands.naming import plan_outputs
from pvsd_modules.errors import PvsdError

EPILOG = (
    "Without -o, talk.mp4 is written to talk_enhanced.mp4 beside it. Exit code: 0 "
    "success, 1 some of several files failed, 2 usage error or unreadable file."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd enhance``."""
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="file or folder of files"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="output file (one input), or folder for files of the same names",
    )
    parser.add_argument(
        "--strength",
        type=_strength,
        default=1.0,
        metavar="0..1",
        help="1: full enhancement (default); below, the input is mixed back in",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing outputs"
    )
    add_model_arguments(parser)


def _strength(text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = -1.0
    if not 0.0 <= strength <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return strength


def run(args: argparse.Namespace) -> int:
    """Enhance every input; a failing one of several does not stop the others."""
    jobs = plan_outputs(args.inputs, args.output)
    if len(jobs) == 1:
        _check(jobs[0], args.overwrite)
    model = load_model("PseudoVisualEnhancement", args)
    failed = 0
    for number, job in enumerate(jobs, start=1):
        label = f"[{number}/{len(jobs)}] " if len(jobs) > 1 else ""
        try:
            _check(job, args.overwrite)
            _enhance(model, *job, args.strength, label)
        except PvsdError as error:
            if len(jobs) == 1:
                raise
            print(f"pvsd: {error}", file=sys.stderr)
            failed += 1
    if failed:
        print(f"pvsd: {failed} of {len(jobs)} files failed.", file=sys.stderr)
    return 1 if failed else 0


def _check(job: tuple[Path, Path], overwrite: bool) -> None:
    """Whatever can be known to fail fails before the work, and before torch loads."""
    path, output = job
    if not path.exists():
        raise PvsdError(f"{path} does not exist: check the name of the file.")
    if output.exists() and not overwrite:
        raise PvsdError(f"{output} exists: add --overwrite to replace it.")


def _enhance(model, path: Path, output: Path, strength: float, label: str) -> None:
    from tqdm import tqdm

    from pvsd_modules.inference.files import check_output
    from pvsd_modules.io.media import probe_audio

    check_output(path, output)
    info = probe_audio(path)
    begun = time.perf_counter()
    with tqdm(
        total=round(info.duration, 2),
        desc=f"{label}{path.name}",
        unit="s",
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of sound "
        "[{elapsed}<{remaining}]",
        leave=False,
        disable=None,  # no bar where nobody looks at it
    ) as bar:
        report = model.enhance_to_file(
            info,
            output,
            strength,
            on_block=lambda block: bar.update(block.shape[1] / info.sample_rate),
        )
    taken = time.perf_counter() - begun
    print(
        f"{label}{path} -> {output} ({report.seconds:.2f} s of sound in {taken:.1f} s)"
    )
    for note in report.notes():
        print(f"pvsd: {path}: {note}", file=sys.stderr)
