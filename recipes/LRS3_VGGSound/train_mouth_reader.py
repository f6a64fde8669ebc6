#!/usr/bin/env python3
"""Train the mouth reader: real mouths to the lips that the teacher draws for them.

    python train_mouth_reader.py ../../hparams/open/mouth_reader.yaml \
        --manifest_folder M --faces_root FACES --teacher_path TEACHER

What is learned are the teacher's weights for the clip's clean sound, since those are
the lips that a denoiser was trained with. Interrupted, the same command resumes from
the last checkpoint.
"""

import sys

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from prepare import prepare_missing
from speechbrain.utils.distributed import run_on_main

from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.errors import exit_on_error
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.experiment import evenly, open_manifests
from pvsd_modules.training.lips import opening_scores, save_lips
from pvsd_modules.training.scores import ItemScores


class MouthReaderBrain(PvsdBrain):
    """Learns to read the mouth model's weights off video."""

    def compute_forward(self, batch, stage):
        """Lips as read off the video, and as the teacher draws them."""
        batch = batch.to(self.device)
        voice, _ = batch.clean_sig
        video, teacher = batch.lips.data, self.hparams.teacher
        with torch.no_grad():
            wanted = teacher.neutral + teacher.decoder(teacher.weights(voice))
            if stage == sb.Stage.TRAIN:
                video = self.hparams.augment(video)
        weights = self.modules.reader(video).float()
        return {"drawn": teacher.neutral + teacher.decoder(weights), "wanted": wanted}

    def compute_objectives(self, predictions, batch, stage):
        """The loss of the pixels; outside of training also how the mouth opens."""
        drawn, wanted = predictions["drawn"], predictions["wanted"]
        video, lengths = batch.lips
        losses = self.hparams.loss(drawn, wanted, lengths, reduction="batch")
        if stage != sb.Stage.TRAIN:
            self.scores.append(
                batch.id,
                loss=losses,
                opening=opening_scores(drawn, wanted, lengths),
                video=opening_scores(drawn, video, lengths),
            )
            shown = {"video": video[0], "teacher": wanted[0], "reader": drawn[0]}
            self.example = self.example or shown
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
            "opening_of_video": self.scores.median("video"),
        }
        save_lips(self.hparams.output_folder, epoch, self.example)
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch, "step": self.optimizer_step, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats=stats,
            )
            self.checkpointer.save_and_keep_only(meta=stats, min_keys=["loss"])
        else:
            self.hparams.train_logger.log_stats(
                {"epoch loaded": self.hparams.epoch_counter.current}, test_stats=stats
            )


def dataio_prep(hparams):
    """Talking faces with their clean sound, cut into segments.

    Arguments
    ---------
    hparams : dict
        See hparams/open/mouth_reader.yaml.

    Returns
    -------
    dict
        Data sets ``train``, ``valid`` and ``test``.
    """
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

        hparams["pretrainer"].collect_files()
        hparams["pretrainer"].load_collected()

        brain = MouthReaderBrain(
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
            min_key="loss",
            test_loader_kwargs=hparams["valid_dataloader_opts"],
        )
