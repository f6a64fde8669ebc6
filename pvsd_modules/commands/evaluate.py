"""score a model, or the files of another program, against clean speech

The data are two or three folders whose files have the same names, or a fixed list of
mixtures. Every system is scored by the same measures. An interrupted run goes on when
it is started again.
"""

import argparse
import math
from pathlib import Path

from pvsd_modules.checkpoints.find import DEFAULT_MODEL
from pvsd_modules.commands.common import TRUST, complain, few, positive, quiet, say
from pvsd_modules.errors import PvsdError

EPILOG = (
    "Exit code: 0 all was scored, 1 some recordings could not be scored (they are "
    "named, and count in no mean), 2 a mistake in the command."
)
SHOWN = 10  # failures that are printed; the summary names them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``pvsd evaluate``."""
    add = parser.add_argument_group("data").add_argument
    folder, file = ({"type": Path, "metavar": word} for word in ("DIR", "FILE"))
    add("--noisy", **folder, help="noisy files")
    add("--clean", **folder, help="clean files of the same names")
    add("--enhanced", **folder, help="files that another program enhanced")
    add(
        "--conditions", **file, help="SNR and noise of the files: CSV with columns "
        "file, snr, category, speaker, or VoiceBank-DEMAND's log_testset.txt",
    )  # fmt: skip
    add(
        "--list", **file, help="fixed list of mixtures or pairs (JSON) instead of "
        "--noisy and --clean",
    )  # fmt: skip
    add("--data_root", default="", metavar="DIR", help="its {data_root}")
    add(
        "--noise_root", default="", metavar="DIR",
        help="its {noise_root} (default: the same folder)",
    )  # fmt: skip
    add(
        "--items", type=positive, default=0, metavar="N",
        help="only N items, spread evenly",
    )  # fmt: skip
    add("--snrs", type=_finite, nargs="+", metavar="DB", help="only these SNRs")
    add(
        "--write_mixtures", **folder, help="write the list as DIR/noisy and DIR/clean "
        "for other programs, and score nothing",
    )  # fmt: skip
    add = parser.add_argument_group("system, unless --enhanced is given").add_argument
    add(
        "--model", metavar="NAME_OR_FOLDER", help="shipped model, folder of a "
        "pretrained model, or Hugging Face id owner/name@revision (default: offline)",
    )  # fmt: skip
    add("--trust", action="store_true", help=TRUST)
    add(
        "--lips", help="source of the lips: student, none, zeros, held, shuffled or "
        "teacher (default: the one the model was trained with)",
    )  # fmt: skip
    add(
        "--engine", default="stream", help="stream: chunk by chunk as pvsd enhance "
        "does (default); whole: the whole recording at once",
    )  # fmt: skip
    add("--device", default="cpu", help="such as cpu (default) or cuda")
    add("--save_enhanced", **folder, help="keep the enhanced files")
    add = parser.add_argument_group("scores").add_argument
    add(
        "--output", type=Path, metavar="FILE.csv",
        help="a row a recording; beside it a summary as .json and .md",
    )  # fmt: skip
    add(
        "--measures", nargs="+", metavar="NAME",
        help="such as pesq_wb stoi (default: all ten, none without --clean)",
    )  # fmt: skip
    add(
        "--dnsmos", nargs="?", const="speechmos", metavar="FILE.onnx",
        help="DNSMOS as well, which needs no clean files: with the network of the "
        "package speechmos, or your sig_bak_ovr.onnx",
    )  # fmt: skip
    add(
        "--asr", type=Path, metavar="DIR",
        help="word error rate as well, with your SpeechBrain recogniser; with --trust",
    )  # fmt: skip
    add(
        "--transcripts", **file,
        help="words that are said: CSV with columns file and text, or JSON",
    )  # fmt: skip
    add(
        "--workers", type=few, default=1, metavar="N",
        help="scoring processes, of one thread each",
    )  # fmt: skip
    add("--overwrite", action="store_true", help="replace scores that exist")
    add(
        "--compare", type=Path, nargs=2, metavar=("A.csv", "B.csv"),
        help="paired differences B - A of two tables of scores",
    )  # fmt: skip
    add(
        "--cluster", metavar="COLUMN", help="with --compare: draw the recordings that "
        "agree in a column such as speaker together",
    )  # fmt: skip


