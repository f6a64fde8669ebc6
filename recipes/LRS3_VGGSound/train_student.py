#!/usr/bin/env python3
"""Train the lip student: noisy speech in, the teacher's lips for clean speech out.

    python train_student.py ../../hparams/open/student.yaml --manifest_folder M \
        --data_root SPEECH --noise_root NOISE --teacher_path results/open_teacher

No video is read: the teacher generates what the student has to generate. Interrupted,
the same command resumes from the last checkpoint.
"""

import sys

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from prepare import prepare_missing
from speechbrain.utils.distributed import run_on_main

from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.data.datasets import mixing_dataset, mixture_dataset
from pvsd_modules.errors import exit_on_error
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.experiment import evenly, open_manifests
from pvsd_modules.training.first_lips import begin_as_teacher
from pvsd_modules.training.lips import lip_lengths, opening_scores, save_lips
from pvsd_modules.training.scores import ItemScores


class StudentBrain(PvsdBrain):
    """Distils a frozen teacher that is given the clean speech."""

    def compute_forward(self, batch, stage):
        """Lips of the student and of the teacher."""
        batch = batch.to(self.device)
        noisy, _ = batch.noisy_sig
        clean, _ = batch.clean_sig
        with torch.no_grad():
            wanted = self.modules.teacher(clean, self.hparams.face)
        drawn = self.modules.student(noisy)
        return {"drawn": drawn.float(), "wanted": wanted.float()}

    def compute_objectives(self, predictions, batch, stage):
        """The loss of the pixels; outside of training also how the mouth opens."""
        drawn, wanted = predictions["drawn"], predictions["wanted"]
        noisy, lengths = batch.noisy_sig
        lengths = lip_lengths(lengths, noisy.shape[1])
        losses = self.hparams.loss(drawn, wanted, lengths, reduction="batch")
        if stage != sb.Stage.TRAIN:
            opening = opening_scores(drawn, wanted, lengths)
            self.scores.append(batch.id, loss=losses, opening=opening)
            self.example = self.example or {"teacher": wanted[0], "student": drawn[0]}
        return losses.mean()

    def on_fit_batch_end(self, batch, outputs, loss, should_step):
        """Sets the learning rate of the next step; logs losses now and then."""
        if should_step:
            self.hparams.lr_scheduler(self.optimizer, *self.position())
        self.log_steps(loss, every=self.hparams.log_interval_steps)

    def on_stage_start(self, stage, epoch=None):
        """Empties the scores."""
        super().on_stage_start(stage, epoch)
        self.scores, self.example = ItemScores(), None

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs; after validation keeps the newest and the best checkpoint."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = self.over_processes(stage_loss)
            return
        self.scores.merge()
        stats = {
            "loss": self.scores.mean("loss"),
            "opening": self.scores.median("opening"),
        }
        save_lips(self.hparams.output_folder, epoch, self.example)
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch, "step": self.optimizer_step, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats=stats,
            )
            self.checkpointer.save_and_keep_only(meta=stats, max_keys=["opening"])
        else:
            self.hparams.train_logger.log_stats(
                {"epoch loaded": self.hparams.epoch_counter.current}, test_stats=stats
            )


def dataio_prep(hparams):
    """Data sets ``train``, speech mixed on the fly, and ``valid`` and ``test`` of fixed
    mixtures."""
    lists = {"valid": hparams["valid_list"], "test": hparams["test_list"]}
    names = ["train_speech", "train_noise", *lists.values()]
    manifests, store = open_manifests(
        hparams["manifest_folder"],
        names,
        hparams["store_folder"],
        data_root=hparams["data_root"],
        noise_root=hparams["noise_root"],
    )
    speech = manifests["train_speech"]
    mixer = hparams["make_mixer"](store, speech, manifests["train_noise"])
    datasets = {"train": mixing_dataset(speech, mixer)}
    for stage, name in lists.items():
        items = evenly(manifests[name], hparams[f"{stage}_items"])
        datasets[stage] = mixture_dataset(items, store)
    return datasets


if __name__ == "__main__":
    with exit_on_error():
        hparams_file, run_opts, overrides = sb.parse_arguments(sys.argv[1:])
        sb.utils.distributed.ddp_init_group(run_opts)
        with open(hparams_file, encoding="utf-8") as fin:
            hparams = load_hyperpyyaml(fin, overrides)
        torch.set_num_threads(hparams["threads"])
        sb.create_experiment_directory(
            experiment_directory=hparams["output_folder"],
            hyperparams_to_save=hparams_file,
            overrides=overrides,
        )

        # Manifests that prepare.py has written already are used as they are.
        run_on_main(
            prepare_missing,
            kwargs={
                "output_folder": hparams["manifest_folder"],
                "speech": hparams["data_root"],
                "noise": hparams["noise_root"],
                "skip_prep": hparams["skip_prep"],
            },
        )
        datasets = dataio_prep(hparams)

        if hparams["start_as_teacher"] and not hparams["init_path"]:
            path = best_checkpoint(hparams["teacher_path"], "teacher")
            begin_as_teacher(hparams["student"], path)
        hparams["pretrainer"].collect_files()
        hparams["pretrainer"].load_collected()

        brain = StudentBrain(
            modules=hparams["modules"],
            opt_class=hparams["opt_class"],
            hparams=hparams,
            run_opts=run_opts,
            checkpointer=hparams["checkpointer"],
        )
        brain.fit(
            epoch_counter=brain.hparams.epoch_counter,
            train_set=datasets["train"],
            valid_set=datasets["valid"],
            train_loader_kwargs=hparams["train_dataloader_opts"],
            valid_loader_kwargs=hparams["valid_dataloader_opts"],
        )
        brain.evaluate(
            test_set=datasets["test"],
            max_key="opening",
            test_loader_kwargs=hparams["valid_dataloader_opts"],
        )
