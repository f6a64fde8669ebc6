"""Samples as the bytes of a PCM codec, and back."""

from typing import Any

import av
import numpy as np


class PcmEncoder:
    """Float samples as the bytes of a PCM codec.

    Arguments
    ---------
    codec : str
        FFmpeg's encoder ("pcm_s16le").
    rate, channels : int
    """

    def __init__(self, codec: str, rate: int, channels: int):
        self.layout = f"{channels}C"
        context: Any = av.CodecContext.create(codec, "w")
        context.layout, context.sample_rate = self.layout, rate
        context.format = context.codec.audio_formats[0].name
        self._context = context
        self._rate = rate

    def encode(self, samples: np.ndarray) -> bytes:
        """Bytes of float ``[channels, n]`` within full scale."""
        if samples.shape[1] == 0:
            return b""
        packed = np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "flt", self.layout)
        frame.sample_rate = self._rate
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class PcmDecoder:
    """Bytes of a PCM codec as float samples.

    Arguments
    ---------
    codec : str
        FFmpeg's name ("pcm_s16le").
    rate, channels : int
    layout : str
        FFmpeg's name, "" for none.
    """

    def __init__(self, codec: str, rate: int, channels: int, layout: str = ""):
        context: Any = av.CodecContext.create(codec, "r")
        self.layout = layout or f"{channels}C"
        context.layout, context.sample_rate = self.layout, rate
        self._context, self._channels = context, channels
        self._to_float = av.AudioResampler("flt", self.layout, rate)
        #: Bytes of one sample of all channels.
        self.align = channels * pcm_width(codec)

    def decode(self, data: bytes) -> np.ndarray:
        """float32 ``[channels, n]`` of whole samples."""
        frames = self._context.decode(av.Packet(data))
        pieces = [one for frame in frames for one in self._to_float.resample(frame)]
        arrays = [one.to_ndarray().reshape(-1, self._channels).T for one in pieces]
        empty = np.zeros((self._channels, 0), np.float32)
        return np.ascontiguousarray(np.concatenate([empty, *arrays], axis=1))


def pcm_width(codec: str) -> int:
    """Bytes of a sample of a PCM codec."""
    bits = "".join(letter for letter in codec.split("_")[1] if letter.isdigit())
    return int(bits) // 8 if bits else 1
