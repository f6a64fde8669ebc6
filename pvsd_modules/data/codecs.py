"""Sends sound through codecs of telephones and recordings and back, without delay."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.data.effects import at_speed, low_pass

OPUS_RATE = 48000  # what FFmpeg's decoder gives out, whatever was put in
#: Delay of libopus in samples at 48 kHz by bandwidth: its look-ahead of 6.5 ms, and
#: what the resamplers of its speech coder add (measured on speech; above 16 kbit/s,
#: where another coder takes over, they add nothing). FFmpeg itself removes the delay of
#: LAME.
OPUS_DELAY = {4000: 317, 6000: 314, 8000: 312}


def mu_law(wav: Tensor, mu: float = 255.0) -> Tensor:
    """A telephone line: 8 kHz and 8 bits of mu-law (ITU-T G.711), ``[time]`` to
    ``[time]``.

    The signal is of 16 kHz and has an even number of samples. Nothing above 4 kHz is
    kept: give the clean signal `band_limit` of 3,700 Hz as well.
    """
    slow = low_pass(wav, 3700.0)[::2].clamp(-1, 1)
    code = slow.sign() * torch.log1p(mu * slow.abs()) / np.log1p(mu)
    code = (code * 127.5).round() / 127.5
    slow = code.sign() * ((1 + mu) ** code.abs() - 1) / mu
    return at_speed(slow, len(wav))


def opus(wav: Tensor, bit_rate: int, cutoff: int) -> Tensor:
    """Opus as in calls: ``[time]`` at 16 kHz to ``[time]``, aligned to the sample.

    8,000 to 16,000 bits a second; the cutoff is one of the codec's own bandwidths,
    4000, 6000 or 8000 Hz, the last from 12,000 bits a second on: below that the codec
    chooses a smaller one than asked for.
    """
    # Not "voip": its high-pass moves, and with it the phase of low harmonics.
    options = {"application": "audio", "compression_level": "3", "cutoff": str(cutoff)}
    coded = _round_trip(wav, "libopus", "opus", "flt", bit_rate, options, OPUS_RATE)
    size = -(-len(wav) // 640) * 640
    coded = _fit(coded[OPUS_DELAY[cutoff] :], size * OPUS_RATE // SAMPLE_RATE)
    return at_speed(coded, size)[: len(wav)]


def mp3(wav: Tensor, bit_rate: int) -> Tensor:
    """MP3 of a low rate: ``[time]`` to ``[time]``, aligned to the sample.

    Arguments
    ---------
    wav : Tensor
        ``[time]``, 16 kHz.
    bit_rate : int
        16,000 to 64,000 bits a second.

    Returns
    -------
    Tensor
        ``[time]``.
    """
    options = {"compression_level": "7"}
    coded = _round_trip(
        wav, "libmp3lame", "mp3float", "fltp", bit_rate, options, SAMPLE_RATE
    )
    return _fit(coded, len(wav))


@cache
def available() -> frozenset[str]:
    """Which of "opus" and "mp3" this installation of PyAV can encode."""
    import av

    names = {"libopus": "opus", "libmp3lame": "mp3"}
    return frozenset(
        name for coder, name in names.items() if coder in av.codecs_available
    )


def band_limit(wav: Tensor, cutoff: float) -> Tensor:
    """What a codec of this bandwidth could at best keep of a clean signal."""
    return wav if cutoff >= SAMPLE_RATE / 2 else low_pass(wav, cutoff)


def _fit(wav: Tensor, samples: int) -> Tensor:
    return torch.nn.functional.pad(wav, (0, max(0, samples - len(wav))))[:samples]


def _round_trip(
    wav: Tensor,
    coder: str,
    decoder: str,
    form: str,
    bit_rate: int,
    options: dict,
    rate: int,
) -> Tensor:
    """What comes out of the decoder, ``[any]`` at ``rate``, with the codec's delay."""
    import av

    encode = av.CodecContext.create(coder, "w")
    encode.sample_rate, encode.layout = SAMPLE_RATE, "mono"
    encode.format, encode.bit_rate, encode.options = form, bit_rate, options
    encode.open()
    size = encode.frame_size
    decode = av.CodecContext.create(decoder, "r")
    decode.sample_rate, decode.layout = rate, "mono"
    # Two frames more than the signal: the last samples come out late.
    frames = -(-len(wav) // size) + 2
    samples = np.zeros((frames, 1, size), np.float32)
    samples.reshape(-1)[: len(wav)] = wav.numpy()
    packets, out = [], []
    for index, frame in enumerate(samples):
        piece = av.AudioFrame.from_ndarray(frame, format=form, layout="mono")
        piece.sample_rate, piece.pts = SAMPLE_RATE, index * size
        packets += encode.encode(piece)
    packets += encode.encode(None)
    for packet in packets:
        out += [piece.to_ndarray() for piece in decode.decode(packet)]
    out += [piece.to_ndarray() for piece in decode.decode(None)]
    return torch.from_numpy(np.concatenate(out, -1).reshape(-1)).float()
