"""What a training run is made of: it must be the same when the run is resumed."""

import hashlib
import json
from pathlib import Path

from speechbrain.utils.checkpoints import (
    mark_as_loader,
    mark_as_saver,
    register_checkpoint_hooks,
)

from pvsd_modules.errors import PvsdError


@register_checkpoint_hooks
class RunIdentity:
    """Data, batch size and processes of a run, kept in each of its checkpoints.

    Other data are never the same run. Another batch size or another number of processes
    is right between two epochs; in the middle of one it is not known which items are
    still to come.

    Arguments
    ---------
    dataset : Dataset
        The training items.
    batch_size : int
        Items in a batch of one process.
    processes : int
        Processes that train together.
    """

    def __init__(self, dataset, batch_size: int, processes: int):
        self.items, self.digest = len(dataset), ""
        if names := getattr(dataset, "data_ids", []):
            self.items = len(names)
            digest = hashlib.sha256("\n".join(names).encode())
            self.digest = digest.hexdigest()[:16]
        self.sharing = {"batch_size": batch_size, "processes": processes}
        self.sharing |= getattr(dataset, "sharing", {})  # of streamed shards

    @mark_as_saver
    def save(self, path) -> None:
        """Writes the identity as JSON."""
        content = {"items": self.items, "digest": self.digest, **self.sharing}
        Path(path).write_text(json.dumps(content), encoding="utf-8")

    @mark_as_loader
    def load(self, path, end_of_epoch: bool) -> None:
        """Compares the identity of a checkpoint with this run's.

        Arguments
        ---------
        path : str or Path
        end_of_epoch : bool
            Whether the checkpoint was saved between two epochs.

        Raises
        ------
        PvsdError
            If the run may not go on.
        """
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        if (stored["items"], stored["digest"]) != (self.items, self.digest):
            raise PvsdError(
                f"The run of {Path(path).parent} was trained on other data "
                f"({stored['items']} items; there are {self.items} now): resume with "
                "the manifests it was started with, or choose another output_folder "
                "and start from its weights with init_path."
            )
        if end_of_epoch:
            return
        for name, now in self.sharing.items():
            if stored.get(name, now) != now:
                raise PvsdError(
                    f"The run of {Path(path).parent} was interrupted in the middle of "
                    f"an epoch with {name} {stored[name]}, and there are {now} now: "
                    f"resume with {stored[name]}; it can be changed between two epochs."
                )
