#!/usr/bin/env python3
"""Train the lip student: noisy speech in, the teacher's lips for clean speech out.

    python train_student.py ../../hparams/open/student.yaml --manifest_folder M ...

No video is read: the teacher draws what the student has to draw. Interrupted, the
same command goes on where it stopped.
"""

import sys
from pathlib import Path

import speechbrain as sb
import torch

from pvsd_modules.brain import PvsdBrain
from pvsd_modules.dataio import mixing_dataset, mixture_dataset
from pvsd_modules.errors import PvsdError
from pvsd_modules.metrics import correlation, mouth_opening
from pvsd_modules.recipe import (
    evenly,
    fail,
    load_pretrained,
    open_manifests,
    start_experiment,
)


class StudentBrain(PvsdBrain):
    """Distils a frozen teacher that hears the clean speech."""

    best = ("opening", "max")

    def compute_forward(self, batch, stage):
        """Lips of the student and of the teacher."""
        batch = batch.to(self.device)
        with torch.no_grad():
            wanted = self.hparams.frozen_teacher(batch.clean.data, self.hparams.face)
        drawn = self.modules.student(batch.noisy.data).float()
        return {"drawn": drawn, "wanted": wanted}

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
            from pvsd_modules.plots import save_lip_strip

            folder = Path(self.hparams.output_folder, "examples")
            folder.mkdir(exist_ok=True)
            name = "test" if epoch is None else f"epoch{epoch:03d}"
            save_lip_strip(*self.example, folder / f"{name}.png")
        return {"loss": stage_loss, "opening": opening}


def dataio_prep(hparams):
    """Speech mixed on the fly for training, fixed mixtures for valid and test.

    Arguments
    ---------
    hparams : dict
        See hparams/open/student.yaml.

    Returns
    -------
    dict
        Data sets ``train``, ``valid`` and ``test``; sets ``hparams["mixer"]``.
    """
    lists = [hparams["valid_list"], hparams["test_list"]]
    names = ["train_speech", "train_noise", *lists]
    manifests, store = open_manifests(hparams, names)
    speech = manifests["train_speech"]
    hparams["mixer"] = hparams["make_mixer"](store, speech, manifests["train_noise"])
    datasets = {"train": mixing_dataset(speech, hparams["mixer"])}
    for stage, name in zip(("valid", "test"), lists, strict=True):
        items = evenly(manifests[name], hparams[f"{stage}_items"])
        datasets[stage] = mixture_dataset(items, store)
    return datasets


def main(arguments):
    """Trains and then scores the test list with the best checkpoint."""
    hparams, run_options = start_experiment(arguments)
    datasets = dataio_prep(hparams)
    load_pretrained(hparams["teacher_pretrainer"])
    if hparams["copy_decoder"]:
        # Both draw with the same mouth model: the student only has to find its pose.
        state = hparams["teacher"].decoder.state_dict()
        hparams["student"].decoder.load_state_dict(state)
    device = run_options.get("device", "cpu")
    hparams["frozen_teacher"] = hparams["frozen_teacher"].to(device)
    brain = StudentBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=run_options,
        checkpointer=hparams["checkpointer"],
    )
    brain.fit(
        hparams["epoch_counter"],
        datasets["train"],
        datasets["valid"],
        train_loader_kwargs=hparams["train_dataloader_opts"],
        valid_loader_kwargs=hparams["valid_dataloader_opts"],
    )
    brain.evaluate(
        datasets["test"],
        max_key="opening",
        test_loader_kwargs=hparams["valid_dataloader_opts"],
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PvsdError as error:
        fail(error)
