"""Finds pretrained models: those that come with the package, folders and hub ids."""

import re
from pathlib import Path

from pvsd_modules.errors import PvsdError

DEFAULT_MODEL = "offline"
HPARAMS_FILE = "hyperparams.yaml"
_HUB_ID = r"\w[\w.-]*/[\w.-]+(@[\w.-]+)?"
_PRETRAINED = Path(__file__).resolve().parents[1] / "pretrained"


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in _PRETRAINED.glob(f"*/{HPARAMS_FILE}"))


def pretrained_folder(name: str = DEFAULT_MODEL) -> Path:
    """Folder of a model that comes with the package.

    Arguments
    ---------
    name : str
        Such as "offline".

    Raises
    ------
    PvsdError
        When there is no such model in this installation.
    """
    if name in shipped_models():
        return _PRETRAINED / name
    known = ", ".join(shipped_models()) or "none in this installation"
    raise PvsdError(
        f"There is no shipped model named {name} (shipped: {known}): name one of "
        "them, or a folder that holds a pretrained model."
    )


def find_model(source: str | Path | None = None) -> Path | str:
    """What a user's word for a model stands for.

    Arguments
    ---------
    source : str, Path or None
        Name of a shipped model, a folder, or an id ``owner/name@revision`` of the
        Hugging Face hub; None for the default. A bare name is a shipped model if there
        is one (write ``./name`` for a folder of the same name).

    Returns
    -------
    Path or str
        A folder that holds hyperparams.yaml, or a hub id as it was given.

    Raises
    ------
    PvsdError
        When it is none of these.
    """
    if source is None:
        return pretrained_folder()
    if str(source) in shipped_models():
        return pretrained_folder(str(source))
    folder = Path(source)
    if folder.is_dir():
        if not (folder / HPARAMS_FILE).is_file():
            raise PvsdError(
                f"{folder} holds no {HPARAMS_FILE}: name the folder of a pretrained "
                "model (`pvsd convert` makes one of original checkpoints)."
            )
        return folder
    if folder.exists():
        raise PvsdError(f"{folder} is a file: name the folder of a pretrained model.")
    # "models/mine" beside a folder "models" is meant as a folder, not as a hub id.
    is_local = folder.parent != Path(".") and folder.parent.is_dir()
    is_id = isinstance(source, str) and re.fullmatch(_HUB_ID, source)
    if is_id and not is_local:
        return source
    if "/" not in str(source):
        return pretrained_folder(str(source))  # says which names there are
    raise PvsdError(f"The model folder {folder} does not exist: check its name.")


def split_revision(found: Path | str) -> tuple[Path | str, str | None]:
    """Parts what `find_model` gives into a folder or hub id and a revision.

    A revision (a commit, a tag) says which version is loaded, whatever the owner of the
    id does later.

    Example
    -------
    >>> split_revision("owner/name@1a2b3c")
    ('owner/name', '1a2b3c')
    """
    if isinstance(found, Path):
        return found, None
    name, _, revision = found.partition("@")
    return name, revision or None


def model_name(source: str) -> str:
    """What a table says of a model: its name, without the folders of this machine.

    Example
    -------
    >>> model_name("/home/me/results/my_model"), model_name("offline")
    ('my_model', 'offline')
    """
    return Path(source).name if "/" in source else source
