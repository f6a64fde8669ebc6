"""The systems that are scored: a model of this project, or files of another program."""

import torch
from torch import Tensor

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.reading import sound
from pvsd_modules.inference import PseudoVisualEnhancement
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.models.lip_source import SOURCES, LipSource

STREAMED = ("student", "none", "zeros")  # lips that a stream can give
ENGINES = ("stream", "whole")


def enhanced_file(item: dict, signals: dict) -> Tensor:
    """The file of another program that was found for the item, ``[time]``, 16 kHz."""
    return sound(item["enhanced"])


class Model:
    """A model of this project with one source of lips.

    Arguments
    ---------
    model : str
        Pretrained folder, name of a shipped model, or hub id.
    lips : str or None
        One of `pvsd_modules.models.lip_source.SOURCES`; None for what the model was
        trained with.
    engine : str
        ``stream``: chunk by chunk as ``pvsd enhance`` does; ``whole``: the networks
        process the whole recording at once. Lips that need the clean signal or the
        whole recording are always ``whole``.
    device : str
        Such as ``cpu``.
    trust : bool
        Whether the model's YAML may build anything.

    Raises
    ------
    PvsdError
        If the model cannot be loaded or lacks what the lips need.
    """

    def __init__(
        self,
        model: str,
        lips: str | None,
        engine: str,
        device: str,
        trust: bool = False,
    ):
        check_choices(lips, engine)
        self.engine = engine
        try:
            torch.zeros(1, device=device)
        except (RuntimeError, AssertionError) as error:
            raise PvsdError(
                f"The device {device} cannot be used here: try --device cpu."
            ) from error
        options = {"run_opts": {"device": device}, "trust": trust}
        options["extra_networks"] = lips == "teacher"
        self.model = PseudoVisualEnhancement.from_hparams(model, **options)
        self.model.eval()
        self.lips = lips or self.model.hparams.lips
        networks = {
            name: self.model.mods[name] if name in self.model.mods else None
            for name in ("student", "teacher")
        }
        if self.lips == "teacher" and networks["teacher"] is None:
            raise PvsdError(
                f"lips: teacher needs a teacher, and the model {model} has none: "
                "export one with --teacher."
            )
        self.source = LipSource(self.lips, **networks)
        mods = self.model.mods
        self.reader = mods["mouth_reader"] if "mouth_reader" in mods else None

    @torch.no_grad()
    def __call__(self, item: dict, signals: dict) -> Tensor:
        """The enhanced signal ``[time]`` of the noisy one."""
        noisy = signals["noisy"]
        adding = self.model.make_observation_adding()
        return adding.whole(noisy[None], self._enhanced(signals)[None])[0]

    def _enhanced(self, signals: dict) -> Tensor:
        noisy = signals["noisy"]
        if self.engine == "stream" and self.lips in STREAMED:
            return self.model.through_stream(noisy[None], self.lips).audio[0]
        if self.lips == "real" and self.reader is not None:
            weights = self.reader(signals["lips"][None].to(self.model.device))[0].cpu()
            seen = SeenLips(weights, torch.ones(len(weights)))
            return self.model.through_stream(noisy[None], seen=seen).audio[0]
        device = self.model.device
        gain = self.model.level_gains(noisy[None])
        batch = [
            None if signals[key] is None else signals[key][None].to(device)
            for key in ("noisy", "clean", "lips")
        ]
        batch[0] = batch[0] * gain.to(device)
        if self.lips == "shuffled":  # of another recording, repeated where too short
            times = -(-len(noisy) // len(signals["other"]))
            other = signals["other"].repeat(times)[None, : len(noisy)]
            other = other * self.model.level_gains(other)
            lips = self.model.mods["student"](other.to(device))
        else:
            lips = self.source(*batch)
        enhanced = self.model.mods["denoiser"](batch[0], lips)["enhanced"]
        return (enhanced.float().cpu() / gain)[0]


def check_choices(lips: str | None, engine: str) -> None:
    """Raises PvsdError for an unknown name of lips or engine."""
    if engine not in ENGINES:
        raise PvsdError(f"engine: {engine} is unknown: choose {' or '.join(ENGINES)}.")
    if lips is not None and lips not in SOURCES:
        raise PvsdError(f"lips: {lips} is unknown: choose {', '.join(SOURCES)}.")
