"""The original code's checkpoints: loads them, makes pretrained folders of them.

The original's scripts save dictionaries with a ``state_dict`` beside the state of
the optimiser; names carry a ``module.`` in front when several GPUs were used.
"""

import hashlib
from functools import cache
from pathlib import Path

import torch
from torch import nn

from pvsd_modules.checkpoints.folder import check_writable, write_model
from pvsd_modules.checkpoints.settings import as_text, filled, templates
from pvsd_modules.checkpoints.weights import read_weights
from pvsd_modules.errors import PvsdError
from pvsd_modules.models.paper.av_denoiser import AVDenoiser
from pvsd_modules.models.paper.lip_student import LipStudent
from pvsd_modules.models.paper.wav2lip import Wav2Lip

NETWORKS = {"teacher": Wav2Lip, "student": LipStudent, "denoiser": AVDenoiser}
_ADAPTED = "network."  # where the adapters keep the paper's networks


def load_original(path: str | Path, network: str) -> nn.Module:
    """One of the paper's networks, in evaluation mode, from a file of the original
    code.

    ``path`` is a checkpoint as the original's training scripts save it, or a bare state
    dict; ``network`` says what it is meant to be: ``teacher`` (`Wav2Lip`), ``student``
    (`LipStudent`) or ``denoiser`` (`AVDenoiser`). Code in the file is never run. A
    `PvsdError` says if it is missing, damaged, or holds other weights.
    """
    if network not in NETWORKS:
        raise PvsdError(
            f"{network} is no network of the paper: choose {', '.join(NETWORKS)}."
        )
    weights = read_weights(path)
    _check_fit(path, weights, network)
    module = NETWORKS[network]()
    module.load_state_dict(weights)
    return module.eval()


def convert_original(
    student: str | Path,
    denoiser: str | Path,
    output_folder: str | Path,
    teacher: str | Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a folder that ``PseudoVisualEnhancement.from_hparams`` loads.

    The folder appears whole or not at all: everything is checked first, then
    written under another name beside it, then renamed.

    Arguments
    ---------
    student, denoiser : str or Path
        Checkpoints of the original code.
    output_folder : str or Path
        Folder to make; it must not hold anything yet.
    teacher : str or Path, optional
        Wav2Lip's checkpoint, for those who want to draw lips of clean speech.
    overwrite : bool
        Whether an earlier conversion in that folder may be replaced. A folder that
        holds anything else is never replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PvsdError
        If a checkpoint cannot be used, or the folder cannot be written.
    """
    folder = Path(output_folder)
    check_writable(folder, overwrite)
    sources = {"student": student, "denoiser": denoiser}
    if teacher is not None:
        sources["teacher"] = teacher
    networks = {name: load_original(path, name) for name, path in sources.items()}
    template = next(path for path in templates() if path.stem == "paper")
    settings = as_text(filled(template, {}, sources))
    weights = {
        name: {_ADAPTED + key: value for key, value in network.state_dict().items()}
        for name, network in networks.items()
    }
    return write_model(folder, settings, weights, _card(sources))


@cache
def _shapes(network: str) -> dict[str, torch.Size]:
    with torch.device("meta"):  # no memory, no time
        module = NETWORKS[network]()
    return {name: value.shape for name, value in module.state_dict().items()}


def _check_fit(path: str | Path, weights: dict, network: str) -> None:
    """Raises a sentence that says which network the weights look like."""
    found = {name: value.shape for name, value in weights.items()}
    if found == _shapes(network):
        return
    alike = {
        kind: len(found.items() & _shapes(kind).items()) / len(_shapes(kind))
        for kind in NETWORKS
    }
    nearest = max(alike, key=alike.get)
    if alike[nearest] < 0.5:
        raise PvsdError(
            f"{path} holds none of the paper's networks, where the {network} was "
            "wanted: check which file it is."
        )
    if nearest != network:
        raise PvsdError(
            f"{path} looks like the {nearest}, not like the {network}: give it as "
            f"the {nearest}, and another file as the {network}."
        )
    wrong = sorted(name for name, _ in found.items() ^ _shapes(network).items())
    raise PvsdError(
        f"{path} looks like the {network}, but {wrong[0]} is missing, unknown or of "
        "another shape: give weights of the unchanged network."
    )


def _card(sources: dict[str, str | Path]) -> str:
    """The model card: what was converted, and what is known of it."""
    rows = []
    for name, path in sources.items():
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        rows.append(f"| {name}.ckpt | `{Path(path).name}` | `{digest}` |")
    return _CARD.format(rows="\n".join(rows))


_CARD = """# Pseudo-visual speech denoising, the paper's networks

Converted with `pvsd convert` from checkpoints of the original code of Hegde,
Prajwal, Mukhopadhyay, Namboodiri and Jawahar, "Visual Speech Enhancement Without A
Real Visual Stream", WACV 2021.

| file | made of | SHA-256 of the original |
|---|---|---|
{rows}

## Use

    pvsd enhance --model FOLDER noisy.wav -o enhanced.wav

or in Python, `PseudoVisualEnhancement.from_hparams(source="FOLDER")` of
`pvsd_modules.inference`. FOLDER is where this file lies.

## What it is

English speech at 16 kHz. A student of 23.3 million parameters generates lips from the
noisy sound, a denoiser of 64.4 million cleans magnitude and phase with their help;
1 s is seen at once. No figure of quality was measured in the conversion.

## Licence

The weights keep the licence of whoever trained them; a conversion changes nothing
about that. Wav2Lip's own weights, and networks taught by them, are for research
only.
"""
