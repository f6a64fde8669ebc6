"""What a training run left: its checkpoints, the best of them, and resuming."""

import pickle
from pathlib import Path

import torch
import yaml
from speechbrain.core import INTRA_EPOCH_CKPT_FLAG
from speechbrain.utils.checkpoints import METAFNAME, Checkpoint, Checkpointer

from pvsd_modules.checkpoints.weights import load_weights
from pvsd_modules.errors import PvsdError

#: Statistic that chooses the checkpoint of each network; more is better.
BEST = {"student": "opening", "teacher": "opening", "denoiser": "pesq"}
#: The same where less is better.
LEAST = {"mouth_reader": "loss"}

# Optimizers, samplers and counters raise whatever their formats raise.
_DAMAGED = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError)
_DAMAGED += (AttributeError, yaml.YAMLError, pickle.UnpicklingError)
_REMEDY = (
    "resume with the settings that the run was started with, or choose another "
    "output_folder"
)


class StrictCheckpointer(Checkpointer):
    """SpeechBrain's Checkpointer that says in one sentence why it cannot resume.

    Networks are loaded with `pvsd_modules.checkpoints.weights.load_weights`; a file of
    a checkpoint that is missing, cut short or of other sizes is a PvsdError that names
    it.

    Arguments
    ---------
    See `speechbrain.utils.checkpoints.Checkpointer`.
    """

    def list_checkpoints(self) -> list[Checkpoint]:
        """All checkpoints; raises PvsdError where one cannot be read."""
        try:
            found = super().list_checkpoints()
        except _DAMAGED as error:
            raise _unreadable(self.checkpoints_dir, error) from error
        for checkpoint in found:
            if not isinstance(checkpoint.meta, dict):
                raise _unreadable(checkpoint.path, ValueError(f"{METAFNAME} is cut"))
        return found

    def load_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Loads a checkpoint into all recoverables.

        Raises
        ------
        PvsdError
            If a file is missing, damaged or does not fit.
        """
        for name, network in self.recoverables.items():
            optional = self.allow_partial_load or self.optional_recoverables.get(name)
            # SpeechBrain adds the loaders' states, and only while an epoch runs.
            if not optional and "dataloader" not in name:
                if name not in checkpoint.paramfiles:
                    raise PvsdError(
                        f"The checkpoint {checkpoint.path} holds no {name}: {_REMEDY}."
                    )
            if isinstance(network, torch.nn.Module):
                self.custom_load_hooks[name] = _hook(name)
        try:
            super().load_checkpoint(checkpoint)
        except _DAMAGED as error:
            raise _unreadable(checkpoint.path, error) from error


def _hook(name: str):
    def load(network: torch.nn.Module, path, end_of_epoch: bool) -> None:
        load_weights(network, path, name)

    return load


def _unreadable(path, error: Exception) -> PvsdError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return PvsdError(
        f"The checkpoint {path} cannot be loaded ({reason}): {_REMEDY}, or delete the "
        "checkpoint if it is damaged."
    )


def best_checkpoint(
    source: str | Path, network: str, allow_unvalidated: bool = False
) -> Path:
    """The weights file of a network.

    Arguments
    ---------
    source : str or Path
        A weights file, a checkpoint folder, or the output folder of a training run, of
        which the best validated checkpoint is taken (the newest where none has scores).
    network : str
        student, teacher, denoiser or mouth_reader.
    allow_unvalidated : bool
        Whether a checkpoint from the middle of an epoch may be taken.

    Raises
    ------
    PvsdError
        If there is none.
    """
    source = Path(source)
    if source.is_file():
        return _validated(source, network, allow_unvalidated)
    if (source / f"{network}.ckpt").is_file():
        return _validated(source / f"{network}.ckpt", network, allow_unvalidated)
    if (source / "save").is_dir():
        checkpointer = StrictCheckpointer(source / "save")
        # A student that was trained together with a denoiser is chosen as that is.
        for key in (LEAST.get(network) or BEST[network], BEST["denoiser"], None):
            least = key in LEAST.values()
            found = checkpointer.find_checkpoint(
                max_key=None if least else key,
                min_key=key if least else None,
                ckpt_predicate=lambda c, key=key: (
                    network in c.paramfiles
                    and (key in c.meta if key else not _is_unvalidated(c.meta))
                ),
            )
            if found:
                return Path(found.paramfiles[network])
        found = checkpointer.find_checkpoint()
        if found and network in found.paramfiles:
            path = Path(found.paramfiles[network])
            return _validated(path, network, allow_unvalidated)
    raise PvsdError(
        f"{source} holds no {network}.ckpt: give a weights file, a checkpoint folder "
        "or the output folder of a training run."
    )


def _is_unvalidated(meta: dict) -> bool:
    return bool(meta.get(INTRA_EPOCH_CKPT_FLAG))


def _validated(path: Path, network: str, allow_unvalidated: bool) -> Path:
    """The path, unless it belongs to a checkpoint that was not validated."""
    meta = path.with_name(METAFNAME)
    if meta.is_file() and not allow_unvalidated:
        try:
            content = yaml.safe_load(meta.read_text(encoding="utf-8"))
            unvalidated = _is_unvalidated(content)
        except _DAMAGED as error:
            raise _unreadable(path.parent, error) from error
        if unvalidated:
            raise PvsdError(
                f"{path} was saved in the middle of an epoch and never validated: let "
                f"the training run of the {network} finish an epoch, or allow "
                "unvalidated checkpoints."
            )
    return path
