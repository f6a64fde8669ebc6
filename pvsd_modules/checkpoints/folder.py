"""Tells whether a pretrained folder may be written."""

from pathlib import Path

from pvsd_modules.errors import PvsdError

_OURS = {"hyperparams.yaml", "README.md"}
_OURS |= {"student.ckpt", "denoiser.ckpt", "teacher.ckpt"}


def check_writable(folder: Path, overwrite: bool = False) -> None:
    """Raises a sentence if a pretrained folder may not be written there.

    Arguments
    ---------
    folder : Path
        Folder to make.
    overwrite : bool
        Whether it may replace an earlier pretrained folder. One that holds anything
        else is never replaced.

    Raises
    ------
    PvsdError
    """
    if folder.exists() and not folder.is_dir():
        raise PvsdError(f"{folder} is a file: name a folder to make.")
    held = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    if held and not overwrite:
        raise PvsdError(
            f"{folder} is not empty: choose another folder, or ask to overwrite it."
        )
    foreign = [name for name in held if name not in _OURS]
    if foreign:
        raise PvsdError(
            f"{folder} holds {foreign[0]}, which no conversion wrote: choose another "
            "folder."
        )
