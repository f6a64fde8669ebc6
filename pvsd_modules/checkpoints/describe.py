"""Describes a pretrained folder by its files; nothing is built of them."""

from pathlib import Path
from typing import NamedTuple

from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.checkpoints.settings import loadables, plain_settings
from pvsd_modules.checkpoints.trust import resolved_settings
from pvsd_modules.checkpoints.weights import read_weights


class Description(NamedTuple):
    """What the files of a model say: the weights of each network, the lips of its
    denoiser, and the latency of a live stream in ms, or None where the file does not
    say."""

    values: dict[str, int]
    lips: str
    latency_ms: float | None


def describe_model(folder: str | Path) -> Description:
    """Reads the settings and the weights of a pretrained folder; see `load_interface`
    for what raises.

    Example
    -------
    >>> from pvsd_modules.checkpoints.find import pretrained_folder
    >>> describe_model(pretrained_folder("streaming")).lips
    'student'
    """
    folder = Path(folder)
    settings = plain_settings(resolved_settings(folder / HPARAMS_FILE))
    values = {}
    for name in loadables(settings):
        weights = read_weights(folder / f"{name}.ckpt")
        values[name] = sum(value.numel() for value in weights.values())
    latency = settings.get("latency_ms")
    known = isinstance(latency, int | float)
    return Description(
        values, str(settings.get("lips")), float(latency) if known else None
    )
