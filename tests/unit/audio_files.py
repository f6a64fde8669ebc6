"""Sound files and a store of them, for the tests of the data's way to a training."""

import numpy as np
import soundfile

from pvsd_modules.data.audio_store import AudioStore


def make_store(folder, seconds):
    """A store and its manifest, ``{name: {"wav": path}}``: noise of given lengths."""
    manifest = {}
    for i, (name, length) in enumerate(seconds.items()):
        path = folder / f"{name}.wav"
        wave = 0.1 * np.random.default_rng(i).standard_normal(round(length * 16000))
        soundfile.write(path, wave, 16000)
        manifest[name] = {"wav": str(path)}
    store = AudioStore(folder / "store")
    store.add([item["wav"] for item in manifest.values()], progress=False)
    return store, manifest
