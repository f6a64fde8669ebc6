"""Room manifests: measured impulse responses, from a folder or a CSV table."""

from collections import defaultdict
from pathlib import PurePosixPath

from pvsd_modules.data.manifests import quality, scan
from pvsd_modules.data.manifests.build import Kind, escape
from pvsd_modules.data.manifests.scan import Recording
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk


class Rooms(Kind):
    """Impulse responses of rooms; a room is in one set only.

    A root is a tree with a folder for each room, or a CSV manifest with rows of type
    `rir`; its column `room` (or else the folder of the file) names the room.
    """

    name = "rooms"
    group = "room"
    depends_on = (
        "seed valid_fraction test_fraction min_level_db exclude_licences".split()
    )
    missing = "No impulse response was found"
    hint = (
        "it should hold a folder of sound files for each room, or be a .csv manifest "
        "with rows of type rir"
    )

    def find(self, root, options, left_out):
        """With the room as `group`."""
        if scan.is_table(root):
            return [
                scan.row_recording(
                    root.parent, row, row.get("room") or _room(row["path"], root.parent)
                )
                for row in scan.read_table(root, "rir", left_out)
            ]
        keys = walk(root, MEDIA_SUFFIXES, left_out.fault)
        return [
            Recording(root / key, key, _room(key, root), _split(key), source=root.name)
            for key in keys
        ]

    def limits(self, options):
        """A response is short, and of low level where it is long."""
        return quality.Limits(0.0, min(options.min_level_db, -80.0))

    def entry(self, item):
        """The file, its length in seconds, its room, its corpus."""
        return {
            "wav": "{rooms_root}/" + escape(item.key),
            "length": round(item.seconds, 4),
            "room": escape(item.group),
            "source": escape(item.source),
        }


def files_by_room(manifest: dict) -> dict[str, list[str]]:
    """Files of each room of `train_rooms.json`, sorted, so that rooms are drawn before
    files.

    Most responses of a collection are often of one room; drawn by file, that room would
    be drawn nearly always.

    Example
    -------
    >>> files_by_room({"b": {"wav": "b.wav", "room": "hall"}})
    {'hall': ['b.wav']}
    """
    rooms = defaultdict(list)
    for item in manifest.values():
        rooms[item["room"]].append(item["wav"])
    return {room: sorted(rooms[room]) for room in sorted(rooms)}


def _room(key: str, root) -> str:
    return PurePosixPath(key).parent.name or root.name


def _split(key: str) -> str:
    folders = PurePosixPath(key).parent.parts
    return scan.own_split(folders[0]) if folders else ""
