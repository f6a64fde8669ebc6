#!/usr/bin/env python3
"""Write the results into the texts: README.md, this folder's README.md, model cards.

    python results.py            # writes them, and the learning curves
    python results.py --check    # exit code 1 where a text is not what the data say

Every number between <!-- results:NAME --> and <!-- /results:NAME --> comes from the
tables beside the shipped models: scores.csv, controls/*.csv and grid/*.csv (by
evaluate.py), lips.json (evaluate_lips.py), benchmark.json (pvsd benchmark), the logs
training/*.txt, and benchmark_paper.json in this folder. Nothing between them is
written by hand.
"""

import argparse
import os
import sys
from pathlib import Path

from pvsd_modules.checkpoints.find import DEFAULT_MODEL
from pvsd_modules.commands.common import say
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.report.curves import save_curves
from pvsd_modules.report.front_page import models_table
from pvsd_modules.report.markers import filled, part_names
from pvsd_modules.report.overview import model_overview
from pvsd_modules.report.sections import SECTIONS, speed_section

ROOT = Path(__file__).resolve().parents[2]
RECIPE = "recipes/LRS3_VGGSound"
NEEDED = ("scores", "controls", "lips")  # parts that no model card may lack


def models(root):
    """The folders of the shipped models, the default one first.

    Arguments
    ---------
    root : Path
        Of the checkout.

    Returns
    -------
    list of Path
    """
    found = (root / "pvsd_modules" / "pretrained").glob("*/hyperparams.yaml")
    folders = [path.parent for path in found]
    return sorted(
        folders, key=lambda folder: (folder.name != DEFAULT_MODEL, folder.name)
    )


def overview(root, text):
    """What a text outside the model folders can name: functions of nothing by part's
    name."""

    links = {m: Path(os.path.relpath(m, text.parent)).as_posix() for m in models(root)}

    def all_models():
        """The tables of all shipped models."""
        return "\n".join(model_overview(m, link) for m, link in links.items())

    def paper_speed():
        """What the paper's networks cost."""
        return speed_section(root / RECIPE, "benchmark_paper.json")

    return {
        "models": all_models,
        "models-table": lambda: models_table(links),
        "paper-speed": paper_speed,
    }


def texts(root):
    """By path what every text is, and what it should be."""
    wanted = {}
    for path in (root / "README.md", root / RECIPE / "README.md"):
        wanted[path] = overview(root, path)
    for folder in models(root):
        wanted[folder / "README.md"] = {
            name: lambda make=make, folder=folder: make(folder)
            for name, make in SECTIONS.items()
        }
    made = {}
    for path, parts in wanted.items():
        text = path.read_text(encoding="utf-8")
        needed = NEEDED if path.parent.parent.name == "pretrained" else ()
        for name in needed:
            if name not in part_names(text):
                raise PvsdError(
                    f"{path} has no part <!-- results:{name} --> to "
                    f"<!-- /results:{name} -->: put the two comments where it belongs."
                )

        def make(name, parts=parts, path=path):
            """The text of a part."""
            if name not in parts:
                raise PvsdError(
                    f"{path} asks for results:{name}, which is unknown there: choose "
                    f"{', '.join(parts)}."
                )
            return parts[name]()

        made[path] = (text, filled(text, make, path))
    return made


def missing_curves(root):
    """Training logs without a learning curve beside them."""
    logs = (log for m in models(root) for log in sorted(m.glob("training/*.txt")))
    return [log for log in logs if not log.with_suffix(".png").is_file()]


def check(root):
    """Names what is not as the data say, and returns the exit code."""
    wrong = [path for path, (now, wanted) in texts(root).items() if now != wanted]
    for path in wrong:
        print(f"{path} does not agree with the data: run results.py.", file=sys.stderr)
    for log in missing_curves(root):
        print(f"{log} has no learning curve: run results.py.", file=sys.stderr)
        wrong.append(log)
    return 1 if wrong else 0


def write(root):
    """Writes the texts that changed, and the learning curves."""
    for folder in models(root):
        for log in sorted(folder.glob("training/*.txt")):
            with written_whole(log.with_suffix(".png")) as temporary:
                save_curves(log, temporary)
    for path, (now, wanted) in texts(root).items():
        if now != wanted:
            with written_whole(path) as temporary:
                temporary.write_text(wanted, encoding="utf-8")
            say(str(path))
    return 0


def main(arguments=None):
    """Runs from the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    args = parser.parse_args(arguments)
    return check(args.root) if args.check else write(args.root)


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main())
