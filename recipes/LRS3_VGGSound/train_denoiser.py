#!/usr/bin/env python3
"""Train the denoiser, which cleans speech with the help of lips.

    python train_denoiser.py ../../hparams/open/denoiser.yaml --manifest_folder M ...

The key ``lips`` chooses whose lips it reads: student, teacher, real, none, zeros,
frozen or shuffled. With ``train_student`` the student learns on beside the denoiser;
with ``twin`` the control without lips is trained. Interrupted, the same command goes
on where it stopped.
"""

import sys
from pathlib import Path

import speechbrain as sb
import torch

from pvsd_modules.checkpoints.runs import best_checkpoint
from pvsd_modules.data.datasets import mixing_dataset, mixture_dataset
from pvsd_modules.errors import PvsdError
from pvsd_modules.metrics import correlation, mouth_opening, pesq_wb, si_sdr, stoi
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.experiment import (
    evenly,
    fail,
    load_pretrained,
    open_manifests,
    start_experiment,
    train,
)

MEASURES = {"pesq": pesq_wb, "stoi": stoi, "si_sdr": si_sdr}


class DenoiserBrain(PvsdBrain):
    """Learns to map noisy speech and lips to clean speech."""

    best = ("pesq", "max")

    def compute_forward(self, batch, stage):
        """Enhanced signals and spectra of a batch, and the lips that were read."""
        batch = batch.to(self.device)
        noisy, clean = batch.noisy_sig.data, batch.clean_sig.data
        real = batch.lips.data if hasattr(batch, "lips") else None
        drawn = taught = None
        if self.hparams.train_student:
            drawn = self.modules.student(noisy)
            taught = self.taught(clean)
            # The student may draw beyond black and white in training, not show it.
            lips = drawn.clamp(0.0, 1.0)
            if stage == sb.Stage.TRAIN and self.hparams.teacher_share:
                lips = self.some_taught(lips, taught)
        else:
            lips = self.hparams.lip_source(noisy, clean, real)
        predictions = self.modules.denoiser(noisy, lips)
        # Under bf16 the network's numbers are bf16; losses and scores are not.
        predictions = {key: value.float() for key, value in predictions.items()}
        return {**predictions, "drawn": drawn, "taught": taught, "lips": lips}

    @torch.no_grad()
    def taught(self, clean):
        """The teacher's lips, of clean speech."""
        source = self.hparams.lip_source
        return source.teacher(clean, source.face)

    def some_taught(self, drawn, taught):
        """Shows the teacher's lips instead of the student's with some items.

        They know of the clean speech what no sound nearby tells, so a denoiser that
        sees them now and then has a reason to learn to read lips.
        """
        chosen = (
            torch.rand(len(drawn), device=drawn.device) < self.hparams.teacher_share
        )
        return torch.where(chosen[:, None, None, None, None], taught, drawn)

    def compute_objectives(self, predictions, batch, stage):
        """The loss; outside training also the scores of every item."""
        noisy, clean = batch.noisy_sig.data, batch.clean_sig.data
        targets = {"noisy": noisy, "clean": clean}
        if self.hparams.compare_features:
            targets["features"] = self.hparams.denoiser.analyse(clean)
        loss = self.hparams.loss(predictions, targets)
        if self.hparams.train_student:
            loss = loss + self.lip_objective(predictions, stage)
        if stage != sb.Stage.TRAIN:
            self.score(predictions["enhanced"], batch)
            if self.example is None:
                self.example = (noisy[0], predictions["enhanced"][0], clean[0])
        return loss

    def lip_objective(self, predictions, stage):
        """What keeps the student's pictures lips: the teacher's, of clean speech."""
        drawn, wanted = predictions["drawn"], predictions["taught"]
        if stage != sb.Stage.TRAIN:
            opening = correlation(mouth_opening(drawn), mouth_opening(wanted))
            self.openings += opening.tolist()
        return self.hparams.lip_weight * self.hparams.lip_loss(drawn.float(), wanted)

    def score(self, enhanced, batch):
        """Adds the scores of the items of a batch, and of their noisy inputs."""
        for i, length in enumerate(batch.noisy_sig.lengths):
            samples = round(float(length) * enhanced.shape[1])
            clean = batch.clean_sig.data[i, :samples]
            for name, measure in MEASURES.items():
                before = measure(clean, batch.noisy_sig.data[i, :samples])
                after = measure(clean, enhanced[i, :samples])
                if before is None or after is None:
                    self.failures += 1
                else:
                    self.scores[name].append(after)
                    self.gains[name].append(after - before)

    def stage_start(self, stage, epoch):
        """Empties the scores."""
        self.scores = {name: [] for name in MEASURES}
        self.gains = {name: [] for name in MEASURES}
        self.openings = []
        self.failures = 0
        self.example = None

    def stage_stats(self, stage, stage_loss, epoch):
        """Mean scores and gains; undefined scores are counted, not averaged."""
        stats = {"loss": stage_loss}
        for name in MEASURES:
            if self.scores[name]:
                count = len(self.scores[name])
                stats[name] = sum(self.scores[name]) / count
                stats[f"{name}_gain"] = sum(self.gains[name]) / count
        if self.openings:
            stats["lip_opening"] = float(torch.tensor(self.openings).median())
        if self.failures:
            stats["undefined"] = self.failures
        if self.example and sb.utils.distributed.if_main_process():
            self.show(epoch)
        return stats

    def show(self, epoch):
        """Writes what one wants to see and hear: a spectrogram triple and its wavs."""
        import soundfile

        from pvsd_modules.plots import save_spectrograms

        folder = Path(self.hparams.output_folder, "examples")
        folder.mkdir(exist_ok=True)
        name = "test" if epoch is None else f"epoch{epoch:03d}"
        kinds = ("noisy", "enhanced", "clean")
        signals = dict(zip(kinds, self.example, strict=True))
        for kind, wav in signals.items():
            wav = wav.detach().float().cpu().numpy()
            soundfile.write(folder / f"{name}_{kind}.wav", wav, 16000)
        save_spectrograms(signals, folder / f"{name}.png")


