"""Writes files so that nothing half-written and nothing of the user's is lost."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvsd_modules.errors import PvsdError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; it becomes ``path`` when all went well.

    Missing folders are created. When the block raises, the temporary file is removed
    and whatever ``path`` held before stays as it was.

    Arguments
    ---------
    path : str or Path
        File to write.

    Yields
    ------
    Path
        A name of the same folder and suffix that no file bears.

    Raises
    ------
    PvsdError
        When the folder cannot be created or written.

    Example
    -------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "new" / "a.txt"
    >>> with written_whole(target) as temporary:
    ...     _ = temporary.write_text("hello")
    >>> target.read_text()
    'hello'
    """
    path = Path(path)
    temporary = path.with_name(f".pvsd-{uuid.uuid4().hex}{path.suffix.lower()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise PvsdError(f"{path} is a folder: name a file to write.")
        temporary.touch()
    except OSError as error:
        raise PvsdError(
            f"{path} cannot be written ({error.strerror}): choose another folder."
        ) from error
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