def _finite(text: str) -> float:
    """An argparse type: a number that is neither infinite nor NaN."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a number of dB")
    return number


def run(args: argparse.Namespace) -> int:
    """Score, compare, or write mixtures."""
    quiet()
    if args.compare:
        return _compare(args)
    items = _items(args)
    if args.write_mixtures:
        from pvsd_modules.evaluation.lists import write_mixtures

        count = write_mixtures(items, args.write_mixtures)
        say(f"{count} mixtures are written to {args.write_mixtures}.")
        return 0
    return _score(items, args)


def _score(items: dict, args: argparse.Namespace) -> int:
    from pvsd_modules.evaluation import evaluate, markdown
    from pvsd_modules.evaluation.measures import check_measures
    from pvsd_modules.evaluation.scoring import Settings
    from pvsd_modules.metrics import MEASURES

    if args.output is None:
        raise PvsdError("Name the table to write: --output scores.csv.")
    written = [args.output.with_suffix(suffix) for suffix in (".csv", ".json", ".md")]
    for path in (args.list, args.conditions, args.transcripts):
        if path is not None and path.resolve() in [x.resolve() for x in written]:
            raise PvsdError(f"{path} is read by this command: choose another --output.")
    if args.asr:
        if args.transcripts is None:
            raise PvsdError("--asr needs --transcripts, the words that are said.")
        if not args.trust:
            raise PvsdError(
                f"--asr builds what the YAML of {args.asr} says: add --trust if you "
                "trust its origin."
            )
        from pvsd_modules.evaluation.recognition import add_transcripts

        items = add_transcripts(items, args.transcripts)
    for path in (args.dnsmos, args.asr):
        if path not in (None, "speechmos") and not Path(path).exists():
            raise PvsdError(f"{path} does not exist: check its name.")
    measures = args.measures or (MEASURES if args.list or args.clean else ())
    settings = Settings(
        model=None if args.enhanced else str(args.model or DEFAULT_MODEL),
        lips=args.lips,
        engine=args.engine,
        device=args.device,
        measures=check_measures(measures, args.dnsmos or args.asr),
        noisy=args.list is not None or args.noisy is not None,
        save_folder=str(args.save_enhanced) if args.save_enhanced else None,
        dnsmos=args.dnsmos,
        asr=str(args.asr) if args.asr else None,
        trust=args.trust,
    )
    summary = evaluate(
        items, settings, args.output, workers=args.workers, overwrite=args.overwrite
    )
    say(markdown({**summary, "categories": [], "failures": {}}))
    say(f"Written: {', '.join(map(str, written))}")
    return report_failures(summary["failures"], len(items))


def report_failures(failures: dict[str, str], count: int) -> int:
    """Names on stderr what failed; the exit code."""
    for name, reason in list(failures.items())[:SHOWN]:
        complain(f"{name}: {reason}")
    if failures:
        complain(
            f"{len(failures)} of {count} recordings FAILED and count in no mean; "
            "the summary names them all."
        )
    return 1 if failures else 0


def _items(args: argparse.Namespace) -> dict:
    from pvsd_modules.evaluation.folders import (
        add_enhanced,
        match_folders,
        read_conditions,
    )
    from pvsd_modules.evaluation.lists import chosen, load_list

    if args.enhanced and (args.model or args.lips):
        raise PvsdError("Either --enhanced or --model and --lips: there is one system.")
    if args.list:
        if args.noisy or args.clean:
            raise PvsdError("Either --list or --noisy and --clean.")
        items = load_list(args.list, args.data_root, args.noise_root)
        items = chosen(items, args.snrs, args.items)
        return add_enhanced(items, args.enhanced) if args.enhanced else items
    if args.clean is None and (args.measures or not args.dnsmos):
        raise PvsdError(
            "Name the clean files with --clean DIR, or a --list; without them only "
            "--dnsmos is possible."
        )
    if args.noisy is None and args.enhanced is None:
        raise PvsdError("Name the noisy files with --noisy DIR, or --enhanced DIR.")
    conditions = read_conditions(args.conditions) if args.conditions else None
    items = match_folders(args.clean, args.noisy, args.enhanced, conditions)
    return chosen(items, args.snrs, args.items)


def _compare(args: argparse.Namespace) -> int:
    from pvsd_modules.evaluation import compare, read_scores
    from pvsd_modules.evaluation.markdown import comparison_table
    from pvsd_modules.evaluation.measures import measures_of
    from pvsd_modules.evaluation.table import save_json

    path_a, path_b = args.compare
    rows_a, rows_b = read_scores(path_a), read_scores(path_b)
    both = [name for name in measures_of(rows_a) if name in measures_of(rows_b)]
    names = [name for name in both if name in (args.measures or both)]
    if not names:
        common = ", ".join(both) or "none"
        raise PvsdError(
            f"{path_a} and {path_b} have no such measure in common, but: {common}."
        )
    if args.output and args.output.suffix.lower() != ".json":
        raise PvsdError(f"{args.output}: a comparison is written as a .json file.")
    if args.output and args.output.exists() and not args.overwrite:
        raise PvsdError(f"{args.output} exists: add --overwrite to replace it.")
    result = compare(rows_a, rows_b, names, cluster=args.cluster)
    say(f"A: {path_a}\nB: {path_b}\n\n{comparison_table(result)}")
    for name, only in (("A", result["only_a"]), ("B", result["only_b"])):
        if only:
            complain(f"{len(only)} recordings are in {name} alone.")
    if args.output:
        save_json(args.output, {"a": str(path_a), "b": str(path_b), **result})
        say(f"Written: {args.output}")
    return 0
