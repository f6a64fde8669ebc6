"""Steps that the training scripts share before their Brain starts."""

import random
import sys
from itertools import chain

import numpy as np
import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.distributed import ddp_init_group, run_on_main

from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.checkpoints.weights import StrictPretrainer
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.shards import open_store
from pvsd_modules.training.allocator import keep_freed_memory


def start_experiment(arguments: list[str]) -> tuple[dict, dict]:
    """Reads the command line and the YAML and creates the output folder.

    Arguments
    ---------
    arguments : list of str
        ``hparams.yaml --key value ...``, in SpeechBrain's form.

    Returns
    -------
    dict, dict
        Hyperparameters and run options.
    """
    keep_freed_memory()
    path, run_options, overrides = sb.parse_arguments(arguments)
    ddp_init_group(run_options)
    with open(path, encoding="utf-8") as file:
        hparams = load_hyperpyyaml(file, overrides)
    if "threads" in hparams:
        torch.set_num_threads(hparams["threads"])
    random.seed(hparams["seed"])
    np.random.seed(hparams["seed"])
    sb.create_experiment_directory(
        experiment_directory=hparams["output_folder"],
        hyperparams_to_save=path,
        overrides=overrides,
    )
    return hparams, run_options


def open_manifests(hparams: dict, names: list[str]) -> tuple[dict, AudioStore]:
    """Loads manifests and decodes every file they name; ranks share the work.

    Arguments
    ---------
    hparams : dict
        ``manifest_folder``, ``data_root``, ``noise_root`` and ``store_folder``.
    names : list of str
        Such as ``train_speech``.

    Returns
    -------
    dict, AudioStore
        Manifests by name, and the store of their audio.
    """
    manifests = {
        name: load_manifest(
            f"{hparams['manifest_folder']}/{name}.json",
            hparams["data_root"],
            hparams["noise_root"],
        )
        for name in names
    }
    keys = ("wav", "clean", "noise", "noisy")
    items = chain.from_iterable(manifest.values() for manifest in manifests.values())
    paths = {item[key] for item in items for key in keys if key in item}
    roots = hparams["data_root"], hparams["noise_root"]
    store = open_store(hparams["store_folder"], *roots)
    store.add(paths)
    return manifests, store


def evenly(manifest: dict, count: int) -> dict:
    """At most ``count`` items of a manifest, spread evenly over its order.

    Example
    -------
    >>> list(evenly({"a": 1, "b": 2, "c": 3, "d": 4}, 2))
    ['a', 'c']
    """
    keys = list(manifest)
    if count <= 0 or count >= len(keys):
        return manifest
    chosen = (keys[i * len(keys) // count] for i in range(count))
    return {key: manifest[key] for key in chosen}


def optional_pretrainer(networks: dict, paths: dict) -> StrictPretrainer | None:
    """A Pretrainer of those networks for which a checkpoint is named.

    Arguments
    ---------
    networks : dict
        Modules by name.
    paths : dict
        Weights files, checkpoint folders or output folders of trainings (of which the
        best checkpoint is taken) by the same names; None for networks that stay as
        they are.

    Returns
    -------
    Pretrainer or None
        None if no checkpoint is named.

    Raises
    ------
    PvsdError
        If there is no such checkpoint.
    """
    given = {
        name: str(best_checkpoint(path, name).resolve())
        for name, path in paths.items()
        if path
    }
    if not given:
        return None
    return StrictPretrainer(
        loadables={name: networks[name] for name in given}, paths=given
    )


def only_if(condition: bool, value):
    """``value`` where the condition holds, else None: a choice for a YAML file."""
    return value if condition else None


def load_pretrained(pretrainer: StrictPretrainer | None) -> None:
    """Loads what a Pretrainer names; the files are read where they are."""
    if pretrainer is not None:
        run_on_main(pretrainer.collect_files)
        pretrainer.load_collected()


def train(brain_class, hparams: dict, run_options: dict, datasets: dict) -> None:
    """Fits a Brain, or goes on with it, and scores the test set with its best state.

    Arguments
    ---------
    brain_class : type
        A PvsdBrain.
    hparams, run_options : dict
        What `start_experiment` gave, with the mixer.
    datasets : dict
        ``train``, ``valid`` and ``test``. The test is left out where the setting
        ``test_after_training`` says so.
    """
    brain = brain_class(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=run_options,
        checkpointer=hparams["checkpointer"],
    )
    brain.fit(
        hparams["epoch_counter"],
        datasets["train"],
        datasets["valid"],
        train_loader_kwargs=hparams["train_dataloader_opts"],
        valid_loader_kwargs=hparams["valid_dataloader_opts"],
    )
    if hparams.get("test_after_training", True):
        name, direction = brain.best
        brain.evaluate(
            datasets["test"],
            **{f"{direction}_key": name},
            test_loader_kwargs=hparams["valid_dataloader_opts"],
        )


def fail(error: Exception) -> None:
    """Ends a script with a sentence instead of a traceback."""
    print(f"Error: {error}", file=sys.stderr)
    sys.exit(2)
