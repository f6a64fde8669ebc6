"""Loads pretrained folders and hub models so that no wrong weights go unnoticed."""

import pickle
from pathlib import Path

import torch
from huggingface_hub.errors import HfHubHTTPError
from ruamel.yaml.error import YAMLError as RuamelError
from speechbrain.inference.interfaces import pretrained_from_hparams
from yaml import YAMLError

from pvsd_modules.checkpoints.find import HPARAMS_FILE, find_model
from pvsd_modules.errors import PvsdError

_BAD_WEIGHTS = (pickle.UnpicklingError, EOFError, OSError, RuntimeError, ValueError)
_BAD_FOLDER = (*_BAD_WEIGHTS, YAMLError, RuamelError, KeyError, TypeError)
_BAD_FOLDER += (AttributeError, ImportError)


def load_interface(
    cls: type,
    source: str | Path | None = None,
    hparams_file: str = HPARAMS_FILE,
    savedir: str | Path | None = None,
    **kwargs,
):
    """Make an inference interface of a pretrained model.

    A folder is read where it is: nothing is linked or copied, and `savedir` is not
    used. A hub id goes through SpeechBrain's `fetch`, into the hub's cache or into
    a sub-folder of ``savedir`` of its own, since `fetch` prefers files that it finds
    in its folder, even another model's. SpeechBrain only warns of parameters that
    are missing in a file or left over; here that is an error.

    Arguments
    ---------
    cls : type
        Subclass of `speechbrain.inference.interfaces.Pretrained`.
    source : str, Path or None
        See `pvsd_modules.checkpoints.find.find_model`; None for the default model.
    hparams_file : str
        Name of the YAML file.
    savedir : str, Path or None
        Where files of a hub are to lie.
    **kwargs : dict
        For `speechbrain.inference.interfaces.pretrained_from_hparams`.

    Returns
    -------
    cls

    Raises
    ------
    PvsdError
        When the model is not found, cannot be fetched or does not fit.
    """
    found = find_model(source)
    is_folder = isinstance(found, Path)
    if not is_folder and savedir is not None:
        savedir = Path(savedir) / found.replace("/", "--")
    try:
        model = pretrained_from_hparams(
            cls=cls,
            source=str(found),
            hparams_file=hparams_file,
            savedir=None if is_folder else savedir,
            **kwargs,
        )
        if model is not None:  # download_only gives None
            _check_weights(model.hparams.pretrainer)
        return model
    except HfHubHTTPError as error:
        raise _unreachable(found) from error
    except _BAD_FOLDER as error:
        if not is_folder:
            raise _unreachable(found) from error
        raise PvsdError(
            f"The model in {found} cannot be loaded: {_reason(found, error)} "
            "Is it complete, and made for this version?"
        ) from error


def _unreachable(source: str) -> PvsdError:
    return PvsdError(
        f"{source} is no folder here and could not be fetched from the Hugging Face "
        "hub: check the name and the connection, or name a local folder."
    )


def _reason(folder: Path, error: Exception) -> str:
    """What is wrong with a folder: a weight file that is none, or the error's words."""
    for path in sorted(folder.glob("*.ckpt")):
        try:
            torch.load(path, map_location="cpu", weights_only=True)
        except _BAD_WEIGHTS:
            return f"{path.name} is no file of weights, or is cut short."
    words = " ".join(str(error).split())[:300] or type(error).__name__
    words = f"{HPARAMS_FILE} lacks {words}" if isinstance(error, KeyError) else words
    return words if words.endswith(".") else f"{words}."


def _check_weights(pretrainer) -> None:
    """Every parameter came from the file, and every value of the file was used."""
    for name, path in pretrainer.paths.items():
        network = pretrainer.loadables[name]
        if name in pretrainer.custom_hooks or not isinstance(network, torch.nn.Module):
            continue
        stored = torch.load(path, map_location="cpu", weights_only=True)
        wrong = sorted(stored.keys() ^ network.state_dict().keys())
        if wrong:
            raise PvsdError(
                f"{path} does not fit the network of its {HPARAMS_FILE}: "
                f"{len(wrong)} parameters differ, such as {wrong[0]}."
            )
