#!/usr/bin/env python3
"""Score a model, or several systems side by side, on a fixed list of recordings.

    python evaluate.py ../../hparams/evaluate.yaml --manifest_folder M --data_root D \
        --model FOLDER --output_folder OUT
    python evaluate.py ../../hparams/protocols/open.yaml --data_root D

The first writes scores.csv (a row a recording), scores.json and scores.md, the second
these for each system, and results.json and results.md with all of them. Interrupted,
the same command goes on where it stopped.
"""

import sys
from dataclasses import replace
from pathlib import Path

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.seed import seed_everything

from pvsd_modules.commands.common import say
from pvsd_modules.commands.evaluate import report_failures
from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.evaluation import Settings, evaluate, markdown
from pvsd_modules.evaluation.folders import match_folders, read_conditions
from pvsd_modules.evaluation.lists import chosen, load_list
from pvsd_modules.evaluation.markdown import side_by_side
from pvsd_modules.evaluation.measures import check_measures
from pvsd_modules.evaluation.protocol import evaluate_systems
from pvsd_modules.metrics import MEASURES

HERE = Path(__file__).resolve().parent


def manifest_path(name, hparams):
    """The file of a list: a path, here or beside this script, or a manifest's name."""
    if str(name).endswith(".json"):
        path = Path(name)
        return path if path.is_file() or path.is_absolute() else HERE / path
    folder = hparams.get("manifest_folder")
    if folder is None:
        raise PvsdError(f"{name} is a manifest's name: give --manifest_folder, too.")
    return Path(folder, f"{name}.json")


def load_items(hparams):
    """The recordings that the YAML asks for, of a list or of two folders."""
    roots = (str(hparams["data_root"]), str(hparams["noise_root"]))
    if hparams.get("noisy"):
        conditions = hparams.get("conditions")
        known = read_conditions(conditions) if conditions else None
        items = match_folders(hparams["clean"], hparams["noisy"], conditions=known)
    else:
        items = load_list(manifest_path(hparams["list"], hparams), *roots)
    if hparams.get("transcripts"):
        from pvsd_modules.evaluation.recognition import add_transcripts

        items = add_transcripts(items, hparams["transcripts"])
    return chosen(items, hparams["snrs"], hparams["items"])


def load_faces(hparams, systems):
    """The talking faces, where a system reads the lips of the video."""
    if not any(system.get("lips") == "real" for system in systems):
        return None
    path = manifest_path(hparams["faces"], hparams)
    return load_manifest(path, str(hparams["data_root"]))


def named_systems(hparams):
    """The systems of a protocol, with the user's folder of enhanced files if any."""
    systems = dict(hparams["systems"])
    if hparams.get("enhanced"):
        systems[Path(hparams["enhanced"]).name] = {"enhanced": hparams["enhanced"]}
    return systems


def main(arguments):
    """Scores, prints the table, and gives the exit code."""
    hparams_file, run_options, overrides = sb.parse_arguments(arguments)
    with open(hparams_file, encoding="utf-8") as fin:
        hparams = load_hyperpyyaml(fin, overrides)
    torch.set_num_threads(hparams["threads"])
    seed_everything(hparams["seed"])
    sb.create_experiment_directory(
        experiment_directory=hparams["output_folder"],
        hyperparams_to_save=hparams_file,
        overrides=overrides,
    )
    names = hparams.get("measures") or list(MEASURES)
    common = Settings(
        store_folder=str(hparams["store_folder"]) if hparams["store_folder"] else None,
        engine=hparams["engine"],
        device=run_options.get("device") or "cpu",
        measures=check_measures(names),
        dnsmos=hparams.get("dnsmos"),
        asr=hparams.get("asr"),
        trust=hparams.get("trust", False),
    )
    machinery = {"workers": hparams["workers"], "overwrite": hparams["overwrite"]}
    folder = Path(hparams["output_folder"])
    items = load_items(hparams)
    if "systems" in hparams:
        systems = named_systems(hparams)
        faces = load_faces(hparams, systems.values())
        machinery["cluster"] = hparams["cluster"]
        found = evaluate_systems(items, systems, common, folder, faces, **machinery)
        say(side_by_side(found["systems"], found["comparisons"]).rstrip())
        codes = [
            report_failures(summary["failures"], len(items))
            for summary in found["systems"].values()
        ]
        return max(codes)
    faces = load_faces(hparams, [hparams])
    settings = replace(common, model=str(hparams["model"]), lips=hparams["lips"])
    summary = evaluate(items, settings, folder / "scores.csv", faces, **machinery)
    say(markdown({**summary, "categories": [], "failures": {}}).rstrip())
    return report_failures(summary["failures"], len(items))


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main(sys.argv[1:]))
