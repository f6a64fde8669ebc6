"""What both inference interfaces share: loading, streams, batches of any lengths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.autocast import AMPConfig
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.checkpoints.find import DEFAULT_MODEL, HPARAMS_FILE
from pvsd_modules.checkpoints.load import load_interface
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference.guard import GuardedStream, joined
from pvsd_modules.inference.level import NOTHING, level_of
from pvsd_modules.inference.seen_lips import SeenLips
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.sound_reading import read_mono, sound_blocks
from pvsd_modules.models.protocols import Chunk, Foldable

BLOCK_SECONDS = 4  # of a signal that is fed to a stream at once


class LipInterface(Pretrained):
    """What both interfaces share: the networks, and streams made of them.

    Arguments
    ---------
    See `speechbrain.inference.interfaces.Pretrained`; use `from_hparams`. The networks
    always stay in evaluation mode, so `train` of a module that holds an interface
    changes no running statistics.
    """

    MODULES_NEEDED = ["denoiser"]
    HPARAMS_NEEDED = ["sample_rate", "stream", "lips"]
    source = ""  # where the model comes from, for messages

    @classmethod
    def from_hparams(
        cls,
        source: str | Path | None = None,
        hparams_file: str = HPARAMS_FILE,
        savedir: str | Path | None = None,
        **kwargs: Any,
    ) -> Any:
        """Load a pretrained model.

        Arguments
        ---------
        source : str, Path or None
            Name of a shipped model, a folder (read where it is), or an id
            ``owner/name@revision`` of the Hugging Face hub; None for the default model.
        hparams_file : str
            Name of the YAML file in it.
        savedir : str, Path or None
            Where files of a hub are to lie; None for the hub's cache.
        **kwargs : dict
            Such as ``run_opts={"device": "cuda"}``, ``run_opts={"precision":
            "bf16"}``, ``overrides``, ``freeze_params=False`` for networks that are to
            be trained, or ``trust=True`` for a folder whose YAML builds more than
            networks of this project: it may then run any code. See
            `pvsd_modules.checkpoints.load.load_interface`.

        Raises
        ------
        PvsdError
            When the model is not found or does not fit.
        """
        model = load_interface(cls, source, hparams_file, savedir, **kwargs)
        model.source = str(source or DEFAULT_MODEL)
        return model

    def __init__(self, *args: Any, **kwargs: Any):
        options = kwargs.get("run_opts") or {}
        if any(options.get(key) for key in ("jit", "jit_module_keys")):
            raise PvsdError(
                "torch.jit cannot compile these networks, whose states are arguments: "
                "leave jit and jit_module_keys out of run_opts."
            )
        hparams = kwargs.get("hparams") or {}
        if "precision" not in options and _has_amx(options.get("device")):
            precision = hparams.get("precision_with_amx", "fp32")
            kwargs["run_opts"] = {**options, "precision": precision}
        super().__init__(*args, **kwargs)
        missing = [name for name in self.MODULES_NEEDED if name not in self.mods]
        if missing:  # SpeechBrain does not look
            raise ValueError(f"modules: lacks {', '.join(missing)}")
        if self.hparams.sample_rate != SAMPLE_RATE:
            raise ValueError(f"sample_rate: must be {SAMPLE_RATE}")
        self.mods.float()  # whatever the default type is
        self._folded: dict[str, tuple[list, torch.nn.Module]] = {}
        self.train(self.training)

    def train(self, mode: bool = True) -> "LipInterface":
        """Sets ``training`` of the interface alone: its networks stay in eval."""
        super().train(False)
        for module in self.mods.modules():
            if isinstance(module, torch.nn.RNNBase):  # cuDNN has no gradients in eval
                module.training = mode
        self.training = mode
        return self

    def load_audio(self, path: str | Path, savedir: str | Path | None = None) -> Tensor:
        """Read the sound of a file as the networks want it.

        Arguments
        ---------
        path : str or Path
            Sound or video file; as with SpeechBrain's interfaces also a file of the
            Hugging Face hub.
        savedir : str, Path or None
            Where a file of the hub is to lie.

        Returns
        -------
        torch.Tensor
            float32 ``[time]``, 16 kHz, one channel, on the device of the networks.

        Raises
        ------
        PvsdError
            When the file cannot be read.
        """
        if Path(path).exists() or isinstance(path, Path):
            return read_mono(path).to(self.device)
        return super().load_audio(path, savedir)

    def make_stream(
        self,
        lips: str | None = None,
        gradients: bool = False,
        seen: SeenLips | None = None,
    ) -> GuardedStream:
        """Begin a stream of the model's kind.

        Arguments
        ---------
        lips : str or None
            Which lips the denoiser is given ("student", "zeros", "none"); None for
            what the model was made for.
        gradients : bool
            Whether gradients flow through.
        seen : SeenLips or None
            Real lips of the signal's video, for the student's where there are some.
        """
        lips = self.hparams.lips if lips is None else lips
        extra = {} if seen is None else {"seen": seen}
        student, denoiser = (
            self.inference_network(name, gradients) for name in ("student", "denoiser")
        )
        return GuardedStream(
            self.hparams.stream(student, denoiser, lips=lips, **extra),
            self.device,
            self.inference_ctx,
            self.source,
            vars(self.hparams).get("network_level"),
            gradients,
        )

    def inference_network(
        self, name: str, gradients: bool = False
    ) -> torch.nn.Module | None:
        """A network of `mods` for a stream: its fused copy if it has one; None without
        it.

        A copy is made at first use and again when weights have changed, and none with
        ``gradients``, since a copy cannot be trained.
        """
        network = self.mods[name] if name in self.mods else None
        if network is None or gradients or not isinstance(network, Foldable):
            return network
        stamp = [(p.data_ptr(), p._version) for p in network.state_dict().values()]
        if name not in self._folded or self._folded[name][0] != stamp:
            dtype = AMPConfig.from_name(self.precision).dtype
            self._folded[name] = stamp, network.for_inference(dtype)
        return self._folded[name][1]

    def wants_gradients(self, signal: Tensor | np.ndarray) -> bool:
        """Whether gradients are to flow: for unfrozen networks, or to the input."""
        asked = isinstance(signal, Tensor) and signal.requires_grad
        asked = asked or any(p.requires_grad for p in self.mods.parameters())
        return asked and torch.is_grad_enabled()

    def level_gains(self, rows: Tensor) -> Tensor:
        """Gains, float32 ``[batch, 1]``, that bring signals ``[batch, time]`` to the
        level that the networks expect; 1 for models that are given signals as they are.
        """
        target = vars(self.hparams).get("network_level")
        levels = level_of(rows, SAMPLE_RATE).rms.to(rows)[:, None]
        known = (levels > NOTHING) & (target is not None)
        return torch.where(known, (target or 1.0) / levels, torch.ones_like(levels))

    def through_stream(
        self, noisy: Tensor, lips: str | None = None, seen: SeenLips | None = None
    ) -> Chunk:
        """Send whole signals ``[batch, time]`` through a stream, piece by piece: all of
        the audio and of the lips."""
        # A class may have a default of its own, which None would not ask for.
        given: dict[str, Any] = {} if lips is None else {"lips": lips}
        stream = self.make_stream(**given, seen=seen)
        stream.expect(level_of(noisy, SAMPLE_RATE))
        pieces = noisy.split(BLOCK_SECONDS * SAMPLE_RATE, dim=1)
        return joined([*map(stream.feed, pieces), stream.flush()])


def _has_amx(device: str | None) -> bool:
    """Whether the networks run on a processor that multiplies bfloat16 matrices."""
    if device not in (None, "cpu") or (device is None and torch.cuda.is_available()):
        return False
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii")
    except (OSError, ValueError):
        return False  # not Linux, where such processors are rare


def equally_long(rows: Tensor, counts: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Indices of rows that are equally long, and these rows cut to that length.

    So what lies behind the end of a row cannot touch it. ``counts`` has the samples of
    each row of ``[batch, time]``.
    """
    for count in counts.unique().tolist():
        indices = (counts == count).nonzero()[:, 0].to(rows.device)
        yield indices, rows[indices, :count]


def file_blocks(info: MediaInfo) -> Iterator[Tensor]:
    """The selected track of a file in blocks ``[channels, n]`` for a stream."""
    return sound_blocks(info, BLOCK_SECONDS * info.sample_rate)
