"""Reads and loads weights strictly: every value is expected, and none is missing.

Nothing but tensors is read, whatever a file holds; what is wrong with it is said in one
sentence. SpeechBrain's own transfer only warns of missing and unknown parameters.
"""

import pickle
import zipfile
from functools import partial
from pathlib import Path

import torch
from speechbrain.utils.parameter_transfer import Pretrainer

from pvsd_modules.errors import PvsdError


def load_weights(network: torch.nn.Module, path: str | Path, name: str) -> None:
    """Loads a file of weights into a network that it fits exactly.

    Arguments
    ---------
    network : torch.nn.Module
        Its parameters and buffers are replaced; they keep their data type and device.
    path : str or Path
        A checkpoint or a bare state dict.
    name : str
        What the network is, such as ``student``, for the message.

    Raises
    ------
    PvsdError
        If the file cannot be read, or if a value is missing, unknown, of another shape
        or not finite. The network is then unchanged.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "student.ckpt"
    >>> torch.save(torch.nn.Linear(2, 3).state_dict(), path)
    >>> load_weights(torch.nn.Linear(2, 3), path, "student")
    """
    put_weights(network, read_weights(path), path, name)


def put_weights(
    network: torch.nn.Module, stored: dict, path: str | Path, name: str
) -> None:
    """Does what `load_weights` does, with the weights ``stored`` that `read_weights`
    gave."""
    wanted = network.state_dict()
    differences = _differences(stored, wanted)
    if differences:
        raise PvsdError(
            f"{path} does not fit the {name} ({type(network).__name__}, "
            f"{len(wanted)} values): {'; '.join(differences)}. Give weights of this "
            "network, or the sizes that they were trained with."
        )
    bad = [key for key, value in stored.items() if not _is_finite(value)]
    if bad:
        raise PvsdError(
            f"{path} holds numbers that are not finite, such as in {bad[0]}: take "
            f"another checkpoint of the {name}."
        )
    network.load_state_dict(stored)


def _differences(stored: dict, wanted: dict) -> list[str]:
    """What a file lacks, what it has too much, and what has another shape."""
    found = []
    missing = [key for key in wanted if key not in stored]
    unknown = [key for key in stored if key not in wanted]
    other = [
        key
        for key, value in stored.items()
        if key in wanted and value.shape != wanted[key].shape
    ]
    if missing:
        found.append(f"{len(missing)} missing, such as {missing[0]}")
    if unknown:
        found.append(f"{len(unknown)} unknown, such as {unknown[0][:100]}")
    if other:
        shapes = [list(state[other[0]].shape) for state in (stored, wanted)]
        found.append(
            f"{len(other)} of another shape, such as {other[0]}, which is {shapes[0]} "
            f"where {shapes[1]} is expected"
        )
    return found


def _is_finite(value: torch.Tensor) -> bool:
    return not value.is_floating_point() or bool(torch.isfinite(value).all())


class StrictPretrainer(Pretrainer):
    """SpeechBrain's Pretrainer that loads networks with `load_weights`.

    Arguments
    ---------
    See `speechbrain.utils.parameter_transfer.Pretrainer`.
    """

    def load_collected(self) -> None:
        """Loads the collected files; raises PvsdError where one does not fit."""
        self.add_custom_hooks(strict_hooks(self))
        super().load_collected()


def strict_hooks(pretrainer: Pretrainer) -> dict:
    """Hooks that load the networks of any Pretrainer with `load_weights`.

    Returns
    -------
    dict
        For its ``add_custom_hooks``; loadables that are no networks have none.
    """
    return {
        name: partial(load_weights, name=name)
        for name, network in pretrainer.loadables.items()
        if isinstance(network, torch.nn.Module)
    }


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
        isinstance(name, str) and isinstance(value, torch.Tensor) and _is_plain(value)
        for name, value in content.items()
    )
    if not is_state or not content:
        raise PvsdError(
            f"{path} holds no weights of a network: give a checkpoint that training "
            "saved."
        )
    return {name.removeprefix("module."): value for name, value in content.items()}


def _is_plain(value: torch.Tensor) -> bool:
    """Neither sparse nor quantised nor without data."""
    return (
        value.layout is torch.strided
        and not value.is_quantized
        and value.device.type == "cpu"
    )


def _read(path: Path):
    """What a file holds, or a sentence about what is wrong with it."""
    if path.is_dir():
        raise PvsdError(f"{path} is a folder: name the checkpoint file in it.")
    if not path.exists():
        raise PvsdError(f"{path} does not exist: check the name of the checkpoint.")
    if not path.is_file():  # reading a pipe or a device may never end
        raise PvsdError(f"{path} is a pipe or a device: name a checkpoint file.")
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
    if _is_compressed(path):
        raise PvsdError(
            f"{path} is a compressed archive, which PyTorch does not write: give the "
            "checkpoint file itself."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged pickle can raise anything at all; each is the same to the user.
    except Exception as error:
        raise PvsdError(_why_unreadable(path, start, error)) from error


def _is_compressed(path: Path) -> bool:
    """A small compressed archive may hold more than the memory does."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(item.compress_type for item in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False  # damaged, or of the format before archives


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
