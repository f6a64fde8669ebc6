"""The limits of the server."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What one server allows.

    Arguments
    ---------
    hosts : tuple of str
        Names, without a port, by which the server may be called.
    megabytes : int
        Size of an uploaded file.
    seconds : int
        Length of a recording.
    queue : int
        Recordings that are received, waiting or in work at a time.
    timeout : int
        Seconds that receiving a file, and working on it, may take each.
    keep : int
        Minutes after which results are removed if their page is gone.
    gigabytes : int
        Size of all results; above it the oldest are removed.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "::1")
    megabytes: int = 100
    seconds: int = 180
    queue: int = 8
    timeout: int = 300
    keep: int = 10
    gigabytes: int = 4
