"""Locks between processes; the system frees those of a process that was killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pvsd_modules.errors import PvsdError


@contextmanager
def locked(path: str | Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; it stays on the disk, empty.

    Arguments
    ---------
    path : str or Path
        The lock file; its folder exists.
    wait : bool
        Whether to wait while somebody else holds it.

    Yields
    ------
    bool
        Whether the lock is held; always true with ``wait``.

    Raises
    ------
    PvsdError
        If the file system has no locks.

    Example
    -------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.lock")
    >>> with locked(path) as mine, locked(path, wait=False) as other:
    ...     mine, other
    (True, False)
    """
    lock = FileLock(path, is_singleton=False)
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        yield False
        return
    except (NotImplementedError, OSError) as error:
        raise PvsdError(
            f"{path} cannot be locked ({error}): choose a folder that can be written, "
            "on a file system with locks."
        ) from error
    try:
        yield True
    finally:
        lock.release()
