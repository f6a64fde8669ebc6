"""What the three trainings share: schedule, checkpoints, frozen epochs, logs."""

import speechbrain as sb
import torch
from torch.nn.parallel import DistributedDataParallel


class PvsdBrain(sb.Brain):
    """A Brain whose learning rate follows the step and whose data follow the epoch.

    Reads from hparams: ``lr_scheduler`` (called with the optimiser and the number of
    steps done), ``mixer`` (its ``epoch`` is set), ``epoch_counter``, ``train_logger``
    and, from ``stage_stats``, what decides the best checkpoint.
    """

    #: Name and direction of the statistic that chooses the best checkpoint.
    best = ("loss", "min")

    def on_stage_start(self, stage, epoch=None):
        """Tells the mixer the epoch: every epoch has its own, repeatable noise."""
        if stage == sb.Stage.TRAIN:
            self.hparams.mixer.epoch = epoch
        self.stage_start(stage, epoch)

    def stage_start(self, stage, epoch):
        """Hook of the training at hand: prepares its statistics."""

    def stage_stats(self, stage, stage_loss, epoch) -> dict:
        """Hook of the training at hand: the statistics to log and to choose by."""
        return {"loss": stage_loss}

    def on_fit_batch_end(self, batch, outputs, loss, should_step):
        """Sets the learning rate of the next step."""
        if should_step:
            self._set_rate(self.optimizer_step)

    def on_fit_start(self):
        """Starts from the first rate of the schedule, or from where it stopped."""
        super().on_fit_start()
        self._set_rate(max(1, self.optimizer_step))

    def _set_rate(self, step):
        """Sets the rate of a step; past its end a schedule would turn negative."""
        self.hparams.lr_scheduler(self.optimizer, step)
        for group in self.optimizer.param_groups:
            group["lr"] = max(0.0, group["lr"])

    def _wrap_distributed(self):
        """On processors BatchNorm cannot be synchronised: rank 0's statistics count."""
        if not self.distributed_launch or torch.device(self.device).type != "cpu":
            super()._wrap_distributed()
            return
        for name, module in self.modules.items():
            if any(p.requires_grad for p in module.parameters()):
                self.modules[name] = DistributedDataParallel(
                    module, find_unused_parameters=self.find_unused_parameters
                )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, and after validation keeps the newest and the best checkpoint."""
        if stage == sb.Stage.TRAIN:
            self.train_stats = {"loss": stage_loss}
            return
        stats = self.stage_stats(stage, stage_loss, epoch)
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {
                    "epoch": epoch,
                    "step": self.optimizer_step,
                    "lr": self.optimizer.param_groups[0]["lr"],
                },
                train_stats=self.train_stats,
                valid_stats=stats,
            )
            name, direction = self.best
            keys = {f"{direction}_keys": [name]} if name in stats else {}
            self.checkpointer.save_and_keep_only(meta=stats, **keys)
        else:
            self.hparams.train_logger.log_stats(
                {"epoch loaded": self.hparams.epoch_counter.current}, test_stats=stats
            )