def dataio_prep(hparams):
    """Training set mixed on the fly, fixed valid and test mixtures.

    Arguments
    ---------
    hparams : dict
        See hparams/open/denoiser.yaml.

    Returns
    -------
    dict
        Data sets ``train``, ``valid`` and ``test``; sets ``hparams["mixer"]``.
    """
    real = hparams["lips"] == "real"
    train = "train_faces" if real else "train_speech"
    lists = [hparams["valid_list"], hparams["test_list"]]
    names = [train, "train_noise", *lists]
    if real:
        names += ["valid_faces", "test_faces"]
    manifests, store = open_manifests(hparams, names)
    hparams["mixer"] = hparams["make_mixer"](
        store, manifests[train], manifests["train_noise"], join=not real
    )
    datasets = {"train": mixing_dataset(manifests[train], hparams["mixer"], real)}
    for stage, name in zip(("valid", "test"), lists, strict=True):
        items = evenly(manifests[name], hparams[f"{stage}_items"])
        faces = manifests[f"{stage}_faces"] if real else None
        datasets[stage] = mixture_dataset(items, store, faces)
    return datasets


def prepare_networks(hparams):
    """Loads what the networks start from and decides which of them learn.

    Arguments
    ---------
    hparams : dict
        See hparams/open/denoiser.yaml; ``modules`` and ``checkpointer`` gain the
        student where it learns on.
    """
    if hparams["twin"] and hparams["lips"] != "none":
        raise PvsdError("twin: the audio-only twin reads no lips: add --lips none.")
    load_pretrained(hparams["lips_pretrainer"])
    if hparams["init_path"] and hparams["fresh_lip_path"]:
        path = best_checkpoint(hparams["init_path"], "denoiser")
        state = torch.load(path, "cpu", weights_only=True)
        hparams["denoiser"].load_hearing(state)
    else:
        load_pretrained(hparams["init_pretrainer"])
    if hparams["train_student"]:
        if hparams["lips"] != "student" or not hparams["teacher_path"]:
            raise PvsdError(
                "train_student: needs --lips student and a teacher to go on learning "
                "from: add --teacher_path."
            )
        student = hparams["student"].requires_grad_(True)
        hparams["modules"]["student"] = student
        hparams["checkpointer"].add_recoverable("student", student)


def main(arguments):
    """Trains and then scores the test list with the best checkpoint."""
    hparams, run_options = start_experiment(arguments)
    datasets = dataio_prep(hparams)
    prepare_networks(hparams)
    hparams["lip_source"] = hparams["lip_source"].to(run_options.get("device", "cpu"))
    train(DenoiserBrain, hparams, run_options, datasets)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except PvsdError as error:
        fail(error)
