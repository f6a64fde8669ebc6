"""Fixed lists of mixtures or pairs: reading them, and writing them as wav folders."""

import math
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.reading import Reader
from pvsd_modules.evaluation.scoring import save_wav
from pvsd_modules.io.atomic import folder_written_whole

_KINDS = ({"clean", "samples", "noise", "snr"}, {"clean", "noisy"})
_COUNTS = ("samples", "clean_start", "noise_start")


def load_list(path: str | Path, data_root: str = "", noise_root: str = "") -> dict:
    """A manifest of mixtures or pairs, its roots filled in.

    Arguments
    ---------
    path : str or Path
        JSON file, such as test_mixtures.json.
    data_root, noise_root : str
        What ``{data_root}`` and ``{noise_root}`` stand for.

    Raises
    ------
    PvsdError
        If it is absent or no such list, or none of its clean files exists.
    """
    try:
        items = load_manifest(path, data_root, noise_root or data_root)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise PvsdError(f"{path} is no list of mixtures or pairs: {error}.") from None
    if not isinstance(items, dict):
        raise PvsdError(f"{path} is no list of mixtures or pairs: name to item.")
    for name, item in items.items():
        fault = _fault(item)
        if fault:
            raise PvsdError(f"{path} is no list of mixtures or pairs: {name} {fault}.")
    if not any(Path(item["clean"]).is_file() for item in items.values()):
        example = next((item["clean"] for item in items.values()), "(it is empty)")
        raise PvsdError(
            f"None of the clean files of {path} exists, such as {example}: check "
            "--data_root."
        )
    return items


def _fault(item) -> str | None:
    """What is wrong with an item of a list."""
    if not isinstance(item, dict) or not any(kind <= item.keys() for kind in _KINDS):
        return "lacks clean and noisy, or clean, samples, noise and snr"
    for key in ("clean", "noise", "noisy", "category", "speaker"):
        if not isinstance(item.get(key) or "", str):
            return f"has a {key} that is not a text"
    for key in _COUNTS:
        value = item.get(key, key == "samples")
        if not isinstance(value, int) or value < (key == "samples"):
            return f"has {key} {value!r}, which is not a number of samples"
    snr = item.get("snr")
    if snr is not None and not (isinstance(snr, int | float) and math.isfinite(snr)):
        return f"has an snr of {snr!r}, which is not a number of dB"
    return None


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

    Raises
    ------
    PvsdError
        If ``snrs`` or ``count`` are no such numbers.
    """
    if count < 0 or not all(map(math.isfinite, snrs or [])):
        raise PvsdError("snrs are numbers of dB, items a number from 0 (for all).")
    if snrs is not None:
        wanted = {float(snr) for snr in snrs}
        items = {
            name: item for name, item in items.items() if item.get("snr") in wanted
        }
    names = sorted(items, key=lambda name: float(items[name].get("snr") or 0))
    if 0 < count < len(names):
        names = [names[i * len(names) // count] for i in range(count)]
    wanted = set(names)
    return {name: item for name, item in items.items() if name in wanted}


def write_mixtures(items: dict, folder: str | Path, progress: bool = True) -> int:
    """Writes the noisy and the clean signals of a list, for other programs.

    Arguments
    ---------
    items : dict
        Mixtures or pairs.
    folder : str or Path
        Takes ``noisy/<name>.wav`` and ``clean/<name>.wav``, 16 kHz, floating point,
        when all are made. Folders of these names that hold files are left alone.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    int
        The number of mixtures.

    Raises
    ------
    PvsdError
        If a mixture cannot be made or written, or the folders exist.
    """
    reader = Reader()
    places = [Path(folder, kind) for kind in ("noisy", "clean")]
    with ExitStack() as stack:
        noisy, clean = (
            stack.enter_context(folder_written_whole(place, replace=False))
            for place in places
        )
        for name, item in tqdm(
            items.items(), "Mixing", disable=None if progress else True
        ):
            try:
                signals = reader.pair(item)
            except PvsdError as error:
                raise PvsdError(f"{name} cannot be mixed: {error}") from None
            save_wav(noisy, name, signals["noisy"])
            save_wav(clean, name, signals["clean"])
    return len(items)
