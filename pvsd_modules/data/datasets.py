"""SpeechBrain data sets of the three training scripts and of the fixed mixtures."""

from pathlib import Path

import numpy as np
import speechbrain as sb
import torch
from speechbrain.dataio.dataio import load_data_json
from speechbrain.dataio.dataset import DynamicItemDataset
from torch import Tensor

from pvsd_modules.alignment import FACE_SIZE, SAMPLES_PER_FRAME, frame_count
from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.mixing import item_generator, loop_from, mix_at_snr
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError


def load_manifest(path: str | Path, data_root: str = "", noise_root: str = "") -> dict:
    """A JSON manifest with its roots filled in.

    Arguments
    ---------
    path : str or Path
        Manifest in SpeechBrain's form.
    data_root, noise_root : str
        What ``{data_root}`` and ``{noise_root}`` stand for.

    Returns
    -------
    dict

    Raises
    ------
    PvsdError
        If the file is absent or empty.
    """
    if not Path(path).is_file():
        raise PvsdError(f"{path} does not exist: run prepare.py first.")
    roots = {"data_root": str(data_root), "noise_root": str(noise_root)}
    manifest = load_data_json(str(path), roots)
    if not manifest:
        raise PvsdError(f"{path} lists nothing: prepare it from a folder with files.")
    return manifest


