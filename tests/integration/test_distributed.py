"""All training runs on two processes, on one machine and as two nodes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import RECIPE, TINY_LIPS

from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.wide_denoiser import WideDenoiser

WORKER = Path(__file__).with_name("distributed_worker.py")
RUN = {
    "batch_size": 2, "number_of_epochs": 2, "segment_seconds": 0.4, "valid_items": 3,
    "test_items": 1, "distributed_backend": "gloo", "log_interval_steps": 2,
}  # fmt: skip
LIPS = {**TINY_LIPS, "teacher_lookahead_frames": 1, "augment": "null"}
DENOISER = {
    "channels": 8, "blocks": 1, "augment": "null", "student_channels": 32,
    "student_layers": 1, "student_motions": 8, "student_lookahead_frames": 1,
    "teacher_lookahead_frames": 1, "mask_limit": 1.25,
}  # fmt: skip


def launch(folder, jobs, nodes=1):
    """Runs jobs on two processes; what each process reported of each job."""
    file, report = folder / "jobs.json", folder / "report"
    file.write_text(json.dumps(jobs))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    torchrun = [sys.executable, "-m", "torch.distributed.run"]
    places = ["--standalone", "--nproc_per_node=2"]
    if nodes == 2:
        places = ["--nnodes=2", "--nproc_per_node=1", "--rdzv_backend=c10d"]
        places += ["--rdzv_endpoint=127.0.0.1:29641", "--rdzv_id=two_nodes"]
        places += ["--local_addr=127.0.0.1"]
    words = [*torchrun, *places, str(WORKER), str(file), str(report)]
    logs = [(folder / f"node{i}.log").open("w+") for i in range(nodes)]
    running = [
        subprocess.Popen(words, stdout=log, stderr=log, env=environment) for log in logs
    ]
    try:
        codes = [process.wait(timeout=600) for process in running]
    finally:
        for process in running:
            process.kill()
    for log in logs:
        log.seek(0)
    assert codes == [0] * nodes, logs[0].read()[-4000:]
    return [json.loads(Path(f"{report}.{rank}.json").read_text()) for rank in (0, 1)]


def job(recipe, training, output, stop_at=None, **options):
    words = recipe.arguments(training, output, **{**RUN, **options})
    script = str(RECIPE / f"train_{training}.py")
    return {"script": script, "words": words, "stop_at": stop_at}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Weights of an untrained teacher, student and denoiser."""
    folder = tmp_path_factory.mktemp("networks")
    sizes = {"channels": 32, "layers": 1, "motions": 8, "lookahead_frames": 1}
    torch.manual_seed(0)
    student = OpenLipGenerator(**sizes, level_seconds=3.0)
    denoiser = WideDenoiser(8, 1, mask_limit=1.25, level_seconds=3.0)
    made = {"teacher": OpenLipGenerator(**sizes), "student": student}
    for name, network in {**made, "denoiser": denoiser}.items():
        torch.save(network.state_dict(), folder / f"{name}.ckpt")
    return {f"{name}_path": folder / f"{name}.ckpt" for name in made} | {
        "init_path": folder / "denoiser.ckpt"
    }


def test_two_processes_train_everything_together(recipe, networks, tmp_path):
    teacher = {"teacher_path": networks["teacher_path"]}
    student = {"student_path": networks["student_path"]}
    start = {"init_path": networks["init_path"], "fresh_lip_path": True}
    chosen = {
        "real": {},
        "none": {},
        "student": student,
        "teacher": teacher,
        "held": student,
        "shuffled": student,
    }
    jobs = {
        "teacher": job(recipe, "teacher", tmp_path / "t", voices="null", **TINY_LIPS),
        "student": job(recipe, "student", tmp_path / "s", **teacher, **LIPS),
    }
    for lips, paths in chosen.items():
        options = {**DENOISER, **paths, "lips": lips}
        jobs[f"lips {lips}"] = job(recipe, "denoiser", tmp_path / lips, **options)
    both = {**DENOISER, **teacher, **student, "fresh_lip_path": "True"}
    both |= {"init_path": start["init_path"]}
    jobs["joint"] = job(
        recipe, "denoiser", tmp_path / "joint", lips="student", train_student="True",
        **both,
    )  # fmt: skip
    jobs["audio only"] = job(
        recipe, "denoiser", tmp_path / "audio_only", lips="none", audio_only="True",
        **DENOISER,
    )  # fmt: skip
    jobs["accumulated"] = job(
        recipe, "denoiser", tmp_path / "acc", lips="zeros", batch_size=1,
        grad_accumulation_factor=2, **DENOISER,
    )  # fmt: skip
    cut = {**DENOISER, "lips": "zeros", "ckpt_interval_steps": 1}
    jobs["whole"] = job(recipe, "denoiser", tmp_path / "whole", **cut)
    jobs["stopped"] = job(recipe, "denoiser", tmp_path / "cut", stop_at=2, **cut)
    jobs["resumed"] = job(recipe, "denoiser", tmp_path / "cut", **cut)
    ranks = launch(tmp_path, list(jobs.values()))
    reports = dict(zip(jobs, zip(*ranks, strict=True), strict=True))
    for name, (a, b) in reports.items():
        if name == "stopped":
            continue
        assert a["weights"] == b["weights"], name
        if name == "resumed":
            continue
        for epoch in (1, 2):
            own = [{i for e, i in x["trained"] if e == epoch} for x in (a, b)]
            assert len(own[0]) == len(own[1]) == 6 and not own[0] & own[1], name
        for own, other, merged in zip(
            a["scored"], b["scored"], a["merged"], strict=True
        ):
            assert not set(own) & set(other), name
            assert merged == sorted([*own, *other]), name
        assert [len(merged) for merged in a["merged"]] == [3, 3, 1], name
    assert reports["resumed"][0]["weights"] == reports["whole"][0]["weights"]
    logs = [recipe.logged(tmp_path / x, "train loss") for x in ("whole", "cut")]
    assert logs[0] == logs[1] and len(logs[0]) == 2


def test_two_nodes(recipe, tmp_path):
    options = {"voices": "null", "number_of_epochs": 1, **TINY_LIPS}
    jobs = [job(recipe, "teacher", tmp_path / "teacher", **options)]
    (a,), (b,) = launch(tmp_path, jobs, nodes=2)
    assert a["weights"] == b["weights"] and a["steps"] == 3
    assert not {i for _, i in a["trained"]} & {i for _, i in b["trained"]}


def test_another_number_of_processes_resumes_between_epochs_only(
    recipe, tmp_path, refused
):
    options = {**DENOISER, "lips": "zeros", "ckpt_interval_steps": 1}
    middle = job(recipe, "denoiser", tmp_path / "middle", stop_at=2, **options)
    options["number_of_epochs"] = 1
    end = job(recipe, "denoiser", tmp_path / "end", **options)
    launch(tmp_path, [middle, end])
    options = {**RUN, **options, "number_of_epochs": 2}
    message = refused(recipe.train, "denoiser", tmp_path / "middle", **options)
    assert "processes 2, and there are 1 now" in message
    recipe.train("denoiser", tmp_path / "end", **options)
    assert len(recipe.logged(tmp_path / "end", "valid loss")) == 2
