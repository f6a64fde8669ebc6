#!/usr/bin/env python3
"""Train the denoiser, which enhances noisy speech with the help of lips.

    python train_denoiser.py ../../hparams/open/denoiser.yaml --manifest_folder M \
        --data_root SPEECH --noise_root NOISE --student_path results/open_student

The key ``lips`` chooses whose lips it reads: student, teacher, real, none, zeros,
held or shuffled. With ``train_student`` the student is trained together with the
denoiser; with ``audio_only`` the baseline of equal size without lips is trained.
Interrupted, the same command resumes from the last checkpoint.
"""

import sys

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml
from prepare import prepare_missing
from speechbrain.utils.distributed import main_process_only, run_on_main

from pvsd_modules.data.datasets import mixing_dataset, mixture_dataset
from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.metrics import pesq_wb, si_sdr, stoi
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.experiment import evenly, open_manifests
from pvsd_modules.training.lips import example_path, lip_lengths, opening_scores
from pvsd_modules.training.scores import ItemScores

MEASURES = {"pesq": pesq_wb, "stoi": stoi, "si_sdr": si_sdr}


class DenoiserBrain(PvsdBrain):
    """Learns to map noisy speech and lips to clean speech."""

    def compute_forward(self, batch, stage):
        """Enhanced signals and spectra of a batch, and the lips of student and teacher
        where both are trained together."""
        batch = batch.to(self.device)
        noisy, _ = batch.noisy_sig
        clean, _ = batch.clean_sig
        drawn = wanted = None
        if self.hparams.train_student:
            drawn = self.modules["student"](noisy).float()
            wanted = self.modules.lip_source.taught(clean).float()
            # In training a student may go beyond black and white, its lips may not.
            lips = drawn.clamp(0.0, 1.0)
            if stage == sb.Stage.TRAIN and self.hparams.teacher_share:
                lips = self.some_taught(lips, wanted)
        else:
            real = batch.lips.data if self.hparams.lips == "real" else None
            lips = self.modules.lip_source(noisy, clean, real)
        predictions = self.modules.denoiser(noisy, lips)
        # Under bf16 the network's numbers are bf16; losses and scores are not.
        predictions = {key: value.float() for key, value in predictions.items()}
        return {**predictions, "drawn": drawn, "wanted": wanted}

    def some_taught(self, drawn, wanted):
        """Shows the teacher's lips instead of the student's with some items.

        They hold information of the clean speech that the noisy speech lacks, so that
        a denoiser that sees them now and then has a reason to learn to read lips.
        """
        chosen = torch.rand(len(drawn), device=drawn.device)
        chosen = (chosen < self.hparams.teacher_share)[:, None, None, None, None]
        return torch.where(chosen, wanted, drawn)

    def compute_objectives(self, predictions, batch, stage):
        """The loss; outside of training also the scores of every item."""
        noisy, lengths = batch.noisy_sig
        clean, _ = batch.clean_sig
        targets = {"noisy": noisy, "clean": clean}
        with torch.autocast(self.device_type, enabled=False):
            if self.hparams.compare_features:
                targets["features"] = self.hparams.denoiser.analyse(clean)
            losses = self.hparams.loss(predictions, targets, lengths, reduction="batch")
            if self.hparams.train_student:
                # What keeps the student's frames lips: the teacher's, of clean speech.
                drawn, wanted = predictions["drawn"], predictions["wanted"]
                frames = lip_lengths(lengths, noisy.shape[1])
                lip_losses = self.hparams.lip_loss(drawn, wanted, frames, "batch")
                losses = losses + self.hparams.lip_weight * lip_losses
        if stage != sb.Stage.TRAIN:
            self.scores.append(batch.id, loss=losses)
            self.score(predictions["enhanced"], batch)
            if self.hparams.train_student:
                opening = opening_scores(drawn, wanted, frames)
                self.scores.append(batch.id, lip_opening=opening)
        return losses.mean()

    def score(self, enhanced, batch):
        """Adds the scores of the items of a batch, and the gains over their inputs."""
        noisy, lengths = batch.noisy_sig
        counts = (lengths * noisy.shape[1]).round().int().tolist()
        signals = noisy.cpu(), enhanced.cpu(), batch.clean_sig.data.cpu()
        for i, (item, samples) in enumerate(zip(batch.id, counts, strict=True)):
            before, after, clean = (signal[i, :samples] for signal in signals)
            for name, measure in MEASURES.items():
                old, new = measure(clean, before), measure(clean, after)
                defined = old is not None and new is not None
                gain = {f"{name}_gain": [new - old]} if defined else {}
                self.scores.append([item], **{name: [new if defined else None]}, **gain)
            example = {"noisy": before, "enhanced": after, "clean": clean}
            self.example = self.example or example

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
        names = [
            "loss",
            *(f"{name}{end}" for name in MEASURES for end in ("", "_gain")),
        ]
        stats = {name: self.scores.mean(name) for name in names}
        stats["lip_opening"] = self.scores.median("lip_opening")
        stats["undefined"] = self.scores.undefined or None
        stats = {name: value for name, value in stats.items() if value is not None}
        save_example(self.hparams.output_folder, epoch, self.example)
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch, "step": self.optimizer_step, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats=stats,
            )
            best = ["pesq"] if "pesq" in stats else None
            self.checkpointer.save_and_keep_only(meta=stats, max_keys=best)
        else:
            self.hparams.train_logger.log_stats(
                {"epoch loaded": self.hparams.epoch_counter.current}, test_stats=stats
            )


