"""Data that the training scripts open before their Brain starts."""

from itertools import chain

from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.datasets import load_manifest
from pvsd_modules.data.shards import open_store


def open_manifests(
    manifest_folder: str,
    names: list[str],
    store_folder: str,
    data_root: str = "",
    noise_root: str = "",
    faces_root: str = "",
) -> tuple[dict, AudioStore]:
    """Loads manifests and decodes every file they name; ranks share the work.

    Arguments
    ---------
    manifest_folder : str
        Output folder of prepare.py.
    names : list of str
        Such as ``train_speech``.
    store_folder : str
        Where the decoded audio is kept.
    data_root, noise_root, faces_root : str
        Folders of speech, noise and face crops, those that the manifests need.

    Returns
    -------
    dict, AudioStore
        Manifests by name, and the store of their audio.
    """
    manifests = {}
    for name in names:
        root = faces_root if name.endswith("_faces") else data_root
        path = f"{manifest_folder}/{name}.json"
        manifests[name] = load_manifest(path, root, noise_root)
    keys = ("wav", "clean", "noise", "noisy")
    items = chain.from_iterable(manifest.values() for manifest in manifests.values())
    paths = {item[key] for item in items for key in keys if key in item}
    store = open_store(store_folder, data_root, noise_root)
    store.add(paths)
    return manifests, store


def evenly(manifest: dict, count: int) -> dict:
    """At most ``count`` items of a manifest, spread evenly over its order.

    Example
    -------
    >>> list(evenly({"a": 1, "b": 2, "c": 3, "d": 4}, 2))
    ['a', 'c']
    """
    keys = list(manifest)
    if count <= 0 or count >= len(keys):
        return manifest
    chosen = (keys[i * len(keys) // count] for i in range(count))
    return {key: manifest[key] for key in chosen}


def only_if(condition: bool, value):
    """``value`` where the condition holds, else None: a choice for a YAML file."""
    return value if condition else None
