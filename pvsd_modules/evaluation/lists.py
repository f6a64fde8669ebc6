"""Fixed lists of mixtures or pairs: reading them, and writing them as wav folders."""

import json
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.reading import Reader
from pvsd_modules.evaluation.scoring import save_wav


def load_list(path: str | Path, data_root: str = "", noise_root: str = "") -> dict:
    """A manifest of mixtures or pairs, its roots filled in.

    Arguments
    ---------
    path : str or Path
        JSON file, such as test_mixtures.json.
    data_root, noise_root : str
        What ``{data_root}`` and ``{noise_root}`` stand for.

    Returns
    -------
    dict

    Raises
    ------
    PvsdError
        If it is absent or no such list, or none of its clean files exists.
    """
    try:
        items = load_manifest(path, data_root, noise_root or data_root)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PvsdError(f"{path} is no JSON file: {error}.") from None
    kinds = ({"clean", "samples", "noise", "snr"}, {"clean", "noisy"})
    for name, item in items.items():
        if not isinstance(item, dict) or not any(kind <= item.keys() for kind in kinds):
            raise PvsdError(
                f"{path} is no list of mixtures or pairs: {name} lacks clean and "
                "noisy, or clean, samples, noise and snr."
            )
    if not any(Path(item["clean"]).is_file() for item in items.values()):
        example = next(iter(items.values()))["clean"]
        raise PvsdError(
            f"None of the clean files of {path} exists, such as {example}: check "
            "--data_root."
        )
    return items


def chosen(items: dict, snrs: list[float] | None = None, count: int = 0) -> dict:
    """The items that have one of the SNRs, and of these ``count``, evenly spread.

    Spread over the list and over its SNRs, as far as ``count`` allows.

    Arguments
    ---------
    items : dict
        Mixtures or pairs.
    snrs : list of float or None
        None for all.
    count : int
        0 for all.

    Returns
    -------
    dict
    """
    if snrs is not None:
        wanted = {float(snr) for snr in snrs}
        items = {
            name: item
            for name, item in items.items()
            if item.get("snr") is not None and float(item["snr"]) in wanted
        }
    names = sorted(items, key=lambda name: float(items[name].get("snr") or 0))
    if 0 < count < len(names):
        names = [names[i * len(names) // count] for i in range(count)]
    wanted = set(names)
    return {name: item for name, item in items.items() if name in wanted}


def write_mixtures(items: dict, folder: str | Path, progress: bool = True) -> int:
    """Writes what systems hear and what they are to give, for other programs.

    Arguments
    ---------
    items : dict
        Mixtures or pairs.
    folder : str or Path
        Takes ``noisy/<name>.wav`` and ``clean/<name>.wav``, 16 kHz, floating point.
        A folder ``noisy`` or ``clean`` that is there already is not written to.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    int
        The number of mixtures.

    Raises
    ------
    PvsdError
        If a mixture cannot be made, or the folders exist.
    """
    folder = Path(folder)
    for name in ("noisy", "clean"):
        if (folder / name).exists() and any((folder / name).iterdir()):
            raise PvsdError(f"{folder / name} is not empty: name another folder.")
    reader = Reader()
    for name, item in tqdm(items.items(), "Mixing", disable=None if progress else True):
        try:
            signals = reader.pair(item)
        except PvsdError as error:
            raise PvsdError(f"{name} cannot be mixed: {error}") from None
        for kind in ("noisy", "clean"):
            save_wav(folder / kind, name, signals[kind])
    return len(items)