class MixingDataset(DynamicItemDataset):
    """A data set whose items are mixed anew, and repeatably, in every epoch.

    Arguments
    ---------
    mixer : TrainingMixer
        Makes the items.
    *args, **kwargs
        For `speechbrain.dataio.dataset.DynamicItemDataset`.
    """

    def __init__(self, mixer: TrainingMixer, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.mixer = mixer

    def set_epoch(self, epoch: int) -> None:
        """Chooses the mixtures of an epoch, counted from 1."""
        self.mixer.epoch = epoch


def mixing_dataset(manifest: dict, mixer: TrainingMixer, real_lips: bool = False):
    """Speech mixed on the fly: ``id, noisy_sig, clean_sig`` and, if wanted, ``lips``.

    Arguments
    ---------
    manifest : dict
        Speech, or talking faces where ``real_lips``.
    mixer : TrainingMixer
        Makes the items.
    real_lips : bool
        Whether the frames of the video are loaded as well: ``lips``, their median
        ``lips_median``, and a whole ``face`` from elsewhere in the clip.

    Returns
    -------
    MixingDataset
    """

    @sb.utils.data_pipeline.takes("id", "wav")
    @sb.utils.data_pipeline.provides("noisy_sig", "clean_sig", "start")
    def mix(item_id, wav):
        noisy, clean, start = mixer(item_id, wav)
        yield noisy
        yield clean
        yield start

    items, keys = [mix], ["id", "noisy_sig", "clean_sig"]
    if real_lips:

        @sb.utils.data_pipeline.takes("frames", "frame_count", "start")
        @sb.utils.data_pipeline.provides("lips", "lips_median")
        def lips(frames, count, start):
            everything = read_lips(frames, int(count))
            yield cut_frames(everything, start, mixer.samples)
            yield median_frame(everything)

        @sb.utils.data_pipeline.takes("id", "frames", "frame_count", "start")
        @sb.utils.data_pipeline.provides("face")
        def face(item_id, frames, count, start):
            random = item_generator(mixer.seed, mixer.epoch, f"face of {item_id}")
            # The segment's own frames are what is to be drawn: they give nothing away.
            first = start // SAMPLES_PER_FRAME
            segment = range(first, first + frame_count(mixer.samples))
            others = [k for k in range(int(count)) if k not in segment] or [0]
            k = others[int(random.integers(len(others)))]
            return read_face(Path(frames, f"{k}.jpg"))

        items += [lips, face]
        keys += ["lips", "lips_median", "face"]
    return MixingDataset(mixer, manifest, items, keys)


def mixture_dataset(manifest: dict, store: AudioStore, faces: dict | None = None):
    """A fixed list of mixtures or of pairs: ``id, noisy_sig, clean_sig``, ``lips``.

    Arguments
    ---------
    manifest : dict
        Mixtures (``clean``, ``noise``, ``snr``, ...) or pairs (``clean``, ``noisy``).
    store : AudioStore
        Holds every file.
    faces : dict or None
        Talking faces by the clean file's path: adds the real lips of the clip.

    Returns
    -------
    DynamicItemDataset
    """

    def mix(item_id):
        item = manifest[item_id]
        if "noisy" in item:
            clean, noisy = store.read(item["clean"]), store.read(item["noisy"])
            samples = min(len(clean), len(noisy))
            return noisy[:samples], clean[:samples]
        clean = store.read(item["clean"], item.get("clean_start", 0), item["samples"])
        noise = store.read(item["noise"])
        noise = loop_from(noise, item.get("noise_start", 0), len(clean))
        return mix_at_snr(clean, noise, item["snr"]), clean

    @sb.utils.data_pipeline.takes("id")
    @sb.utils.data_pipeline.provides("noisy_sig", "clean_sig")
    def pair(item_id):
        yield from mix(item_id)

    items, keys = [pair], ["id", "noisy_sig", "clean_sig"]
    if faces is not None:
        by_wav = {face["wav"]: face for face in faces.values()}

        @sb.utils.data_pipeline.takes("id", "clean_sig")
        @sb.utils.data_pipeline.provides("lips")
        def lips(item_id, clean):
            item = manifest[item_id]
            face = by_wav[item["clean"]]
            frames = read_lips(face["frames"], int(face["frame_count"]))
            return cut_frames(frames, item.get("clean_start", 0), len(clean))

        items.append(lips)
        keys.append("lips")
    return DynamicItemDataset({key: {} for key in manifest}, items, keys)


def read_lips(folder: str | Path, count: int) -> Tensor:
    """The lower halves of the face crops ``0.jpg``, ``1.jpg``, ... of a folder.

    Arguments
    ---------
    folder : str or Path
        A clip that preprocess.py made.
    count : int
        Number of frames.

    Returns
    -------
    Tensor
        ``[count, 48, 96, 3]``, 0..1, RGB.

    Raises
    ------
    PvsdError
        If a frame is missing or broken.
    """
    import cv2

    half = FACE_SIZE // 2
    frames = np.empty((count, half, FACE_SIZE, 3), np.float32)
    for k in range(count):
        path = Path(folder, f"{k}.jpg")
        image = cv2.imread(str(path))
        if image is None:
            raise PvsdError(f"{path} is missing or broken: preprocess the clip again.")
        frames[k] = image[half:, :, ::-1]
    return torch.from_numpy(frames).div_(255.0)


def read_face(path: str | Path | None) -> Tensor | None:
    """A picture of a face, ``[96, 96, 3]``, 0..1, RGB; None for None.

    Raises
    ------
    PvsdError
        If the file is no picture.
    """
    import cv2

    if path is None:
        return None
    image = cv2.imread(str(path))
    if image is None:
        raise PvsdError(f"{path} is missing or no picture: name a picture of a face.")
    if image.shape[:2] != (FACE_SIZE, FACE_SIZE):
        size = (FACE_SIZE, FACE_SIZE)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return torch.from_numpy(image[:, :, ::-1].astype(np.float32) / 255)


def median_frame(frames: Tensor) -> Tensor:
    """The median over time of ``[frames, 48, 96, 3]``, to 1/255: ``[48, 96, 3]``.

    Partitioning bytes takes a third of the time that sorting floats does.
    """
    levels = (frames.numpy() * 255).round().astype(np.uint8)
    middle = (len(levels) - 1) // 2
    return torch.from_numpy(np.partition(levels, middle, 0)[middle] / np.float32(255))


def cut_frames(frames: Tensor, start: int, samples: int) -> Tensor:
    """The frames of a stretch of samples; past the end the last one is held.

    Arguments
    ---------
    frames : Tensor
        ``[all, 48, 96, 3]``.
    start, samples : int
        The stretch, ``start`` a multiple of 640.

    Returns
    -------
    Tensor
        ``[ceil(samples / 640), 48, 96, 3]``.
    """
    first = start // SAMPLES_PER_FRAME
    wanted = torch.arange(first, first + frame_count(samples))
    return frames[wanted.clamp(max=len(frames) - 1)]
