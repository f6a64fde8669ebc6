"""Draws the lips of whole lists of clips and scores them."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from pvsd_modules.alignment import FACE_SIZE
from pvsd_modules.data.datasets import mixture_dataset
from pvsd_modules.data.lips import read_face
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.lip_scores import score_lips
from pvsd_modules.evaluation.lip_sync import lip_sync_error
from pvsd_modules.evaluation.syncnet import SyncNet
from pvsd_modules.models.protocols import LipModel

#: Generator, and reference lips.
COMPARISONS = ("student-teacher", "teacher-teacher", "teacher-real", "student-real")


class Clip(NamedTuple):
    """One clip to draw."""

    name: str  # of the item
    file: str  # of the recording, which may be mixed at several SNRs
    snr: float | None  # dB; None without noise
    category: str  # of the noise; "" for none
    noisy: Tensor  # [time]
    clean: Tensor  # the same where there is no noise
    real: Tensor | None = None  # [frames, 48, 96, 3]
    upper: Tensor | None = None  # upper half of the face, [48, 96, 3]


class LipScorer:
    """Draws lips with ``student`` and ``teacher``, either of which may be None, and
    scores them.

    With ``deviations`` real frames are compared as deviations, see `score_lips`; lips
    drawn by two networks always are of one face. A SyncNet gives LSE-D and LSE-C.
    """

    def __init__(
        self,
        networks: dict[str, LipModel | None],
        deviations: bool = True,
        syncnet: SyncNet | None = None,
        device: str = "cpu",
    ):
        self.networks = networks
        self.deviations = deviations
        self.syncnet = syncnet
        self.device = device

    def check(self, comparison: str) -> None:
        """Raises a sentence if a comparison cannot be made."""
        if comparison not in COMPARISONS:
            raise PvsdError(
                f"comparisons: {comparison} is unknown: choose among "
                f"{', '.join(COMPARISONS)}."
            )
        for name in comparison.split("-"):
            if name != "real" and self.networks.get(name) is None:
                raise PvsdError(
                    f"comparisons: {comparison} needs a {name}, and the model has "
                    f"none: export one with --{name}."
                )

    @torch.no_grad()
    def __call__(self, comparison: str, clip: Clip) -> tuple[dict, dict[str, Tensor]]:
        """Scores of a clip, and the lips by their source.

        Returns
        -------
        dict
            A row, see `pvsd_modules.evaluation.lip_scores.COLUMNS`.
        dict
            ``[frames, 48, 96, 3]`` by ``video``, ``teacher`` or ``student``, the wanted
            ones first.
        """
        generator, reference = comparison.split("-")
        is_real = reference == "real"
        drawn = self._draw(generator, clip.noisy)
        wanted = clip.real if is_real else self._draw(reference, clip.clean)
        row = {
            "comparison": comparison,
            "file": clip.file,
            "snr": clip.snr,
            "category": clip.category,
            "frames": len(drawn),
            **score_lips(drawn, wanted, is_real and self.deviations),
        }
        if self.syncnet is not None:
            row |= lip_sync_error(self.syncnet, drawn, clip.clean, clip.upper)
            other = lip_sync_error(self.syncnet, wanted, clip.clean, clip.upper)
            row |= {f"wanted_{name}": value for name, value in other.items()}
        label = f"{generator}, noisy" if generator == reference else generator
        return row, {"video" if is_real else reference: wanted, label: drawn}

    def _draw(self, name: str, wav: Tensor) -> Tensor:
        return self.networks[name](wav[None].to(self.device))[0].float().cpu()


def clips(
    items: dict, store, faces: dict | None = None, snrs: list[float] | None = None
) -> Iterator[Clip]:
    """The clips of a list.

    Arguments
    ---------
    items : dict
        Mixtures, pairs or talking faces of a manifest, its roots filled in. Talking
        faces are used as they are, without noise.
    store : AudioStore
        Holds every file.
    faces : dict or None
        Talking faces, for real lips.
    snrs : list of float or None
        Each mixture is mixed at each of them; None for its own.

    Yields
    ------
    Clip
    """
    listed = _at_levels(items, snrs)
    by_wav = {face["wav"]: face for face in (faces or {}).values()}
    for name, (_, item) in listed.items():
        if faces is not None and item["clean"] not in by_wav:
            raise PvsdError(
                f"Real lips of {item['clean']} ({name}) are wanted, and no talking "
                "face of the manifest has them: preprocess its video, and prepare the "
                "list from the preprocessed folder."
            )
    data = mixture_dataset({k: item for k, (_, item) in listed.items()}, store, faces)
    for index, (name, (file, item)) in enumerate(listed.items()):
        sample, face = data[index], by_wav.get(item["clean"])
        upper = face and read_face(f"{face['frames']}/0.jpg")[: FACE_SIZE // 2]
        yield Clip(
            *(name, file, item.get("snr"), item.get("category", "")),
            *(sample["noisy_sig"], sample["clean_sig"], sample.get("lips"), upper),
        )


def _at_levels(items: dict, snrs: list[float] | None) -> dict[str, tuple[str, dict]]:
    """``{name: (file, item)}``, a mixture several times where several SNRs are."""
    listed = {}
    for file, item in items.items():
        if "clean" not in item:
            item = {**item, "clean": item["wav"], "noisy": item["wav"]}
        if item.get("snr") is None:
            listed[file] = (file, item)
            continue
        for snr in snrs or [item["snr"]]:
            listed[f"{file} at {snr:g} dB"] = (file, {**item, "snr": float(snr)})
    return listed


def evaluate_lips(
    scorer: LipScorer,
    comparison: str,
    source: Iterator[Clip],
    count: int,
    shown: int = 0,
    progress: bool = True,
) -> tuple[list[dict], dict[str, dict[str, Tensor]]]:
    """Score every clip of a list, and keep the lips of some.

    Arguments
    ---------
    scorer : LipScorer
    comparison : str
        One of `COMPARISONS`.
    source : iterator of Clip
    count : int
        Number of clips.
    shown : int
        Number of clips whose lips are kept, evenly spread over the list.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    rows : list of dict
    kept : dict
        By clip, lips by their source.
    """
    scorer.check(comparison)
    chosen = {i * count // shown for i in range(shown)} if shown else set()
    rows, kept = [], {}
    bar = tqdm(source, comparison, count, disable=None if progress else True)
    for index, clip in enumerate(bar):
        row, lips = scorer(comparison, clip)
        rows.append(row)
        if index in chosen:
            kept[clip.name] = lips
    return rows, kept
