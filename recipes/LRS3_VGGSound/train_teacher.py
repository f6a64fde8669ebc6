#!/usr/bin/env python3
"""Train the lip teacher on talking-face video: clean speech in, real lips out.

    python train_teacher.py ../../hparams/open/teacher.yaml --manifest_folder M \
        --faces_root FACES

Interrupted, the same command resumes from the last checkpoint.
"""

import sys

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from prepare import prepare_missing
from speechbrain.utils.distributed import run_on_main

from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.data.lips import clip_median
from pvsd_modules.errors import exit_on_error
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.experiment import evenly, open_manifests
from pvsd_modules.training.lips import opening_scores, save_lips
from pvsd_modules.training.scores import ItemScores


class TeacherBrain(PvsdBrain):
    """Learns to generate the lips of a talking face from its voice."""

    def compute_forward(self, batch, stage):
        """Generated lips, and the lips of the video in the form the teacher learns."""
        batch = batch.to(self.device)
        voice, _ = batch.clean_sig
        if stage == sb.Stage.TRAIN and self.hparams.voices is not None:
            voice = self.hparams.voices(voice)
        wanted = batch.lips.data
        if self.hparams.target == "deviation":
            # What moves is learned, not whose face it is.
            median = batch.lips_median.data[:, None]  # [batch, 1, 48, 96, 3]
            wanted = wanted - median + self.hparams.teacher.neutral
        face = self.hparams.reference(batch) if self.hparams.reference else None
        return {"drawn": self.modules.teacher(voice, face).float(), "wanted": wanted}

    def compute_objectives(self, predictions, batch, stage):
        """The loss of the pixels; outside of training also how the mouth opens."""
        drawn, wanted = predictions["drawn"], predictions["wanted"]
        lengths = batch.lips.lengths
        losses = self.hparams.loss(drawn, wanted, lengths, reduction="batch")
        if stage != sb.Stage.TRAIN:
            opening = opening_scores(drawn, wanted, lengths)
            self.scores.append(batch.id, loss=losses, opening=opening)
            self.example = self.example or {"video": wanted[0], "teacher": drawn[0]}
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
    """Data sets ``train``, ``valid`` and ``test``: talking faces with their clean
    sound, cut into segments."""
    stages = ("train", "valid", "test")
    manifests, store = open_manifests(
        hparams["manifest_folder"],
        [f"{stage}_faces" for stage in stages],
        hparams["store_folder"],
        faces_root=hparams["faces_root"],
    )
    datasets = {}
    for stage in stages:
        faces = evenly(manifests[f"{stage}_faces"], hparams[f"{stage}_items"])
        mixer = hparams["make_mixer"](store, faces, None, join=False)
        datasets[stage] = mixing_dataset(faces, mixer, real_lips=True)
    return datasets


def neutral_face(faces, count=100):
    """The mean of the median lips of some clips, ``[48, 96, 3]``."""
    medians = [
        clip_median(face["frames"], int(face["frame_count"]))
        for face in evenly(faces, count).values()
    ]
    return torch.stack(medians).mean(0)


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
                "faces": hparams["faces_root"],
                "skip_prep": hparams["skip_prep"],
            },
        )
        datasets = dataio_prep(hparams)
        if hparams["target"] == "deviation":
            neutral = neutral_face(datasets["train"].data)
            hparams["teacher"].neutral.copy_(neutral)

        brain = TeacherBrain(
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
