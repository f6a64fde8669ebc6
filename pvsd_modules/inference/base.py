"""What both inference interfaces share: loading, streams, batches of any lengths."""

from collections.abc import Iterator
from pathlib import Path

import torch
from speechbrain.inference.interfaces import Pretrained
from speechbrain.utils.autocast import AMPConfig

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.checkpoints.find import HPARAMS_FILE
from pvsd_modules.checkpoints.load import load_interface
from pvsd_modules.models.protocols import Chunk, Foldable, Stream

BLOCK_SECONDS = 4  # of a signal that is fed to a stream at once


class GuardedStream:
    """A stream that keeps no gradients and gives float32, at the model's precision.

    Arguments
    ---------
    stream : Stream
    device : str
        Where the networks are; what is fed may be anywhere.
    autocast : context manager
        Such as `speechbrain.utils.autocast.TorchAutocast`.
    """

    def __init__(self, stream: Stream, device: str, autocast):
        self.stream, self.device, self.autocast = stream, device, autocast
        self._home = torch.device("cpu")

    @property
    def latency_samples(self) -> int:
        """Samples at 16 kHz by which the output may lie behind the input."""
        return self.stream.latency_samples

    @torch.no_grad()
    def feed(self, chunk: torch.Tensor) -> Chunk:
        """Take ``[batch, n]``, give what is finished, on the chunk's device."""
        self._home = chunk.device
        with self.autocast:
            given = self.stream.feed(chunk.float().to(self.device))
        return self._as_float(given)

    @torch.no_grad()
    def flush(self) -> Chunk:
        """Give the rest, on the device of the last chunk."""
        with self.autocast:
            given = self.stream.flush()
        return self._as_float(given)

    def _as_float(self, chunk: Chunk) -> Chunk:
        audio, lips = chunk.audio.float(), chunk.lips.float()
        return Chunk(audio.to(self._home), lips.to(self._home))


class LipInterface(Pretrained):
    """What both interfaces share: the networks, and streams made of them."""

    MODULES_NEEDED = ["denoiser"]
    HPARAMS_NEEDED = ["sample_rate", "stream", "lips"]

    @classmethod
    def from_hparams(
        cls,
        source: str | Path | None = None,
        hparams_file: str = HPARAMS_FILE,
        savedir: str | Path | None = None,
        **kwargs,
    ):
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
            "bf16"}``, ``overrides``, or ``trust=True`` for a folder whose YAML builds
            more than networks of this project: it may then run any code. See
            `pvsd_modules.checkpoints.load.load_interface`.

        Returns
        -------
        An instance of this class.

        Raises
        ------
        PvsdError
            When the model is not found or does not fit.
        """
        return load_interface(cls, source, hparams_file, savedir, **kwargs)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        missing = [name for name in self.MODULES_NEEDED if name not in self.mods]
        if missing:  # SpeechBrain does not look
            raise ValueError(f"modules: lacks {', '.join(missing)}")
        if self.hparams.sample_rate != SAMPLE_RATE:
            raise ValueError(f"sample_rate: must be {SAMPLE_RATE}")
        self._twins = {}  # of the networks that have one, with the weights' stamps

    def make_stream(self, lips: str | None = None) -> "GuardedStream":
        """Begin a stream of the model's kind.

        Arguments
        ---------
        lips : str or None
            Which lips the denoiser is given ("student", "zeros", "none"); None for
            what the model was made for.

        Returns
        -------
        GuardedStream
        """
        lips = self.hparams.lips if lips is None else lips
        student, denoiser = self.inference_networks("student", "denoiser")
        stream = self.hparams.stream(student, denoiser, lips=lips)
        return GuardedStream(stream, self.device, self.inference_ctx)

    def inference_networks(self, *names: str) -> Iterator[torch.nn.Module | None]:
        """Networks for a stream: faster twins of those that have one.

        A twin is made at first use and again when weights have changed.

        Arguments
        ---------
        *names : str
            Of `mods`.

        Yields
        ------
        torch.nn.Module or None
            None where the model has no such network.
        """
        for name in names:
            network: torch.nn.Module | None = None
            if name in self.mods:
                network = self.mods[name]
            if not isinstance(network, Foldable):
                yield network
                continue
            stamp = [(p.data_ptr(), p._version) for p in network.state_dict().values()]
            if name not in self._twins or self._twins[name][0] != stamp:
                dtype = AMPConfig.from_name(self.precision).dtype
                self._twins[name] = stamp, network.for_inference(dtype)
            yield self._twins[name][1]

    def through_stream(self, noisy: torch.Tensor, lips: str | None = None) -> Chunk:
        """Send whole signals through a stream, piece by piece.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, time]``, 16 kHz.
        lips : str or None
            See `make_stream`.

        Returns
        -------
        Chunk
            All of the audio, ``[batch, time]``, and of the lips.
        """
        # A class may have a default of its own, which None would not ask for.
        stream = self.make_stream() if lips is None else self.make_stream(lips)
        pieces = noisy.split(BLOCK_SECONDS * SAMPLE_RATE, dim=1)
        chunks = [stream.feed(piece) for piece in pieces]
        chunks.append(stream.flush())
        audio = torch.cat([chunk.audio for chunk in chunks], dim=1)
        return Chunk(audio, torch.cat([chunk.lips for chunk in chunks], dim=1))

    def _by_length(
        self, noisy: torch.Tensor, lengths: torch.Tensor | None
    ) -> Iterator[tuple[torch.Tensor, int, Chunk]]:
        """Rows of a batch that are equally long go through together, cut to length.

        So what lies behind the end of a row cannot touch it.
        """
        if noisy.dim() != 2 or not noisy.shape[1]:
            raise ValueError(f"noisy is [batch, time], not {list(noisy.shape)}")
        time = noisy.shape[1]
        if lengths is None:
            samples = torch.full((noisy.shape[0],), time)
        else:
            samples = (torch.as_tensor(lengths).cpu() * time).round().long()
            samples = samples.clamp(1, time)
        for count in samples.unique().tolist():
            rows = (samples == count).nonzero()[:, 0].to(noisy.device)
            yield rows, count, self.through_stream(noisy[rows, :count])
