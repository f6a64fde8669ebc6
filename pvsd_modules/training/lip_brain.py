"""What the trainings of lip generators share: how lips are scored and shown."""

from pathlib import Path

import speechbrain as sb
import torch

from pvsd_modules.metrics import correlation, mouth_opening
from pvsd_modules.training.brain import PvsdBrain


class LipBrain(PvsdBrain):
    """Scores drawn lips against wanted ones; ``compute_forward`` gives both.

    Its result has ``drawn`` and ``wanted``, ``[batch, frames, 48, 96, 3]``.
    """

    best = ("opening", "max")
    #: Who draws the upper and the lower row of the strips that validation writes.
    rows = ("wanted", "drawn")

    def compute_objectives(self, predictions, batch, stage):
        """The loss of the pixels; outside training also how the mouth opens."""
        drawn, wanted = predictions["drawn"], predictions["wanted"]
        if stage != sb.Stage.TRAIN:
            opening = correlation(mouth_opening(drawn), mouth_opening(wanted))
            self.openings += opening.tolist()
            if self.example is None:
                self.example = (wanted[0], drawn[0])
        return self.hparams.loss(drawn, wanted)

    def stage_start(self, stage, epoch):
        """Empties the statistics."""
        self.openings = []
        self.example = None

    def stage_stats(self, stage, stage_loss, epoch):
        """Loss and the median correlation of the mouth's opening; a strip of lips."""
        opening = float(torch.tensor(self.openings).median())
        if self.example and sb.utils.distributed.if_main_process():
            from pvsd_modules.plots import save_lip_rows

            folder = Path(self.hparams.output_folder, "examples")
            folder.mkdir(exist_ok=True)
            name = "test" if epoch is None else f"epoch{epoch:03d}"
            rows = dict(zip(self.rows, self.example, strict=True))
            save_lip_rows(rows, folder / f"{name}.png")
        return {"loss": stage_loss, "opening": opening}
