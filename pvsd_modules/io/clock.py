"""One time for all packets of a file, also where joined files begin again."""

from collections.abc import Iterator
from typing import Any

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import MediaInfo
from pvsd_modules.io.opening import demuxed

_BACK = 0.3  # seconds; a stream whose time goes back further begins a new part
_AHEAD = 10.0  # seconds without any packet after which a transport stream was joined
# Containers that are files when joined end to end, and whose time may then jump.
JOINABLE = ("mpegts", "mpeg")
_LONGEST_GAP = 3600  # seconds; a longer one is a damaged time stamp


def check_gap(info: MediaInfo, seconds: float) -> None:
    """Refuse time stamps that ask for more than one hour of silence or of one picture,
    between what was given out and what comes next."""
    if seconds > _LONGEST_GAP:
        raise PvsdError(
            f"{info.path} is damaged: its time stamps jump by "
            f"{seconds / 3600:.0f} hours."
        )


class Clock:
    """Moves packets of the later parts of a joined file behind the earlier ones.

    Arguments
    ---------
    info : MediaInfo
        The file.
    """

    def __init__(self, info: MediaInfo):
        self._jumps = info.format in JOINABLE
        self._last: dict[int, float] = {}
        self._offset = 0.0
        self._end = 0.0
        self.joins = 0

    def place(self, packet: Any) -> Any:
        """The packet, with its time stamps on the one clock."""
        if packet.dts is None:
            return packet
        # Fractions are exact and slow: every packet of a corpus passes here.
        base, index = float(packet.time_base), packet.stream.index
        time = packet.dts * base
        back = time < self._last.get(index, time) - _BACK
        ahead = self._jumps and self._last and time > max(self._last.values()) + _AHEAD
        if back or ahead:
            self._offset = self._end - time
            self._last = {}
            self.joins += 1
        self._last[index] = time
        length = (packet.duration or 0) * base
        self._end = max(self._end, time + length + self._offset)
        if self._offset:
            shift = round(self._offset / base)
            packet.dts += shift
            if packet.pts is not None:
                packet.pts += shift
        return packet


def placed_packets(container: Any, streams: list, info: MediaInfo) -> Iterator[Any]:
    """Packets of some streams of an open container on one clock.

    Yields
    ------
    packet : av.packet.Packet
    """
    clock, wanted = Clock(info), {one.index for one in streams}
    if info.format in JOINABLE:  # every stream shows where a new part begins
        others = {one.stream for one in info.tracks} - wanted
        if info.video and info.video.stream not in wanted:
            others.add(info.video.stream)
        streams = [*streams, *(container.streams[index] for index in sorted(others))]
    for packet in demuxed(container, streams, info.notes):
        clock.place(packet)
        if packet.stream.index in wanted:
            yield packet
