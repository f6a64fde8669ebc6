#!/usr/bin/env python3
"""Train the lip student: noisy speech in, the teacher's lips for clean speech out.

    python train_student.py ../../hparams/open/student.yaml --manifest_folder M ...

No video is read: the teacher draws what the student has to draw. Interrupted, the
same command goes on where it stopped.
"""

import sys

import torch

from pvsd_modules.data.datasets import mixing_dataset, mixture_dataset
from pvsd_modules.errors import PvsdError
from pvsd_modules.training.experiment import (
    evenly,
    fail,
    load_pretrained,
    open_manifests,
    start_experiment,
    train,
)
from pvsd_modules.training.lip_brain import LipBrain


class StudentBrain(LipBrain):
    """Distils a frozen teacher that hears the clean speech."""

    rows = ("teacher", "student")

    def compute_forward(self, batch, stage):
        """Lips of the student and of the teacher."""
        batch = batch.to(self.device)
        with torch.no_grad():
            wanted = self.hparams.frozen_teacher(
                batch.clean_sig.data, self.hparams.face
            )
        drawn = self.modules.student(batch.noisy_sig.data).float()
        return {"drawn": drawn, "wanted": wanted}


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
    if hparams["start_as_teacher"]:
        # On clean speech the student then draws the right lips from the first step; it
        # only has to learn to hear them through noise.
        hparams["student"].load_state_dict(hparams["teacher"].state_dict())
    load_pretrained(hparams["init_pretrainer"])
    device = run_options.get("device", "cpu")
    hparams["frozen_teacher"] = hparams["frozen_teacher"].to(device)
    train(StudentBrain, hparams, run_options, datasets)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PvsdError as error:
        fail(error)
