#!/usr/bin/env python3
"""Train the lip teacher on talking-face video: clean speech in, real lips out.

    python train_teacher.py ../../hparams/open/teacher.yaml --manifest_folder M ...

The manifests are those that prepare.py makes from the output of preprocess.py.
Interrupted, the same command goes on where it stopped.
"""

import sys

import speechbrain as sb
import torch

from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.data.lips import clip_median
from pvsd_modules.errors import PvsdError
from pvsd_modules.training.experiment import (
    evenly,
    fail,
    open_manifests,
    start_experiment,
    train,
)
from pvsd_modules.training.lip_brain import LipBrain


class TeacherBrain(LipBrain):
    """Learns to draw the lips of a talking face from its voice."""

    rows = ("video", "teacher")

    def compute_forward(self, batch, stage):
        """Drawn lips and the lips they should be, both in the teacher's terms."""
        batch = batch.to(self.device)
        voice = batch.noisy_sig.data
        if stage == sb.Stage.TRAIN and self.hparams.voices is not None:
            voice = self.hparams.voices(voice)
        real = batch.lips.data
        if self.hparams.target == "deviation":
            # What moves is learned, not whose face it is.
            median = batch.lips_median.data[:, None]  # [batch, 1, 48, 96, 3]
            real = real - median + self.hparams.teacher.decoder.neutral
        face = self.hparams.reference(batch) if self.hparams.reference else None
        drawn = self.modules.teacher(voice, face).float()
        return {"drawn": drawn, "wanted": real}


def dataio_prep(hparams):
    """Talking faces with their clean sound, cut into segments.

    Arguments
    ---------
    hparams : dict
        See hparams/open/teacher.yaml.

    Returns
    -------
    dict
        Data sets ``train``, ``valid`` and ``test``; sets ``hparams["mixer"]``.
    """
    names = ["train_faces", "valid_faces", "test_faces"]
    manifests, store = open_manifests(hparams, names)
    datasets = {}
    for stage in ("train", "valid", "test"):
        faces = evenly(manifests[f"{stage}_faces"], hparams[f"{stage}_items"])
        mixer = hparams["make_mixer"](store, faces, None, join=False)
        datasets[stage] = mixing_dataset(faces, mixer, real_lips=True)
        if stage == "train":
            hparams["mixer"] = mixer
    return datasets


def neutral_face(faces: dict, count: int = 100):
    """The mean of the median lips of some clips, ``[48, 96, 3]``."""
    medians = [
        clip_median(face["frames"], int(face["frame_count"]))
        for face in evenly(faces, count).values()
    ]
    return torch.stack(medians).mean(0)


def main(arguments):
    """Trains and then scores the test clips with the best checkpoint."""
    hparams, run_options = start_experiment(arguments)
    datasets = dataio_prep(hparams)
    if hparams["target"] == "deviation":
        neutral = neutral_face(datasets["train"].data)
        hparams["teacher"].decoder.neutral.copy_(neutral)
    train(TeacherBrain, hparams, run_options, datasets)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PvsdError as error:
        fail(error)
