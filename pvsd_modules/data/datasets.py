"""SpeechBrain data sets of the three training scripts and of the fixed mixtures."""

import os
from pathlib import Path

import speechbrain as sb
from speechbrain.dataio.dataio import load_data_json
from speechbrain.dataio.dataset import DynamicItemDataset

from pvsd_modules.alignment import SAMPLES_PER_FRAME, frame_count
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.batch_mixing import MixtureBatch
from pvsd_modules.data.lips import clip_median, read_face, read_segment
from pvsd_modules.data.mixing import item_generator, mix_at_snr, read_looped
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError

# Keys of manifests that name files or folders.
PATH_KEYS = ("wav", "clean", "noise", "noisy", "frames")


def load_manifest(
    path: str | Path, data_root: str = "", noise_root: str = "", rooms_root: str = ""
) -> dict:
    """A JSON manifest with its roots filled in.

    Arguments
    ---------
    path : str or Path
        Manifest in SpeechBrain's form.
    data_root, noise_root, rooms_root : str
        What ``{data_root}``, ``{noise_root}`` and ``{rooms_root}`` stand for, the last
        one by default the data root.

    Raises
    ------
    PvsdError
        If the file is absent or empty, or names a file that is neither below one of
        the roots nor below the manifest's folder.
    """
    if not Path(path).is_file():
        if os.path.exists(path):
            raise PvsdError(f"{path} is a folder, pipe or device: name a JSON file.")
        raise PvsdError(f"{path} does not exist: run prepare.py first.")
    roots = {"data_root": str(data_root), "noise_root": str(noise_root)}
    roots["rooms_root"] = str(rooms_root or data_root)
    manifest = load_data_json(str(path), roots)
    if not manifest:
        raise PvsdError(f"{path} lists nothing: prepare it from a folder with files.")
    named = [root for root in (Path(path).parent, *roots.values()) if str(root)]
    folders = [os.path.join(os.path.abspath(root), "") for root in named]
    for name, item in manifest.items():
        for key in PATH_KEYS:
            file = item.get(key) if isinstance(item, dict) else None
            if file and not os.path.abspath(file).startswith(tuple(folders)):
                raise PvsdError(
                    f"{path}: {name} names {file}, which is in none of the folders "
                    f"{', '.join(map(str, named))}: name its folder as the data or "
                    "noise root if it is to be read."
                )
    return manifest


class MixingDataset(DynamicItemDataset):
    """A `DynamicItemDataset` whose items a `TrainingMixer` mixes anew, and repeatably,
    in every epoch."""

    def __init__(self, mixer: TrainingMixer, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mixer = mixer

    def mix_on_device(self) -> type[MixtureBatch]:
        """Leaves mixing to the device that trains; the loader reads and draws only.

        Returns
        -------
        type
            The ``collate_fn`` of the loader, whose batches mix when they are moved.
        """
        keys = list(self.pipeline.output_mapping)
        later = [key for key in keys if key not in ("noisy_sig", "clean_sig")]
        self.set_output_keys([*later, "drawn", "samples"])
        return MixtureBatch

    def set_epoch(self, epoch: int) -> None:
        """Chooses the mixtures of an epoch, counted from 1."""
        self.mixer.epoch = epoch


def mixing_dataset(manifest: dict, mixer: TrainingMixer, real_lips: bool = False):
    """Speech mixed on the fly: ``id, noisy_sig, clean_sig`` and, if wanted, ``lips``.

    With ``real_lips``, for manifests of talking faces, the frames of the video are
    loaded as well: ``lips``, their median ``lips_median``, and a whole ``face`` from
    elsewhere in the clip.
    """

    @sb.utils.data_pipeline.takes("id", "wav")
    @sb.utils.data_pipeline.provides("drawn", "start", "samples")
    def draw(item_id, wav):
        """The random choices of a training item."""
        drawn = mixer.draw(item_id, wav)
        yield drawn
        yield drawn.start
        yield mixer.samples

    @sb.utils.data_pipeline.takes("drawn")
    @sb.utils.data_pipeline.provides("noisy_sig", "clean_sig")
    def mix(drawn):
        """Noisy and clean signal of a training item."""
        yield from mixer.mix(drawn)

    items, keys = [draw, mix], ["id", "noisy_sig", "clean_sig"]
    if real_lips:

        @sb.utils.data_pipeline.takes("frames", "frame_count", "start")
        @sb.utils.data_pipeline.provides("lips", "lips_median")
        def lips(frames, count, start):
            """The frames of the segment, and the median of the clip."""
            yield read_segment(frames, int(count), start, mixer.samples)
            yield clip_median(frames, int(count))

        @sb.utils.data_pipeline.takes("id", "frames", "frame_count", "start")
        @sb.utils.data_pipeline.provides("face")
        def face(item_id, frames, count, start):
            """A frame from outside of the segment."""
            random = item_generator(mixer.seed, mixer.epoch, f"face of {item_id}")
            # The segment's own frames are what is to be drawn: they give nothing away.
            first = start // SAMPLES_PER_FRAME
            length = frame_count(mixer.samples)
            others = max(1, int(count) - min(length, int(count) - first))
            k = int(random.integers(others))
            k = k if k < first else (k + length) % int(count)
            return read_face(Path(frames, f"{k}.jpg"))

        items += [lips, face]
        keys += ["lips", "lips_median", "face"]
    return MixingDataset(mixer, manifest, items, keys)


def mixture_dataset(manifest: dict, store: AudioStore, faces: dict | None = None):
    """A fixed list of mixtures or of pairs: ``id, noisy_sig, clean_sig``, ``lips``.

    Mixtures have ``clean``, ``noise``, ``snr``, ..., pairs ``clean`` and ``noisy``; the
    store holds every file. Talking faces by the clean file's path add the real lips of
    the clip.
    """

    def mix(item_id):
        """Noisy and clean signal of a mixture or a pair."""
        item = manifest[item_id]
        if "noisy" in item:
            clean, noisy = store.read(item["clean"]), store.read(item["noisy"])
            samples = min(len(clean), len(noisy))
            return noisy[:samples], clean[:samples]
        clean = store.read(item["clean"], item.get("clean_start", 0), item["samples"])
        start = item.get("noise_start", 0)
        noise = read_looped(store, item["noise"], start, len(clean))
        return mix_at_snr(clean, noise, item["snr"]), clean

    @sb.utils.data_pipeline.takes("id")
    @sb.utils.data_pipeline.provides("noisy_sig", "clean_sig")
    def pair(item_id):
        """Noisy and clean signal of an item."""
        yield from mix(item_id)

    items, keys = [pair], ["id", "noisy_sig", "clean_sig"]
    if faces is not None:
        by_wav = {face["wav"]: face for face in faces.values()}

        @sb.utils.data_pipeline.takes("id", "clean_sig")
        @sb.utils.data_pipeline.provides("lips")
        def lips(item_id, clean):
            """The frames that belong to the clean signal."""
            item = manifest[item_id]
            face = by_wav[item["clean"]]
            start, count = item.get("clean_start", 0), int(face["frame_count"])
            return read_segment(face["frames"], count, start, len(clean))

        items.append(lips)
        keys.append("lips")
    return DynamicItemDataset({key: {} for key in manifest}, items, keys)
