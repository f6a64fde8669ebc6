"""What each process of a distributed test runs: several training runs in turn.

    torchrun ... distributed_worker.py JOBS.json REPORT

A job is ``{"script": path, "words": [...], "stop_at": step or null}``. Each process
writes ``REPORT.RANK.json`` with what it saw of each job.
"""

import faulthandler
import hashlib
import json
import os
import runpy
import sys
from pathlib import Path

import torch

from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.training.brain import PvsdBrain
from pvsd_modules.training.scores import ItemScores


class Stopped(RuntimeError):
    """The run was interrupted as the job asks."""


def main(jobs_file: str, report: str) -> None:
    """Runs the jobs and writes the report."""
    faulthandler.dump_traceback_later(500)  # where it hangs, if it does
    seen: dict = {}
    draw, merge = TrainingMixer.draw, ItemScores.merge

    def watched_draw(self, item_id, *args, **options):
        if brain_is_training():
            seen["trained"].append([self.epoch, item_id])
        return draw(self, item_id, *args, **options)

    def watched_merge(self):
        seen["scored"].append(sorted(self.items))
        merge(self)
        seen["merged"].append(sorted(self.items))

    def brain_is_training():
        return seen["brain"] is None or seen["brain"].modules.training

    start = PvsdBrain.on_fit_batch_start
    stop_at = None

    def watched_start(self, batch, should_step):
        seen["brain"] = self
        if stop_at is not None and self.optimizer_step == stop_at:
            raise Stopped
        start(self, batch, should_step)

    TrainingMixer.draw = watched_draw
    ItemScores.merge = watched_merge
    PvsdBrain.on_fit_batch_start = watched_start
    # One group serves all jobs: a second one would meet the first one's addresses.
    init = torch.distributed.init_process_group

    def init_once(*args, **options):
        if not torch.distributed.is_initialized():
            init(*args, **options)

    torch.distributed.init_process_group = init_once
    found = []
    for job in json.loads(Path(jobs_file).read_text()):
        seen.update(trained=[], scored=[], merged=[], brain=None)
        stop_at = job["stop_at"]
        sys.argv = [job["script"], *job["words"]]
        sys.path.insert(0, str(Path(job["script"]).parent))
        try:
            brain = runpy.run_path(job["script"], run_name="__main__")["brain"]
        except Stopped:
            brain = seen["brain"]
        digest = hashlib.sha256()
        for module in brain.modules.values():
            for value in module.state_dict().values():
                digest.update(value.contiguous().numpy().tobytes())
        found.append(
            {
                "weights": digest.hexdigest(),
                "steps": brain.optimizer_step,
                **{key: seen[key] for key in ("trained", "scored", "merged")},
            }
        )
    Path(f"{report}.{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
