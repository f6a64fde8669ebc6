"""Loads the networks that a training run starts from."""

from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.checkpoints.weights import StrictPretrainer, read_weights
from pvsd_modules.errors import PvsdError


class RunPretrainer(StrictPretrainer):
    """SpeechBrain's Pretrainer for networks of earlier training runs.

    Networks for which no path is given stay as they are.

    Arguments
    ---------
    loadables : dict
        Networks by name.
    paths : dict
        By the same names: a weights file, a checkpoint folder, or the output folder of
        a training run, of which the best checkpoint is taken; or None.
    fresh_lip_path : bool
        Whether the denoiser takes over everything but what reads the lips, see
        `pvsd_modules.models.open.masking.MaskingDenoiser.load_except_lip_path`.

    Raises
    ------
    PvsdError
        If there is no such checkpoint, or if it is another network's.
    """

    def __init__(self, loadables: dict, paths: dict, fresh_lip_path: bool = False):
        given = {
            name: str(best_checkpoint(path, name).resolve())
            for name, path in paths.items()
            if path
        }
        super().__init__(
            loadables={name: loadables[name] for name in given}, paths=given
        )
        self.fresh_lip_path = fresh_lip_path

    def load_collected(self) -> None:
        """Loads the networks; every value must be there and fit."""
        denoiser = None
        if self.fresh_lip_path:
            denoiser = self.loadables.pop("denoiser", None)
        if denoiser is not None:
            path = self.paths["denoiser"]
            try:
                denoiser.load_except_lip_path(read_weights(path))
            except RuntimeError as error:
                raise PvsdError(
                    f"{path} does not fit the denoiser ({type(denoiser).__name__}): "
                    f"{' '.join(str(error).split())[:300]}"
                ) from error
        super().load_collected()
