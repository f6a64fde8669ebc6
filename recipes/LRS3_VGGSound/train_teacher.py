#!/usr/bin/env python3
"""Train the lip teacher on talking-face video: clean speech in, real lips out.

    python train_teacher.py ../../hparams/open/teacher.yaml --manifest_folder M ...

The manifests are those that prepare.py makes from the output of preprocess.py.
Interrupted, the same command goes on where it stopped.
"""

import sys
from pathlib import Path

import speechbrain as sb
import torch

from pvsd_modules.brain import PvsdBrain
from pvsd_modules.dataio import median_frame, mixing_dataset, read_lips
from pvsd_modules.errors import PvsdError
from pvsd_modules.metrics import correlation, mouth_opening
from pvsd_modules.recipe import evenly, fail, open_manifests, start_experiment


class TeacherBrain(PvsdBrain):
    """Learns to draw the lips of a talking face from its voice."""

    best = ("opening", "max")

    def compute_forward(self, batch, stage):
        """Drawn lips and the lips they should be, both in the teacher's terms."""
        batch = batch.to(self.device)
        voice = batch.noisy.data
        if stage == sb.Stage.TRAIN and self.hparams.voices is not None:
            voice = self.hparams.voices(voice)
        real = batch.lips.data
        if self.hparams.target == "deviation":
            # What moves is learned, not whose face it is.
            median = batch.lips_median.data[:, None]  # [batch, 1, 48, 96, 3]
            real = real - median + self.hparams.teacher.decoder.neutral
        face = self.hparams.reference(batch) if self.hparams.reference else None
        drawn = self.modules.teacher(voice, face).float()
        return {"drawn": drawn, "real": real}

    def compute_objectives(self, predictions, batch, stage):
        """The loss of the pixels; outside training also how the mouth opens."""
        drawn, real = predictions["drawn"], predictions["real"]
        if stage != sb.Stage.TRAIN:
            opening = correlation(mouth_opening(drawn), mouth_opening(real))
            self.openings += opening.tolist()
            if self.example is None:
                self.example = (real[0], drawn[0])
        return self.hparams.loss(drawn, real)

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
            rows = dict(zip(("video", "teacher"), self.example, strict=True))
            save_lip_rows(rows, folder / f"{name}.png")
        return {"loss": stage_loss, "opening": opening}


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
        median_frame(read_lips(face["frames"], int(face["frame_count"])))
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
    brain = TeacherBrain(
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
