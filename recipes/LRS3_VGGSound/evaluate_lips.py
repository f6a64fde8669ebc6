#!/usr/bin/env python3
"""Score the lips that a model draws, against its teacher's and against real video.

    python evaluate_lips.py ../../hparams/evaluate_lips.yaml --manifest_folder M \
        --data_root D --faces_root FACES --model FOLDER --output_folder OUT

Writes lips.csv (a row a clip), lips.json and lips.md (by SNR), and sheets of the lips
of a few clips: lips_teacher.png, lips_real.png.
"""

import csv
import io
import sys
from pathlib import Path

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.seed import seed_everything

from pvsd_modules.checkpoints.find import model_name
from pvsd_modules.commands.common import say
from pvsd_modules.errors import exit_on_error
from pvsd_modules.evaluation.lip_evaluation import LipScorer, clips, evaluate_lips
from pvsd_modules.evaluation.lip_scores import COLUMNS, summarise_lips
from pvsd_modules.evaluation.syncnet import load_syncnet
from pvsd_modules.evaluation.table import save_json, save_text
from pvsd_modules.inference import LipGenerator
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.plots import save_lip_sheet
from pvsd_modules.report.lips import lips_markdown
from pvsd_modules.training.experiment import evenly, open_manifests


def make_scorer(hparams, device):
    """The model's lip networks, ready to be scored."""
    run_options = {"device": device}
    options = {"run_opts": run_options, "trust": hparams["trust"]}
    model = LipGenerator.from_hparams(
        str(hparams["model"]), extra_networks=True, **options
    )
    model.eval()
    names = ("student", "teacher")
    networks = {name: model.mods[name] for name in names if name in model.mods}
    syncnet = load_syncnet(hparams["syncnet"]) if hparams["syncnet"] else None
    scorer = LipScorer(networks, hparams["deviations"], syncnet, device)
    for comparison in hparams["comparisons"]:
        scorer.check(comparison)
    return scorer


def open_lists(hparams):
    """What each comparison needs: its items, their sound, and their faces.

    ``{"teacher": (items, store, None), "real": (items, store, faces)}``, without what
    no comparison asks for.
    """
    references = {comparison.split("-")[1] for comparison in hparams["comparisons"]}
    lists = {}
    if "teacher" in references:
        manifests, store = open_manifests(
            hparams["manifest_folder"],
            [hparams["list"]],
            hparams["store_folder"],
            hparams["data_root"],
            hparams["noise_root"],
        )
        lists["teacher"] = (manifests[hparams["list"]], store, None)
    if "real" in references:
        name = hparams["real_list"] or hparams["faces"]
        names = list(dict.fromkeys([name, hparams["faces"]]))
        manifests, store = open_manifests(
            hparams["manifest_folder"],
            names,
            hparams["faces_store_folder"],
            hparams["faces_root"],
            hparams["noise_root"],
            hparams["faces_root"],
        )
        lists["real"] = (manifests[name], store, manifests[hparams["faces"]])
    return lists


def write(folder, rows, summary):
    """Writes the rows and the summary, each whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: round(x, 6) if isinstance(x, float) else x for k, x in row.items()}
        )
    save_text(folder / "lips.csv", text.getvalue())
    save_json(folder / "lips.json", summary)
    save_text(folder / "lips.md", lips_markdown(summary))


def main(arguments):
    """Scores and prints the table."""
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
    scorer = make_scorer(hparams, run_options.get("device") or "cpu")
    lists = open_lists(hparams)
    folder, rows, sheets = Path(hparams["output_folder"]), [], {}
    for comparison in hparams["comparisons"]:
        reference = comparison.split("-")[1]
        items, store, faces = lists[reference]
        items = evenly(items, hparams["items"])
        snrs = hparams["snrs"]
        mixed = sum(len(snrs) if snrs and "snr" in x else 1 for x in items.values())
        source = clips(items, store, faces, snrs)
        scored, kept = evaluate_lips(
            scorer, comparison, source, mixed, hparams["shown"]
        )
        rows += scored
        for name, lips in kept.items():  # the same clips in every comparison
            sheets.setdefault(reference, {}).setdefault(name, {}).update(lips)
    for reference, sheet in sheets.items():
        with written_whole(folder / f"lips_{reference}.png") as temporary:
            save_lip_sheet(sheet, temporary)
    name = model_name(str(hparams["model"]))
    summary = {"model": name, "comparisons": summarise_lips(rows)}
    write(folder, rows, summary)
    say(lips_markdown(summary).rstrip())


if __name__ == "__main__":
    with exit_on_error():
        main(sys.argv[1:])
