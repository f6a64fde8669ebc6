"""Writes a model folder: settings, weights, card, and what SpeechBrain users expect."""

from collections.abc import Mapping
from pathlib import Path

import torch

from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import folder_written_whole

INTERFACE_FILE = "custom_interface.py"
_INTERFACE = '''"""Lets SpeechBrain load this folder or hub repository:

    from speechbrain.inference.interfaces import foreign_class

    enhancer = foreign_class(
        source="FOLDER_OR_HUB_ID",
        pymodule_file="custom_interface.py",
        classname="PseudoVisualEnhancement",
    )

`pip install pvsd` first.
"""

from pvsd_modules.inference import LipGenerator, PseudoVisualEnhancement

__all__ = ["LipGenerator", "PseudoVisualEnhancement"]
'''
_EXAMPLE = '''"""Enhances a recording: python example.py noisy.wav enhanced.wav"""

import sys
from pathlib import Path

from pvsd_modules.inference import PseudoVisualEnhancement

enhancer = PseudoVisualEnhancement.from_hparams(Path(__file__).resolve().parent)
enhancer.enhance_file(sys.argv[1], sys.argv[2])
'''
_OURS = {HPARAMS_FILE, "README.md", INTERFACE_FILE, "example.py", "__pycache__"}
_OURS |= {"student.ckpt", "denoiser.ckpt", "teacher.ckpt"}


def check_writable(folder: Path, overwrite: bool = False) -> None:
    """Raises a `PvsdError` if a model folder may not be written there: with
    ``overwrite`` it may replace an earlier model folder, but never one that holds
    anything else."""
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
            f"{folder} holds {foreign[0]}, which belongs to no model folder: choose "
            "another folder."
        )


def write_model(
    folder: Path, settings: str, weights: Mapping[str, dict], card: str
) -> Path:
    """Writes a model folder whole or not at all; ask `check_writable` first.

    Arguments
    ---------
    folder : Path
        Folder to make or to replace.
    settings : str
        YAML.
    weights : Mapping
        State dict of each network.
    card : str
        Markdown.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PvsdError
        If it cannot be written.
    """
    texts = {
        HPARAMS_FILE: settings,
        "README.md": card,
        INTERFACE_FILE: _INTERFACE,
        "example.py": _EXAMPLE,
    }
    with folder_written_whole(folder) as temporary:
        for name, state in weights.items():
            state = {key: value.contiguous() for key, value in state.items()}
            torch.save(state, temporary / f"{name}.ckpt")
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return folder
