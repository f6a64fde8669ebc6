"""Speed of the data pipelines: mixing on the fly, and preprocessing of videos."""

from pathlib import Path

import soundfile
from speechbrain.dataio.dataloader import make_dataloader

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.benchmark.clock import compare, threads
from pvsd_modules.benchmark.rows import Row
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.augmentation import Augmenter
from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError
from pvsd_modules.faces.preprocess_clip import Settings, preprocess_clip
from pvsd_modules.synthetic.corpus import noise_like, speech_like, write_clip

_FRAME_SIZE = 224  # of LRS3's videos


def data(folder: Path, files: int, repeats: int) -> list[Row]:
    """Time the data pipelines with synthetic sound and videos, in one process.

    Rows for the paper's samples, of as many ``files`` of speech and of noise, 4 and 10
    s long: 1 s of noisy and clean speech for the denoiser, and 5 frames, 0.2 s, for the
    student; then pictures of videos turned into crops of faces, where OpenCV is
    installed.
    """
    path, settings = folder / "face.mp4", Settings(detector="haar")
    write_clip(path, 2.0, size=_FRAME_SIZE)
    (folder / "faces").mkdir(exist_ok=True)
    clip = folder / "faces" / "clip"
    with threads(1):
        found = compare(_loaders(folder, files), repeats)
        rows = [
            Row(f"loader, {name}", 50 / taken, "samples per CPU-s")
            for name, taken in found.items()
        ]
        jobs = {"faces": lambda: preprocess_clip(path, clip, settings)}
        try:
            frames = 50 / compare(jobs, repeats)["faces"]
        except PvsdError as error:  # without the extra `train`
            if "OpenCV" not in str(error):
                raise
            return rows
    name = f"preprocessing, {_FRAME_SIZE} x {_FRAME_SIZE}, detector haar"
    return [*rows, Row(name, frames, "frames per CPU-s")]


def _loaders(folder: Path, files: int) -> dict:
    """Jobs that load 50 samples each, as a training run does with a worker."""
    speech, noise = {}, {}
    for number in range(files):
        waves = (
            (speech, "speech", speech_like(4.0, speaker=number, seed=number)[0]),
            (noise, "noise", noise_like(10.0, "pink", seed=number)),
        )
        for manifest, kind, wave in waves:
            path = folder / f"{kind}{number}.wav"
            soundfile.write(path, wave, SAMPLE_RATE)
            manifest[f"{kind}{number}"] = {"wav": str(path)}
    store = AudioStore(folder / "store")
    store.add([item["wav"] for item in [*speech.values(), *noise.values()]], False)
    ids = sorted(speech)
    listed = {f"{number}": speech[ids[number % len(ids)]] for number in range(50)}
    jobs = {}
    for name, seconds, bursts, augment in (
        ("denoiser's samples of 1 s", 1.0, True, None),
        ("student's samples of 5 frames", 0.2, False, None),
        ("samples of 3 s with all augmentation", 3.0, False, Augmenter()),
    ):
        mixer = TrainingMixer(
            store,
            speech,
            noise,
            segment_seconds=seconds,
            snrs=[0.0, 5.0, 10.0],
            augment=augment,
            bursts=bursts,
        )
        loader = make_dataloader(mixing_dataset(listed, mixer), batch_size=10)
        jobs[name] = lambda loader=loader: [batch.noisy_sig.data for batch in loader]
    return jobs
