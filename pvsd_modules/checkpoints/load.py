"""Loads pretrained folders and hub models: no foreign class, no missing weight."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path

import torch
from huggingface_hub.errors import HfHubHTTPError
from hyperpyyaml import load_hyperpyyaml
from speechbrain.utils.fetching import FetchConfig, LocalStrategy, fetch
from torch.overrides import TorchFunctionMode

from pvsd_modules.checkpoints.find import HPARAMS_FILE, find_model, split_revision
from pvsd_modules.checkpoints.settings import (
    as_text,
    loadables,
    plain_settings,
    without_networks,
)
from pvsd_modules.checkpoints.trust import REMEDY, resolved_settings
from pvsd_modules.checkpoints.weights import put_weights, read_weights, strict_hooks
from pvsd_modules.errors import PvsdError

# What building objects of odd settings may raise.
_BAD_SETTINGS = (ValueError, KeyError, TypeError, AttributeError, ImportError)
_BAD_SETTINGS += (RuntimeError, OSError, IndexError, ArithmeticError, MemoryError)
#: Networks that enhancing does not need; they are loaded on request.
EXTRA_NETWORKS = ("teacher",)


def load_interface(
    cls: type,
    source: str | Path | None = None,
    hparams_file: str = HPARAMS_FILE,
    savedir: str | Path | None = None,
    trust: bool = False,
    extra_networks: bool = False,
    overrides: dict | str | None = None,
    overrides_must_match: bool = True,
    fetch_config: FetchConfig | None = None,
    local_strategy: LocalStrategy = LocalStrategy.SYMLINK,
    **kwargs,
):
    """Make an inference interface of a pretrained model.

    A folder is read where it is: nothing is linked or copied, and `savedir` is not
    used. A hub id goes through SpeechBrain's `fetch`, into the hub's cache or into
    a sub-folder of ``savedir`` of its own, since `fetch` prefers files that it finds
    in its folder, even another model's. Every file of weights is read once and must fit
    its network exactly.

    Arguments
    ---------
    cls : type
        `pvsd_modules.inference.base.LipInterface` or a subclass.
    source : str, Path or None
        See `pvsd_modules.checkpoints.find.find_model`; None for the default model.
    hparams_file : str
        Name of the YAML file.
    savedir : str, Path or None
        Where files of a hub are to lie.
    trust : bool
        Whether the YAML file may build and call anything, and weights may lie outside
        of the folder; see `pvsd_modules.checkpoints.trust`.
    extra_networks : bool
        Whether networks that enhancing does not need (the teacher) are loaded as well.
    overrides, overrides_must_match, fetch_config, local_strategy
        See `speechbrain.inference.interfaces.pretrained_from_hparams`.
    **kwargs : dict
        For ``cls``, such as ``run_opts``.

    Returns
    -------
    cls

    Raises
    ------
    PvsdError
        When the model is not found, cannot be fetched, does not fit, or would build
        what is not allowed.
    """
    found, revision = split_revision(find_model(source))
    fetch_config = fetch_config or FetchConfig(revision=revision)
    if isinstance(found, Path):
        savedir, get = None, partial(_in_folder, found, trust)
    else:
        savedir = savedir and Path(savedir) / found.replace("/", "--")
        options = {"local_strategy": local_strategy, "fetch_config": fetch_config}
        get = partial(_fetched, found, savedir, options)
    path = get(hparams_file)
    resolved = resolved_settings(path, overrides, overrides_must_match, trust)
    settings = plain_settings(resolved)
    if not extra_networks:
        without_networks(settings, EXTRA_NETWORKS)
    resolved = as_text(settings)
    try:
        if trust:
            hparams = load_hyperpyyaml(StringIO(resolved))
            pretrainer = hparams["pretrainer"]
            pretrainer.set_collect_in(savedir)
            pretrainer.add_custom_hooks(strict_hooks(pretrainer))
            pretrainer.collect_files(str(found), local_strategy, fetch_config)
            pretrainer.load_collected()
        else:
            hparams = _built_and_loaded(resolved, list(loadables(settings)), get)
        model = cls(modules=hparams["modules"], hparams=hparams, **kwargs)
        with suppress(PvsdError):  # an audio-only baseline has no stream
            model.make_stream()  # reads the settings of the stream
    except (*_BAD_SETTINGS, PvsdError) as error:
        if isinstance(error, PvsdError) and str(found) in str(error):
            raise
        words = " ".join(str(error).split())[:300] or type(error).__name__
        if isinstance(error, KeyError):
            words = f"{hparams_file} lacks {words}"
        raise PvsdError(
            f"The model in {found} cannot be loaded: {words.rstrip('.')}. "
            "Is it complete, and made for this version?"
        ) from error
    return model


def _in_folder(folder: Path, trust: bool, name: str) -> Path:
    """A file of a folder; links lead out of it only in the cache of the hub."""
    path = folder / name
    homes = [folder.resolve()]
    if folder.parent.name == "snapshots":
        homes.append(folder.resolve().parents[1] / "blobs")
    if not trust and not any(path.resolve().is_relative_to(home) for home in homes):
        raise PvsdError(f"{path} is a link out of the folder: {REMEDY}.")
    return path


def _fetched(source: str, savedir: Path | None, options: dict, name: str) -> Path:
    """A file of the Hugging Face hub."""
    try:
        return Path(fetch(name, source, savedir, **options))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise PvsdError(
            f"{source} is no folder here and its {name} could not be fetched from the "
            "Hugging Face hub: check the name and the connection, or name a local "
            "folder."
        ) from error


def _built_and_loaded(
    resolved: str, names: list[str], get: Callable[[str], Path]
) -> dict:
    """Hyperparameters with their networks, which are no larger than their weights."""
    paths = {name: get(f"{name}.ckpt") for name in names}
    weights = {name: read_weights(path) for name, path in paths.items()}
    stored = sum(v.numel() for state in weights.values() for v in state.values())
    with _Budget(stored):
        hparams = load_hyperpyyaml(StringIO(resolved))
    for name, network in hparams["pretrainer"].loadables.items():
        put_weights(network, weights.pop(name), paths[name], name)
    return hparams


class _Budget(TorchFunctionMode):
    """Stops networks that need far more memory than the weights beside them.

    Arguments
    ---------
    stored : int
        Values in the files of weights.
    """

    def __init__(self, stored: int):
        super().__init__()
        self.left = 50_000_000 + 10 * stored

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Counts what each function gives, also where that is its input."""
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.left -= result.numel()
            if self.left < 0:
                raise ValueError("its networks are much larger than its weights")
        return result
