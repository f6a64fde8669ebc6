"""Makes a model folder, ready for a hub, of what training runs left."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import torch
from hyperpyyaml import load_hyperpyyaml
from ruamel.yaml.comments import CommentedBase, TaggedScalar

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.checkpoints.card import Card
from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.checkpoints.folder import check_writable, write_model
from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.checkpoints.settings import (
    as_text,
    filled,
    loadables,
    plain_settings,
    templates,
)
from pvsd_modules.checkpoints.trust import ALLOWED, resolved_settings
from pvsd_modules.checkpoints.weights import put_weights, read_weights
from pvsd_modules.errors import PvsdError
from pvsd_modules.synthetic.speech import utter

#: The most that half precision may change the output, of a full scale of 1.
TOLERANCE = 1e-3
_PLAIN = (bool, int, float, str, type(None))


def export(
    networks: Mapping[str, str | Path],
    output_folder: str | Path,
    template: str | Path | None = None,
    card: Card | None = None,
    overwrite: bool = False,
    live: bool = False,
    half: bool = False,
    allow_unvalidated: bool = False,
) -> Path:
    """Writes a folder that ``PseudoVisualEnhancement.from_hparams`` loads.

    The kind of model, its sizes and other arguments are those that the training runs
    were started with; all weights must fit them.

    Arguments
    ---------
    networks : Mapping
        Sources of ``student``, ``denoiser`` and optionally ``teacher`` and
        ``mouth_reader``, see `pvsd_modules.checkpoints.runs.best_checkpoint`.
    output_folder : str or Path
        Folder to make.
    template : str or Path or None
        Settings to fill in, for networks of other classes than those in
        hparams/pretrained; None for the file there that fits.
    card : Card or None
        What is known of the model, for its README.md.
    overwrite : bool
        Whether an earlier model folder may be replaced.
    live : bool
        For live sound: files are then enhanced just as streams are, without
        `pvsd_modules.inference.observation.ObservationAdding`.
    half : bool
        Whether weights are stored in half precision.
    allow_unvalidated : bool
        Whether a checkpoint from the middle of an epoch may be taken.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PvsdError
        If a network is missing or does not fit, if half precision changes the output
        by more than `TOLERANCE`, or if the folder cannot be written.
    """
    for name in ("student", "denoiser"):
        if name not in networks:
            raise PvsdError(f"The model needs a {name}: name its source.")
    folder = Path(output_folder)
    check_writable(folder, overwrite)
    paths = {
        name: best_checkpoint(path, name, allow_unvalidated)
        for name, path in networks.items()
    }
    weights = {name: read_weights(path) for name, path in paths.items()}
    runs = {name: _network_of_run(path, name) for name, path in paths.items()}
    overrides = {name: _plain_arguments(run) for name, run in runs.items()}
    if live:
        overrides["observation_adding"] = {"share": 0.0}
    settings, hparams = _fitting(template, runs, overrides, weights, paths)
    modules = hparams["modules"]
    if "mouth_reader" in weights:
        if "teacher" not in weights:
            raise PvsdError("A mouth reader was trained with a teacher: name it, too.")
        reader = modules["mouth_reader"]
        reader.change_mouth(modules["teacher"].decoder, modules["student"].decoder)
        weights["mouth_reader"] = _halved(reader.state_dict())
    if half:
        _round(modules, weights, paths)
    elif "teacher" in weights:  # enhancing never runs it
        weights["teacher"] = _halved(weights["teacher"])
    settings["latency_ms"] = _latency_ms(hparams)
    text = (card or Card()).text(settings, weights)
    return write_model(folder, as_text(settings), weights, text)


def _latency_ms(hparams: dict) -> float | None:
    """Of a live stream; None for a model that cannot be streamed."""
    networks = (hparams["modules"].get(name) for name in ("student", "denoiser"))
    try:
        stream = hparams["stream"](*networks, lips=hparams["lips"])
    except PvsdError:
        return None
    return 1000 * stream.latency_samples / SAMPLE_RATE


def _network_of_run(weights: Path, name: str) -> dict | None:
    """What a run's, or a model's, settings say of the network, as plain data."""
    # <run>/save/CKPT.../denoiser.ckpt, or <model>/denoiser.ckpt
    places = (place / HPARAMS_FILE for place in weights.absolute().parents[:3])
    path = next((path for path in places if path.is_file()), None)
    if path is None:
        return None
    found = plain_settings(resolved_settings(path, trust=True)).get(name)
    return found if isinstance(found, dict) else None


def _plain_arguments(network: dict | None) -> dict:
    """Numbers, words, switches, lists and activations.

    What is left out (such as another network) comes from the template: the weights tell
    whether that was right.
    """
    return {key: value for key, value in (network or {}).items() if _is_plain(value)}


def _is_plain(value) -> bool:
    tag = (_tag(value) or "!new:torch.nn.Identity").partition(":")
    if tag[0] not in ("!new", "!name") or tag[2] not in ALLOWED:
        return False
    if isinstance(value, list | dict):
        children = value.values() if isinstance(value, dict) else value
        return all(map(_is_plain, children))
    return isinstance(value, (*_PLAIN, TaggedScalar))


def _tag(value) -> str | None:
    """Such as ``!new:torch.nn.ReLU``."""
    return value.tag.value if isinstance(value, CommentedBase) else None


def _fitting(template, runs: dict, overrides: dict, weights: dict, paths: dict):
    """The settings, of those that build the runs' classes, that the weights fit."""
    tried = []
    for path in templates() if template is None else [template]:
        settings = filled(path, overrides, weights)
        missing = [name for name in weights if name not in loadables(settings)]
        other = [
            name
            for name, run in runs.items()
            if run is not None and _tag(run) != _tag(settings.get(name))
        ]
        if missing or other:
            continue
        hparams = load_hyperpyyaml(StringIO(as_text(settings)))
        try:
            for name, network in hparams["pretrainer"].loadables.items():
                put_weights(network.eval(), weights[name], paths[name], name)
        except PvsdError as error:
            tried.append(error)
            continue
        return settings, hparams
    if tried:
        raise tried[0]
    classes = ", ".join(f"{name} {_tag(run)}" for name, run in runs.items())
    raise PvsdError(
        f"No settings in hparams/pretrained build these networks together ({classes}): "
        "take networks of one family, or give --template with settings of your own."
    )


def _halved(state: dict) -> dict:
    return {
        key: value.half() if value.is_floating_point() else value
        for key, value in state.items()
    }


def _round(modules: Mapping, weights: dict, paths: dict) -> None:
    """Rounds all weights to half precision, if the output stays what it is."""
    before = _output(modules)
    for name in weights:
        weights[name] = _halved(weights[name])
        put_weights(modules[name], weights[name], paths[name], name)
    change = float((_output(modules) - before).abs().max())
    if change > TOLERANCE:
        raise PvsdError(
            f"{paths['denoiser']}: half precision changes the output by {change:.1e}, "
            f"more than {TOLERANCE:.0e}: export without --half."
        )


@torch.no_grad()
def _output(modules: Mapping) -> torch.Tensor:
    """Two seconds of synthetic noisy speech through the networks."""
    clean = torch.from_numpy(utter(2.0, speaker=0, seed=0).wave)
    noise = torch.randn(len(clean), generator=torch.Generator().manual_seed(0))
    noisy = (clean + clean.std() * noise)[None]  # [1, time], at 0 dB
    return modules["denoiser"](noisy, modules["student"](noisy))["enhanced"]
