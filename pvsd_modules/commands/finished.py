"""Remembers which files were enhanced, so that a run goes on where it stopped.

The record of an output folder lies in the user's cache, a line of JSON for each file.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path


def cache_folder() -> Path:
    """Where this system keeps caches of a user."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pvsd"


def stamp(path: Path) -> list[int] | None:
    """Size and time of a file; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


class Finished:
    """The record of one output folder, with the settings that outputs depend on."""

    def __init__(self, folder: Path, settings: dict):
        self.settings = json.dumps(settings, sort_keys=True)
        name = hashlib.sha256(os.fsencode(os.path.abspath(folder))).hexdigest()[:32]
        self._file = cache_folder() / f"{name}.jsonl"
        self._lines: dict[str, dict] = {}
        self._begun: dict[str, dict] = {}
        try:
            text = self._file.read_text(encoding="utf-8")
        except OSError:
            text = ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                if "begun" in entry:
                    self._begun[entry["output"]] = entry
                else:
                    self._lines[entry["output"]] = entry
                    self._begun.pop(entry["output"], None)
            except (ValueError, KeyError, TypeError):
                continue  # cut short by a crash

    def state(self, path: Path, output: Path) -> str:
        """What is known of an output that exists.

        Returns
        -------
        str
            "done" when it was made of this input, which has not changed since, with
            the same settings; "outdated" when the input has changed; "foreign" when
            it is another file, or has been changed.
        """
        found = stamp(output)
        entry = self._begun.get(os.path.abspath(output))
        if entry is None or found is None or found[1] < entry["begun"]:
            entry = self._lines.get(os.path.abspath(output))
            if entry is None or entry["made"] != found:
                return "foreign"
        # Else the run that began it was killed before it noted the end. Outputs appear
        # whole.
        if entry["settings"] != self.settings:
            return "foreign"
        same = entry["input"] == os.path.abspath(path) and entry["read"] == stamp(path)
        return "done" if same else "outdated"

    def begin(self, path: Path, output: Path) -> None:
        """Remember that an output is going to be made."""
        self._begun[os.path.abspath(output)] = self._note(
            path, output, stamp(path), begun=time.time_ns()
        )

    def add(self, path: Path, output: Path, read: list[int] | None) -> None:
        """Remember an output that was just made.

        Arguments
        ---------
        path, output : Path
        read : list of int
            `stamp` of the input before it was read.
        """
        entry = self._note(path, output, read, made=stamp(output))
        self._lines[entry["output"]] = entry
        self._begun.pop(entry["output"], None)

    def _note(self, path: Path, output: Path, read: list[int] | None, **more) -> dict:
        """Write a line."""
        entry = {
            "output": os.path.abspath(output),
            "input": os.path.abspath(path),
            "read": read,
            "settings": self.settings,
            **more,
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError:
            pass  # without a cache the next run names what exists
        return entry
