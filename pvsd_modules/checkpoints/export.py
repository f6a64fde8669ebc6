"""Makes a model folder from training runs."""

import re
import shutil
from pathlib import Path

import torch

from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.checkpoints.folder import check_writable
from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.io.atomic import folder_written_whole


def export(
    networks: dict[str, str | Path],
    output_folder: str | Path,
    template: str | Path,
    card: str | Path | None = None,
    overwrite: bool = False,
    live: bool = False,
) -> Path:
    """Writes a folder that ``PseudoVisualEnhancement.from_hparams`` loads.

    Arguments
    ---------
    networks : dict
        Sources of ``student``, ``denoiser`` and optionally ``teacher``, see
        `best_checkpoint`. If a source belongs to a training, its network's sizes are
        taken from there.
    output_folder : str or Path
        Folder to make.
    template : str or Path
        Such as hparams/pretrained/open.yaml.
    card : str or Path or None
        Model card to put beside the weights as README.md.
    overwrite : bool
        Whether an earlier pretrained folder may be replaced.
    live : bool
        For live sound: files are then enhanced just as streams are, without
        `pvsd_modules.inference.observation.ObservationAdding`.

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(output_folder)
    files = {name: best_checkpoint(path, name) for name, path in networks.items()}
    check_writable(folder, overwrite)
    text = Path(template).read_text(encoding="utf-8")
    if "teacher" not in files:
        text = "".join(
            line
            for line in text.splitlines(True)
            if "# only with a teacher" not in line
        )
    for name, path in files.items():
        text = _with_sizes(text, name, _settings_of(path))
    if live:
        text = _with_number(text, "observation_share", "0.0")
    with folder_written_whole(folder) as temporary:
        (temporary / HPARAMS_FILE).write_text(text, encoding="utf-8")
        for name, path in files.items():
            state = torch.load(path, "cpu", weights_only=True)
            if name == "teacher":
                # Enhancing never runs it: half precision halves what is shipped.
                state = {key: value.half() for key, value in state.items()}
            torch.save(state, temporary / f"{name}.ckpt")
        if card:
            shutil.copyfile(card, temporary / "README.md")
    return folder


def _settings_of(weights: Path) -> Path | None:
    """The settings of the training or model that a weights file is of."""
    # <training>/save/CKPT.../denoiser.ckpt, or <model>/denoiser.ckpt
    found = (place / HPARAMS_FILE for place in weights.absolute().parents[:3])
    return next((path for path in found if path.is_file()), None)


def _with_sizes(text: str, network: str, trained: Path | None) -> str:
    """Puts the sizes of a training (``channels: 48``) into a template's text."""
    if trained is None:
        return text
    text_of_training = trained.read_text(encoding="utf-8")
    sizes = dict(re.findall(r"(?m)^(\w+): (\d+(?:\.\d+)?)\b", text_of_training))
    prefix = f"{network}_"
    # The training of one network names the sizes of the others with their names.
    named = {key: value for key, value in sizes.items() if key.startswith(prefix)}
    for key, value in (named or sizes).items():
        key = prefix + key.removeprefix(prefix)
        text = _with_number(text, key, value)
    return text


def _with_number(text: str, key: str, value: str) -> str:
    """Puts another number into the line of a key, where there is one."""
    return re.sub(rf"(?m)^{key}: \d+(?:\.\d+)?", f"{key}: {value}", text)
