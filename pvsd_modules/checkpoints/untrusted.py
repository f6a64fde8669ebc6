"""Reads weights out of a file that nobody vouches for.

Nothing but tensors is read, whatever the file holds; what is wrong with it is told
in a sentence.
"""

import pickle
from pathlib import Path

import torch

from pvsd_modules.errors import PvsdError


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Reads the state dict of a checkpoint, without a leading ``module.``.

    Arguments
    ---------
    path : str or Path
        A checkpoint or a bare state dict.

    Returns
    -------
    dict
        Tensors by name, on the CPU.

    Raises
    ------
    PvsdError
        If the file is missing, damaged, no checkpoint, or would run code.
    """
    path = Path(path)
    content = _read(path)
    if isinstance(content, dict) and "state_dict" in content:
        content = content["state_dict"]
    is_state = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor)
        for name, value in content.items()
    )
    if not is_state or not content:
        raise PvsdError(
            f"{path} holds no weights of a network: give a checkpoint that the "
            "original training code saved."
        )
    return {name.removeprefix("module."): value for name, value in content.items()}


def _read(path: Path):
    """What a file holds, or a sentence about what is wrong with it."""
    if path.is_dir():
        raise PvsdError(f"{path} is a folder: name the checkpoint file in it.")
    if not path.exists():
        raise PvsdError(f"{path} does not exist: check the name of the checkpoint.")
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError as error:
        raise PvsdError(
            f"{path} cannot be read ({error.strerror}): check its permissions."
        ) from error
    if not start:
        raise PvsdError(f"{path} is empty: download the checkpoint again.")
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise PvsdError(
            f"{path} is a web page, not a checkpoint: download the file itself, "
            "not the page that links to it."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged pickle can raise anything at all; each is the same to the user.
    except Exception as error:
        raise PvsdError(_why_unreadable(path, start, error)) from error


def _why_unreadable(path: Path, start: bytes, error: Exception) -> str:
    refused = ("unsupported global", "trying to call reduce", "allowlisted")
    if isinstance(error, pickle.UnpicklingError) and any(
        words in str(error).lower() for words in refused
    ):
        return (
            f"{path} holds more than weights and could run code of a stranger, so it "
            "was not opened: get the checkpoint from a source you trust."
        )
    # Zip archives, and the pickles of PyTorch before 1.6.
    if start.startswith((b"PK", b"\x80")):
        return f"{path} is damaged or was not downloaded to its end: download it again."
    return f"{path} is not a PyTorch checkpoint: give a .pth or .pt file."
