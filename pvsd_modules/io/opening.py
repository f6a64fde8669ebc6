"""Opens media files: what FFmpeg cannot read becomes a sentence.

Packets and frames of files that are damaged, joined or cut short are read as far as
they go.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.wav import WavLayout

DAMAGED = "The file is damaged: it is read up to there."
LATER = "Further tracks begin in the middle of the file: they are left out."


@contextmanager
def open_media(
    path: str | Path, made_stamps: bool = False, file: Any = None
) -> Iterator[av.container.InputContainer]:
    """Open a media file for reading; what FFmpeg cannot read becomes a sentence.

    Arguments
    ---------
    path : str or Path
        File to read.
    made_stamps : bool
        Work out the presentation times that a container does not store (AVI); for
        copying packets, decoders do without.
    file : file object
        Read in place of the file, which ``path`` then only names.

    Yields
    ------
    container : av.container.InputContainer

    Raises
    ------
    PvsdError
        When the file is missing, a folder, empty, or not a media file, also when
        that only shows while it is being decoded.
    """
    path = Path(path)
    check_input(path)
    options = {"fflags": "genpts"} if made_stamps else {}
    try:
        if WavLayout(path).is_unfinished:
            options["ignore_length"] = "1"
        # "file:" keeps names such as "a:b.mp4" from being read as a protocol.
        with av.open(
            file or f"file:{path}", options=options, metadata_errors="ignore"
        ) as container:
            yield container
    except av.error.PatchWelcomeError as error:
        raise PvsdError(
            f"{path} is of a kind, or changes to one, that FFmpeg cannot read."
        ) from error
    except (av.error.FFmpegError, UnicodeError) as error:
        raise PvsdError(
            f"{path} cannot be read as video or audio ({error.__class__.__name__}): "
            "it is damaged, cut short, or of another kind."
        ) from error


def check_input(path: Path) -> None:
    """Raises a sentence for what is no readable, non-empty file."""
    if "\0" in str(path):
        raise PvsdError(f"{str(path)!r} is no file name: it holds a null character.")
    try:
        if path.is_symlink() and not path.exists():
            raise PvsdError(
                f"{path} is a symbolic link that leads to no file: {os.readlink(path)}."
            )
        if path.is_dir():
            raise PvsdError(f"{path} is a folder: name a sound or video file.")
        if not path.exists():
            raise PvsdError(f"{path} does not exist: check the name of the file.")
        if not path.is_file():
            raise PvsdError(f"{path} is a device or a pipe, not a file.")
        if path.stat().st_size == 0:
            raise PvsdError(f"{path} is empty (0 bytes): give a recording with sound.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise PvsdError(f"{path} cannot be read: {error.strerror}.") from error


def kind_of(stream: Any) -> str:
    """One of "video", "cover", "audio", "subtitle", "attachment" and "data"."""
    if (
        stream.type == "video"
        and av.stream.Disposition.attached_pic & stream.disposition
    ):
        return "cover"
    known = ("video", "audio", "subtitle", "attachment")
    return stream.type if stream.type in known else "data"


def demuxed(container: Any, streams: list, notes: list[str]) -> Iterator[Any]:
    """Packets of some streams of a file that may be damaged or joined.

    Arguments
    ---------
    container : av.container.InputContainer
    streams : list of av.stream.Stream
    notes : list of str
        A sentence is added where the file is damaged, and where further streams begin
        midway, at whose first packet PyAV's own generator ends with an error.

    Yields
    ------
    packet : av.packet.Packet
    """
    begun = False
    while True:
        try:
            for packet in container.demux(streams):
                begun = True
                yield packet
            break
        except IndexError:
            if LATER not in notes:
                notes.append(LATER)
            continue  # with the next packet
        except av.error.InvalidDataError:
            if not begun:
                raise
            if DAMAGED not in notes:
                notes.append(DAMAGED)
            break


def frames_of(packet: Any, failed: list[Any] | None = None) -> list[Any]:
    """The frames of a packet, none of a damaged one, which joins ``failed``."""
    try:
        return packet.decode()
    except (av.error.InvalidDataError, av.error.PatchWelcomeError):
        if failed is not None:
            failed.append(packet.pts)
    except av.error.EOFError:
        pass
    return []


def frame_time(frame: Any) -> float | None:
    """A frame's time stamp in seconds, None without one."""
    return None if frame.pts is None else float(frame.pts * frame.time_base)