@main_process_only
def save_example(output_folder, epoch, signals):
    """Writes the noisy, enhanced and clean signal of an item, and their spectrograms.

    Arguments
    ---------
    output_folder : str
        Of the training run.
    epoch : int or None
    signals : dict of Tensor
        ``[time]`` each, by kind.
    """
    import soundfile

    from pvsd_modules.plots import save_spectrograms

    for kind, wav in signals.items():
        path = example_path(output_folder, epoch, f"_{kind}.wav")
        soundfile.write(path, wav.numpy(), 16000)
    save_spectrograms(signals, example_path(output_folder, epoch, ".png"))


def dataio_prep(hparams):
    """Data sets ``train``, mixed on the fly, and ``valid`` and ``test`` of fixed
    mixtures."""
    real = hparams["lips"] == "real"
    train = "train_faces" if real else "train_speech"
    lists = {"valid": hparams["valid_list"], "test": hparams["test_list"]}
    names = [train, "train_noise", *lists.values()]
    if real:
        names += ["valid_faces", "test_faces"]
    manifests, store = open_manifests(
        hparams["manifest_folder"],
        names,
        hparams["store_folder"],
        data_root=hparams["data_root"],
        noise_root=hparams["noise_root"],
        faces_root=hparams["faces_root"],
    )
    noise = manifests["train_noise"]
    mixer = hparams["make_mixer"](store, manifests[train], noise, join=not real)
    datasets = {"train": mixing_dataset(manifests[train], mixer, real)}
    for stage, name in lists.items():
        items = evenly(manifests[name], hparams[f"{stage}_items"])
        faces = manifests[f"{stage}_faces"] if real else None
        datasets[stage] = mixture_dataset(items, store, faces)
    return datasets


def check_settings(hparams):
    """Raises PvsdError where settings contradict each other or a path is missing."""
    lips = hparams["lips"]
    if hparams["audio_only"] and lips != "none":
        raise PvsdError(
            "audio_only: the audio-only baseline reads no lips: add --lips none."
        )
    if lips in ("student", "held", "shuffled") and not hparams["student_path"]:
        raise PvsdError(
            f"lips: {lips} needs a trained student: add --student_path with its "
            "weights file or the output folder of its training run."
        )
    if hparams["train_student"] and lips != "student":
        raise PvsdError("train_student: needs the student's lips: add --lips student.")
    if (hparams["train_student"] or lips == "teacher") and not hparams["teacher_path"]:
        raise PvsdError(
            "train_student and lips: teacher need a trained teacher: add "
            "--teacher_path with its weights file or the output folder of its run."
        )


if __name__ == "__main__":
    with exit_on_error():
        hparams_file, run_opts, overrides = sb.parse_arguments(sys.argv[1:])
        sb.utils.distributed.ddp_init_group(run_opts)
        with open(hparams_file, encoding="utf-8") as fin:
            hparams = load_hyperpyyaml(fin, overrides)
        torch.set_num_threads(hparams["threads"])
        check_settings(hparams)
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
                "faces": hparams["faces_root"] if hparams["lips"] == "real" else None,
                "skip_prep": hparams["skip_prep"],
            },
        )
        datasets = dataio_prep(hparams)

        hparams["pretrainer"].collect_files()
        hparams["pretrainer"].load_collected()
        if hparams["train_student"]:
            student = hparams["student"].requires_grad_(True)
            hparams["modules"]["lip_source"].student = None
            hparams["modules"]["student"] = student
            hparams["checkpointer"].add_recoverable("student", student)

        brain = DenoiserBrain(
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
        if hparams["test_after_training"]:
            brain.evaluate(
                test_set=datasets["test"],
                max_key="pesq",
                test_loader_kwargs=hparams["valid_dataloader_opts"],
            )
