"""One recording through a system, and its scores before and after."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.audio_store import AudioStore
from pvsd_modules.dataio import mixture_dataset
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.lips import LipSource
from pvsd_modules.metrics import MEASURES

STREAMED = ("student", "none", "zeros")  # lips that a stream can give
ENGINES = ("stream", "whole")
COLUMNS = ["file", "snr", "category", "seconds"]
COLUMNS += [*MEASURES, *(f"noisy_{name}" for name in MEASURES)]


@dataclass(frozen=True)
class Settings:
    """What a process needs to know to score; it can be sent to another one.

    Arguments
    ---------
    model : str
        Pretrained folder, name of a shipped model, or hub id.
    lips : str
        One of `pvsd_modules.lips.SOURCES`.
    store_folder : str
        Where the decoded audio lies.
    engine : str
        ``stream``: piece by piece as ``pvsd enhance`` does; ``whole``: the networks
        see the whole recording at once. Lips that need the clean sound or the whole
        recording are always ``whole``.
    device : str
    """

    model: str
    lips: str
    store_folder: str
    engine: str = "stream"
    device: str = "cpu"


class Scorer:
    """Enhances and scores single items of a list.

    Arguments
    ---------
    settings : Settings

    Raises
    ------
    PvsdError
        If the model cannot be loaded or lacks what the lips need.
    """

    def __init__(self, settings: Settings):
        if settings.engine not in ENGINES:
            raise PvsdError(
                f"engine: {settings.engine} is unknown: choose {' or '.join(ENGINES)}."
            )
        self.settings = settings
        self.model = PseudoVisualEnhancement.from_hparams(
            settings.model, run_opts={"device": settings.device}
        )
        self.model.eval()
        networks = {
            name: self.model.mods[name] if name in self.model.mods else None
            for name in ("student", "teacher")
        }
        if settings.lips == "teacher" and networks["teacher"] is None:
            raise PvsdError(
                f"lips: teacher needs a teacher, and the model {settings.model} has "
                "none: export one with --teacher."
            )
        self.source = LipSource(settings.lips, **networks)
        self.store = AudioStore(settings.store_folder)

    def __call__(self, name: str, item: dict, face: dict | None = None) -> dict:
        """The row of one item.

        Arguments
        ---------
        name : str
            The item's id.
        item : dict
            A mixture or a pair of a manifest, its roots filled in.
        face : dict or None
            The talking-face entry of the clean file, for ``lips: real``.

        Returns
        -------
        dict
            A value for each of `COLUMNS`; None for a score that is not defined.
        """
        faces = None if face is None else {name: face}
        data = mixture_dataset({name: item}, self.store, faces)[0]
        noisy, clean = data["noisy"], data["clean"]
        enhanced = self.enhance(noisy, clean, data.get("lips"))
        row = {
            "file": name,
            "snr": item.get("snr"),
            "category": item.get("category"),
            "seconds": round(len(clean) / SAMPLE_RATE, 3),
        }
        for measure, function in MEASURES.items():
            row[measure] = function(clean, enhanced)
            row[f"noisy_{measure}"] = function(clean, noisy)
        return row

    @torch.no_grad()
    def enhance(self, noisy: Tensor, clean: Tensor, real: Tensor | None) -> Tensor:
        """The enhanced signal ``[time]`` of a noisy one.

        Arguments
        ---------
        noisy, clean : Tensor
            ``[time]``; clean is only heard by a teacher.
        real : Tensor or None
            ``[frames, 48, 96, 3]``.
        """
        lips = self.settings.lips
        if self.settings.engine == "stream" and lips in STREAMED:
            stream = self.model.make_stream(lips)
            pieces = noisy[None].split(4 * SAMPLE_RATE, dim=1)
            parts = [stream.feed(piece).audio for piece in pieces]
            return torch.cat([*parts, stream.flush().audio], 1)[0]
        device = self.model.device
        batch = [x if x is None else x[None].to(device) for x in (noisy, clean, real)]
        drawn = self.source(*batch)
        return self.model.mods["denoiser"](batch[0], drawn)["enhanced"][0].float().cpu()
