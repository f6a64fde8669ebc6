"""Lets several readers share one opening of a file."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pvsd_modules.io.clock import placed_packets
from pvsd_modules.io.info import MediaInfo
from pvsd_modules.io.opening import open_media


class SharedFile:
    """One opening of a file for several readers, each of a stream of its own.

    Packets that another reader comes to first wait, still coded: readers that go on
    side by side keep few of them.

    Arguments
    ---------
    container : av.container.InputContainer
    info : MediaInfo
    indices : list of int
        The streams' indices.
    """

    def __init__(self, container: Any, info: MediaInfo, indices: list[int]):
        self.container = container
        streams = [container.streams[index] for index in indices]
        self._packets = placed_packets(container, streams, info)
        self._waiting: dict[int, deque] = {index: deque() for index in indices}

    def packets(self, index: int) -> Iterator[Any]:
        """The packets of a stream."""
        waiting = self._waiting[index]
        while True:
            while waiting:
                yield waiting.popleft()
            packet = next(self._packets, None)
            if packet is None:
                return
            self._waiting[packet.stream.index].append(packet)


@contextmanager
def opened_stream(
    info: MediaInfo, index: int, shared: SharedFile | None = None
) -> Iterator[tuple[Any, Any, Iterator[Any]]]:
    """A file's container, one of its streams, and its packets on one clock, of a file
    that is opened for it or is ``shared``."""
    if shared is not None:
        yield shared.container, shared.container.streams[index], shared.packets(index)
        return
    with open_media(info.path) as container:
        stream = container.streams[index]
        yield container, stream, placed_packets(container, [stream], info)
