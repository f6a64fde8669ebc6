"""What the three training runs share: devices, processes, steps and resuming."""

import dataclasses
import os

import speechbrain as sb
import torch
from speechbrain.dataio.dataset import (
    DynamicItemDataset,
    FilteredSortedDynamicItemDataset,
)
from speechbrain.utils.distributed import ddp_all_reduce, get_local_rank
from speechbrain.utils.run_opts import RunOptions
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import IterableDataset

from pvsd_modules.data.datasets import MixingDataset
from pvsd_modules.errors import PvsdError
from pvsd_modules.training.identity import RunIdentity


class PvsdBrain(sb.Brain):
    """A Brain for the training runs of this package.

    Beyond SpeechBrain's: the length of the run is known (`position`), no step waits
    for the device, validation and test are divided among the processes of a distributed
    run, and a run resumes only with the data it was started with. Subclasses call
    ``super()`` in the hooks that are overridden here.

    Arguments
    ---------
    See `speechbrain.core.Brain`; hparams has ``epoch_counter``, ``lr_scheduler`` (see
    `pvsd_modules.training.schedule.WarmupCooldown`) and ``train_logger``.
    """

    def __init__(
        self,
        modules=None,
        opt_class=None,
        hparams=None,
        run_opts=None,
        checkpointer=None,
    ):
        run_opts = with_own_device(run_opts)
        if run_opts is not None and run_opts.ckpt_interval_steps:
            hparams = {**hparams, "ckpt_interval_minutes": 0}  # it takes only one
        super().__init__(modules, opt_class, hparams, run_opts, checkpointer)
        if self.optimizer_step_limit is not None:
            # SpeechBrain gives a limit from the command line as text.
            self.optimizer_step_limit = int(self.optimizer_step_limit)
        self.batches_per_epoch = self.steps_per_epoch = 0
        self.train_set = None
        self._unread = []  # losses that are still on the device
        self._wrapped = {}  # modules as they are called in training

    # ------------------------------------------------------------------ data
    def make_dataloader(
        self, dataset, stage, ckpt_prefix="dataloader-", **loader_kwargs
    ):
        """As SpeechBrain's; each process validates and tests a part of its own.

        Arguments
        ---------
        dataset : Dataset
        stage : sb.Stage
        ckpt_prefix : str or None
        **loader_kwargs
            For `torch.utils.data.DataLoader`. ``num_workers: None`` is one worker, on a
            GPU up to eight; memory is pinned on a GPU, and training items are mixed
            there.

        Returns
        -------
        DataLoader

        Raises
        ------
        PvsdError
            If there are fewer items than a batch has.
        """
        on_gpu = self.device_type == "cuda"
        loader_kwargs.setdefault("pin_memory", on_gpu)
        if loader_kwargs.get("num_workers", 0) is None:
            loader_kwargs["num_workers"] = default_workers() if on_gpu else 1
        if stage != sb.Stage.TRAIN:
            dataset = self._own_part(dataset)
        elif on_gpu and isinstance(dataset, MixingDataset):
            # The loader takes a quarter of the time where the GPU mixes.
            loader_kwargs.setdefault("collate_fn", dataset.mix_on_device())
        loader = super().make_dataloader(dataset, stage, ckpt_prefix, **loader_kwargs)
        if stage == sb.Stage.TRAIN:
            self._measure(dataset, loader, loader_kwargs)
        return loader

    def _own_part(self, dataset):
        """Every n-th item of a data set, so that no item is scored twice."""
        if not self.distributed_launch or not isinstance(dataset, DynamicItemDataset):
            return dataset
        processes = torch.distributed.get_world_size()
        ids = dataset.data_ids[self.rank :: processes]
        return FilteredSortedDynamicItemDataset(dataset, ids)

    def _measure(self, dataset, loader, loader_kwargs):
        """Takes the length of the run from the loader."""
        processes = torch.distributed.get_world_size() if self.distributed_launch else 1
        batch_size = loader_kwargs.get("batch_size", 1)
        self.batches_per_epoch = len(loader)
        self.steps_per_epoch = self.batches_per_epoch // self.grad_accumulation_factor
        if not self.steps_per_epoch:
            raise PvsdError(
                f"An epoch has no step: of {len(dataset)} training items on "
                f"{processes} process(es), a step takes batch_size {batch_size} times "
                f"grad_accumulation_factor {self.grad_accumulation_factor} on each: "
                "give smaller ones, or more data."
            )
        self.train_set = dataset
        if self.checkpointer is not None:
            identity = RunIdentity(dataset, batch_size, processes)
            self.checkpointer.add_recoverable("run", identity, optional_load=True)

    # ------------------------------------------------------------------ steps
    def position(self) -> tuple[int, int]:
        """Which optimizer step is next, counted from 1, and how many the run has.

        Both follow from the epoch and the loader's length, so that they are right when
        a run is continued for more epochs or with another batch size.
        """
        epochs = self.hparams.epoch_counter.limit
        total = epochs * self.steps_per_epoch
        if self.optimizer_step_limit is not None:
            total = min(total, self.optimizer_step_limit)
        done = self.step // self.grad_accumulation_factor
        return self._epochs_done * self.steps_per_epoch + done + 1, total

    def on_fit_start(self):
        """Resumes, if there is a checkpoint, and finds the first learning rate."""
        super().on_fit_start()
        self._wrapped = dict(self.modules.items())
        self._epochs_done = self.hparams.epoch_counter.current
        self.hparams.lr_scheduler(self.optimizer, *self.position())

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        return self.optimizer.param_groups[0]["lr"]

    def on_stage_start(self, stage, epoch=None):
        """Chooses the epoch's training items, and who runs the networks.

        Outside of training the processes have different numbers of items, so that a
        network must not wait for its copies.
        """
        if stage == sb.Stage.TRAIN:
            self._epochs_done = epoch - 1
            if isinstance(self.train_set, MixingDataset):
                self.train_set.set_epoch(epoch)
            elif hasattr(self.train_set, "start_at"):  # streamed shards
                self.train_set.start_at(epoch, self.step)
            elif self.step and isinstance(self.train_set, IterableDataset):
                raise PvsdError(
                    "The run was interrupted in the middle of an epoch, and a "
                    f"{type(self.train_set).__name__} does not say where to go on: "
                    "give it a method start_at(epoch, batch), or start from the "
                    "run's weights with init_path in another output_folder."
                )
        for name, module in self._wrapped.items():
            if not isinstance(module, DistributedDataParallel):
                continue
            if stage == sb.Stage.TRAIN:
                self.modules[name] = module
                continue
            self.modules[name] = module.module
            for buffer in module.module.buffers():  # BatchNorm statistics, on a CPU
                torch.distributed.broadcast(buffer, 0)

    def fit_batch(self, batch):
        """A training step; the loss stays on the device, since reading it waits."""
        should_step = self.step % self.grad_accumulation_factor == 0
        self.on_fit_batch_start(batch, should_step)
        with self.no_sync(not should_step):
            with self.training_ctx:
                outputs = self.compute_forward(batch, sb.Stage.TRAIN)
                loss = self.compute_objectives(outputs, batch, sb.Stage.TRAIN)
            self.scaler.scale(loss / self.grad_accumulation_factor).backward()
        if should_step:
            self.optimizers_step()
        self.on_fit_batch_end(batch, outputs, loss, should_step)
        return loss.detach()

    def log_steps(self, loss, every: int):
        """Reads losses from the device, logs their mean, and updates the average.

        Arguments
        ---------
        loss : Tensor
            Of the step that has just been taken.
        every : int
            How many steps to wait before reading; the last of an epoch does not wait.
        """
        self._unread.append(loss.detach())
        last = self.step == self.batches_per_epoch
        last |= self.debug and self.step == self.debug_batches
        if self.step % every == 0 or last or self._optimizer_step_limit_exceeded:
            self.avg_train_loss = self._read_losses(self.avg_train_loss)

    def update_average(self, loss, avg_loss):
        """As SpeechBrain's; in training `log_steps` has updated the average."""
        if self.modules.training:
            return self.avg_train_loss
        return super().update_average(loss, avg_loss)

    def _read_losses(self, average: float) -> float:
        if not self._unread:
            return average
        losses = torch.stack(self._unread).tolist()
        first = self.step - len(losses) + 1
        self._unread = []
        finite = [loss for loss in losses if abs(loss) < float("inf")]
        self.nonfinite_count += len(losses) - len(finite)
        if self.nonfinite_count > self.nonfinite_patience:
            raise PvsdError(
                f"The loss was not finite in {self.nonfinite_count} steps of this "
                "epoch: lower the learning rate, or look for damaged training data."
            )
        for step, loss in enumerate(losses, first):
            if abs(loss) < float("inf"):
                average += (loss - average) / step
        self.hparams.train_logger.log_stats(
            {
                "epoch": self._epochs_done + 1,
                "step": self.optimizer_step,
                "lr": self.learning_rate,
            },
            train_stats={"step_loss": sum(finite) / max(1, len(finite))},
        )
        return average

    def _save_intra_epoch_ckpt(self):
        # One process saves for all: each of them resumes with the mean of all.
        average = self._read_losses(self.avg_train_loss)
        self.avg_train_loss = self.over_processes(average)
        super()._save_intra_epoch_ckpt()

    # ------------------------------------------------------------------ processes
    def over_processes(self, loss: float) -> float:
        """The mean of a number over the processes of a distributed run."""
        if not self.distributed_launch:
            return loss
        value = torch.tensor(loss, device=self.device)
        ddp_all_reduce(value, torch.distributed.ReduceOp.SUM)
        return float(value) / torch.distributed.get_world_size()

    def _wrap_distributed(self):
        """On a CPU BatchNorm cannot be synchronised: rank 0's statistics count."""
        if not self.distributed_launch or self.device_type != "cpu":
            super()._wrap_distributed()
            return
        for name, module in self.modules.items():
            if any(p.requires_grad for p in module.parameters()):
                self.modules[name] = DistributedDataParallel(
                    module, find_unused_parameters=self.find_unused_parameters
                )


def with_own_device(run_opts):
    """Gives each process that torchrun started a GPU of its own: ``device: cuda`` of a
    Brain's run_opts becomes ``cuda:LOCAL_RANK``."""
    if isinstance(run_opts, dict):
        run_opts = RunOptions.from_dictionary(run_opts)
    rank = get_local_rank()
    if run_opts is not None and rank is not None and run_opts.device == "cuda":
        return dataclasses.replace(run_opts, device=f"cuda:{rank}")
    return run_opts


def default_workers() -> int:
    """How many processes load data for a GPU: its share of the cores, at most eight."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return max(2, min(8, (os.cpu_count() or 1) // processes))
