"""WebDataset shards: a corpus in a few large files that are read from begin to end.

A shard is a tar file of 16 kHz mono wav files, PCM16, each with its manifest entry as
JSON. Any WebDataset reader can stream it. The wav files are not compressed, so a slice
of any of them can be read as well, and a training mixer makes the same items of a
`ShardStore` as of an `AudioStore`.
"""

import functools
import io
import itertools
import json
import random
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import torch
from speechbrain.dataio.batch import PaddedBatch
from torch.utils.data import get_worker_info
from tqdm import tqdm

from pvsd_modules.data.audio_store import AudioStore, decode
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.atomic import written_whole
from pvsd_modules.io.locking import locked
from pvsd_modules.io.wav import wav_bytes


def write_shards(
    manifest: dict,
    paths: dict[str, str],
    folder: str | Path,
    name: str,
    files: int = 500,
    workers: int = 1,
) -> list[Path]:
    """Write the recordings of a manifest as shards ``<name>-000000.tar``, ...

    Shards that are there already are kept, so an interrupted call is continued, and
    several processes share the work.

    Arguments
    ---------
    manifest : dict
        As prepare.py wrote it, its roots not filled in.
    paths : dict
        The file of each identifier.
    folder : str or Path
        Where the shards go.
    name : str
        Such as ``train_speech``.
    files : int
        Recordings of a shard.
    workers : int
        Threads that decode.

    Raises
    ------
    PvsdError
        If a file cannot be decoded, or the disk is full.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(manifest)
    count = -(-len(names) // files)
    shards = [folder / f"{name}-{number:06d}.tar" for number in range(count)]
    for old in set(folder.glob(f"{name}-*.tar")) - set(shards):
        old.unlink()
    with ThreadPoolExecutor(workers) as pool:
        for number, shard in enumerate(tqdm(shards, f"Shards of {name}", disable=None)):
            part = names[number * files : (number + 1) * files]
            entries = [{"id": key, **manifest[key]} for key in part]
            with locked(folder / ".lock"):
                if not _holds(shard, entries):
                    waves = pool.map(decode, [paths[key] for key in part])
                    _write_shard(shard, entries, waves)
    return shards


def _holds(shard: Path, entries: list[dict]) -> bool:
    """Whether a shard was written from just these entries."""
    return shard.is_file() and [entry for entry, *_ in _members(shard)] == entries


def _write_shard(shard: Path, entries: list[dict], waves) -> None:
    with written_whole(shard) as temporary, tarfile.open(temporary, "w") as tar:
        for number, (entry, wave) in enumerate(zip(entries, waves, strict=True)):
            parts = {"json": json.dumps(entry).encode(), "wav": wav_bytes(wave)}
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f"{number:06d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _members(shard: Path) -> Iterator[tuple[dict, int, int]]:
    """Entry, first byte of the samples and number of samples of each recording."""
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.name.endswith(".json"):
                    entry = json.loads(tar.extractfile(member).read())
                else:
                    with soundfile.SoundFile(tar.extractfile(member)) as wav:
                        samples = wav.frames
                    end = member.offset_data + member.size
                    yield entry, end - 2 * samples, samples
    except (tarfile.TarError, ValueError, soundfile.LibsndfileError) as error:
        raise PvsdError(
            f"{shard} is damaged ({error}): delete it and prepare again."
        ) from error


class ShardStore:
    """Slices of the recordings in a folder of `write_shards`; reads like an
    `AudioStore`.

    Recordings are found by the paths of the loaded manifests: the roots are what
    ``{data_root}`` and ``{noise_root}`` stand for.
    """

    def __init__(self, folder: str | Path, data_root: str = "", noise_root: str = ""):
        self.folder = Path(folder)
        roots = {"data_root": str(data_root), "noise_root": str(noise_root)}
        self.index: dict[str, tuple[Path, int, int]] = {}
        for shard in sorted(self.folder.glob("*.tar")):
            for entry, begin, samples in _members(shard):
                path = entry["wav"].format_map(roots)
                self.index[path] = (shard, begin, samples)
        if not self.index:
            raise PvsdError(f"{folder} holds no shards: write them with prepare.py.")

    def add(self, paths, progress: bool = True) -> None:
        """Checks that all files are in the shards; raises `PvsdError` else."""
        for path in paths:
            self.samples(path)

    def samples(self, path: str | Path) -> int:
        """Length of a recording in samples at 16 kHz."""
        return self._entry(path)[2]

    def read(self, path: str | Path, start: int = 0, samples: int | None = None):
        """A slice of a recording, float32 ``[samples]``, shorter at its end."""
        shard, begin, length = self._entry(path)
        stop = length if samples is None else min(length, start + samples)
        data = _mapped(shard)[begin + 2 * start : begin + 2 * stop].view(np.int16)
        return torch.from_numpy(data.astype(np.float32) / 32767)

    def _entry(self, path: str | Path) -> tuple[Path, int, int]:
        try:
            return self.index[str(path)]
        except KeyError:
            raise PvsdError(
                f"{path} is not in the shards of {self.folder}: prepare them again "
                "with the manifest that names it."
            ) from None


@functools.cache
def _mapped(shard: Path) -> np.ndarray:
    return np.memmap(shard, np.uint8, "r")


def open_store(folder: str | Path, data_root: str = "", noise_root: str = ""):
    """The store of a folder: a `ShardStore` where there are shards, else an
    `AudioStore`."""
    if any(Path(folder).glob("*.tar")):
        return ShardStore(folder, data_root, noise_root)
    return AudioStore(folder)


def shard_pipeline(
    folder: str | Path,
    manifest: dict,
    mixer: TrainingMixer,
    batch_size: int,
    workers: int = 1,
    rank: int = 0,
    world: int = 1,
):
    """Training batches in the order of the shards, for SpeechBrain's `make_dataloader`.

    Every worker of every rank reads shards of its own from begin to end, in another
    order and share in each epoch. The items are those that the mixer makes of the same
    recordings elsewhere; its store has to hold the noise, and the speech only where
    short utterances are joined.

    Arguments
    ---------
    folder : str or Path
        Holds the shards ``train_speech-*.tar``.
    manifest : dict
        The loaded manifest of the shards.
    mixer : TrainingMixer
    batch_size : int
    workers : int
        As ``num_workers`` of the loader, but 1 where that is 0.
    rank, world : int
        Of the process, and how many there are; each gets equally many batches.

    Returns
    -------
    webdataset.DataPipeline
        Of `PaddedBatch` with ``id``, ``noisy_sig`` and ``clean_sig``; has a length and
        ``start_at``, with which a `PvsdBrain` resumes it in the middle of an epoch.

    Raises
    ------
    PvsdError
        If webdataset is missing, or there are fewer shards than workers in all.
    """
    try:
        import webdataset
    except ImportError as error:
        raise PvsdError(
            "Streaming shards needs webdataset: pip install 'pvsd[shards]'."
        ) from error

    class Pipeline(webdataset.DataPipeline):
        """A class of its own for the epoch, the position and the length."""

        data_ids = sorted(manifest)  # these two are for `RunIdentity`
        sharing = {"batch_size": batch_size, "workers": workers}
        done = 0

        def start_at(self, epoch, batch=0):
            """Chooses order and mixtures of an epoch, counted from 1, and how many
            batches of it to leave out."""
            mixer.epoch, self.done = epoch, batch

        def __len__(self):
            return batches * workers

    shards = sorted(Path(folder).glob("train_speech-*.tar"))
    readers = workers * world
    sizes = sorted(sum(1 for _ in _members(shard)) for shard in shards)
    # What the reader gets that is given the smallest shards, so that nobody waits.
    batches = sum(sizes[: len(shards) // readers]) // batch_size
    if not batches:
        raise PvsdError(
            f"{folder} has {len(shards)} shards of speech, too few for {readers} "
            "workers: write smaller ones (--shard_files) or use fewer workers."
        )

    def worker() -> int:
        info = get_worker_info()
        if info and info.num_workers != workers:
            raise PvsdError(
                f"The loader has num_workers {info.num_workers}, and its shards were "
                f"shared among {workers}: give both the same number."
            )
        # The loader asks its workers in turn: the first has the next batch.
        return ((info.id if info else 0) + pipeline.done) % workers

    def done() -> int:
        return (pipeline.done - worker() + workers - 1) // workers

    def source():
        """The shards of this worker, in the order of the epoch."""
        order = random.Random(f"{mixer.seed} {mixer.epoch}").sample(shards, len(shards))
        reader = rank * workers + worker()
        return ({"url": str(shard)} for shard in order[reader::readers])

    def mix(samples):
        """Makes training items of recordings."""
        for sample in samples:
            name = json.loads(sample["json"])["id"]
            wave, _ = soundfile.read(io.BytesIO(sample["wav"]), dtype="int16")
            speech = torch.from_numpy(wave.astype(np.float32) / 32767)
            noisy, clean, _ = mixer(name, manifest[name]["wav"], speech)
            yield {"id": name, "noisy_sig": noisy, "clean_sig": clean}

    pipeline = Pipeline(
        source,
        webdataset.tarfile_to_samples(),
        lambda samples: itertools.islice(samples, done() * batch_size, None),
        mix,
        webdataset.batched(batch_size, collation_fn=PaddedBatch, partial=False),
        lambda found: itertools.islice(found, batches - done()),
    )
    return pipeline
