"""Channel layouts: names, masks of loudspeakers, and the orders that codecs store."""

import re
from typing import Any

import av

# Loudspeakers in the order of a WAV file's mask, which is also FFmpeg's, in its words.
SPEAKERS = "FL FR FC LFE BL BR FLC FRC BC SL SR TC TFL TFC TFR TBL TBC TBR".split()
_USUAL = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1", "7.1")
# Where each of FFmpeg's channels lies in Vorbis, by their number (Vorbis I, 4.3.9).
_VORBIS = {3: (0, 2, 1), 5: (0, 2, 1, 3, 4), 6: (0, 2, 1, 4, 5, 3)}
_VORBIS |= {7: (0, 2, 1, 5, 6, 4, 3), 8: (0, 2, 1, 6, 7, 4, 5, 3)}
# FFmpeg's Opus encoder puts 5 and 7 channels into other places than the standard (and
# its own decoder) wants; fed in this order they come right.
_OPUS = {5: (0, 1, 4, 2, 3), 7: (0, 1, 4, 3, 5, 2, 6)}
# The tag that FFmpeg writes for 7.1 in these has the side before the back channels.
_APPLE, _APPLE_71 = ("aiff", "caf", "mov"), (0, 1, 2, 3, 6, 7, 4, 5)
_DUMPED = re.compile(
    r"Stream #0:(\d+).*?: Audio: .*? Hz, (\d+) channels \(([A-Z0-9+]+)\)"
)
# What codecs can name, by the number of channels, and what AC-3 cannot.
_NOT_AC3 = ("6.0", "6.0(front)", "hexagonal")
_ALAC = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1(wide)")
_XIPH = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


def usual_layout(channels: int) -> str:
    """The usual layout of so many channels, beyond eight one without names."""
    return _USUAL[channels - 1] if channels <= len(_USUAL) else f"{channels}C"


def speaker_mask(layout: str) -> int:
    """The mask of loudspeakers of one of FFmpeg's channel layouts; 0 where it has none.

    Example
    -------
    >>> hex(speaker_mask("5.1(side)"))
    '0x60f'
    """
    if not layout:
        return 0
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    if any(name not in SPEAKERS for name in names):
        return 0
    return sum(1 << SPEAKERS.index(name) for name in names)


def layout_of_mask(mask: int, channels: int) -> str:
    """FFmpeg's name of the layout of a mask, "" where it does not fit the channels."""
    names = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
    return av.AudioLayout("+".join(names)).name if len(names) == channels else ""


def stored_layout(codec: str, layout: str, channels: int) -> str:
    """The nearest layout that an encoder takes.

    Arguments
    ---------
    codec : str
        FFmpeg's encoder.
    layout : str
        Wanted, "" for the usual one.
    channels : int
    """
    layout = layout or usual_layout(channels)
    if codec in ("libopus", "vorbis"):
        return _XIPH[channels - 1]
    if codec == "alac":
        return _ALAC[channels - 1]
    return usual_layout(channels) if layout in _NOT_AC3 and "ac3" in codec else layout


def writing_order(
    codec: str, muxer: str, layout: str, channels: int
) -> tuple[int, ...] | None:
    """The order in which channels have to be given to an encoder, None for their own.

    Arguments
    ---------
    codec, muxer : str
        FFmpeg's names.
    layout : str
        As stored.
    channels : int
    """
    if codec == "vorbis":
        return _VORBIS.get(channels)
    if codec == "libopus":
        return _OPUS.get(channels)
    if codec.startswith("pcm_") and muxer in _APPLE and layout == "7.1":
        return _APPLE_71
    return None


def settle_layouts(container: Any) -> dict[int, tuple[int, ...]]:
    """Give sound whose channels are stored in an order of their own a plain layout.

    PyAV frees the map of such a layout more than once, which ends the process, as soon
    as a frame or the layout itself is looked at; so it is read from FFmpeg's
    description, and replaced before anything is decoded. Containers of Apple's kind
    store such maps (AIFF, CAF, MOV).

    Arguments
    ---------
    container : av.container.InputContainer
        Just opened.

    Returns
    -------
    dict of int to tuple of int
        By the index of the stream: the order that brings its channels into FFmpeg's.
    """
    if not container.format.name.startswith(_APPLE):
        return {}
    orders = {}
    for index, count, names in _DUMPED.findall(_description(container)):
        stream, speakers = container.streams[int(index)], names.split("+")
        if stream.codec_context is None:
            continue
        known = all(name in SPEAKERS for name in speakers)
        if known and len(set(speakers)) == int(count):
            ranked = sorted(
                range(len(speakers)), key=lambda k: SPEAKERS.index(speakers[k])
            )
            stream.codec_context.layout = "+".join(speakers[k] for k in ranked)
            orders[int(index)] = tuple(ranked)
        else:
            stream.codec_context.layout = f"{count}C"
    return orders


def _description(container: Any) -> str:
    """FFmpeg's description of an open file."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # it is given through the log
    try:
        return container.dumps_format()
    finally:
        av.logging.set_level(level)
