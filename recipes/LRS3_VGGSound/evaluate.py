#!/usr/bin/env python3
"""Score a model on a fixed list: PESQ, STOI, ESTOI, SI-SDR, before and after.

    python evaluate.py ../../hparams/evaluate.yaml --manifest_folder M --data_root D \
        --model FOLDER --output_folder OUT

Writes scores.csv (a row a recording), scores.json and scores.md. Interrupted, the
same command goes on where it stopped.
"""

import sys

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import Settings, evaluate, markdown
from pvsd_modules.recipe import evenly, fail, open_manifests, start_experiment


def choose(manifest, snrs, count):
    """The items that have one of the SNRs, and of these ``count``, evenly spread.

    Arguments
    ---------
    manifest : dict
        Mixtures or pairs.
    snrs : list of float or None
        None for all.
    count : int
        0 for all.

    Returns
    -------
    dict
    """
    if snrs is not None:
        wanted = {float(snr) for snr in snrs}
        manifest = {
            name: item
            for name, item in manifest.items()
            if "snr" in item and float(item["snr"]) in wanted
        }
    return evenly(manifest, count)


def main(arguments):
    """Scores and prints the table."""
    hparams, run_options = start_experiment(arguments)
    names = [hparams["list"]]
    if hparams["lips"] == "real":
        names.append(hparams["faces"])
    manifests, _ = open_manifests(hparams, names)
    settings = Settings(
        model=str(hparams["model"]),
        lips=hparams["lips"],
        store_folder=str(hparams["store_folder"]),
        engine=hparams["engine"],
        device=run_options.get("device") or "cpu",
    )
    summary = evaluate(
        choose(manifests[hparams["list"]], hparams["snrs"], hparams["items"]),
        settings,
        f"{hparams['output_folder']}/scores.csv",
        manifests.get(hparams["faces"]),
        hparams["workers"],
    )
    print(markdown(summary), end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PvsdError as error:
        fail(error)
