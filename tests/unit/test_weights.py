"""Weights load whole or not at all; runs resume whole or say why they cannot."""

import os
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from speechbrain.core import INTRA_EPOCH_CKPT_FLAG
from speechbrain.utils.epoch_loop import EpochCounter

from pvsd_modules.checkpoints.runs import StrictCheckpointer, best_checkpoint
from pvsd_modules.checkpoints.weights import StrictPretrainer, load_weights
from pvsd_modules.errors import PvsdError

ROOT = Path(__file__).parents[2]


def network(inputs=2, outputs=3):
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, outputs), torch.nn.BatchNorm1d(outputs)
    )


def changed(change):
    state = network().state_dict()
    change(state)
    return state


def put(key, value):
    return lambda state: state.update({key: value})


MISFITS = {
    "missing": (lambda state: state.pop("0.weight"), "1 missing, such as 0.weight"),
    "unknown": (put("2.bias", torch.ones(1)), "1 unknown, such as 2.bias"),
    "renamed": (lambda s: s.update(w=s.pop("0.weight")), "such as 0.weight; 1 unknown"),
    "smaller": (put("0.bias", torch.ones(2)), "0.bias, which is [2] where [3] is"),
    "transposed": (put("0.weight", torch.ones(2, 3)), "0.weight, which is [2, 3]"),
    "nan": (
        put("0.bias", torch.full((3,), torch.nan)),
        "not finite, such as in 0.bias",
    ),
    "infinite": (put("1.running_var", torch.full((3,), torch.inf)), "1.running_var"),
    "sparse": (put("0.bias", torch.ones(3).to_sparse()), "holds no weights"),
    "meta": (put("0.bias", torch.ones(3, device="meta")), "holds no weights"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(case, tmp_path):
    change, words = MISFITS[case]
    path = tmp_path / "student.ckpt"
    torch.save(changed(change), path)
    target = network()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(PvsdError) as caught:
        load_weights(target, path, "student")
    message = str(caught.value)
    assert str(path) in message and words in message and "\n" not in message
    assert "student" in message or "no weights" in message
    after = target.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_weights_of_any_precision_load_as_the_network_has_them(kind, tmp_path):
    path = tmp_path / "student.ckpt"
    source, target = network(), network()
    torch.save(
        {key: value.to(kind) for key, value in source.state_dict().items()}, path
    )
    load_weights(target, path, "student")
    for key, value in target.state_dict().items():
        assert value.dtype == source.state_dict()[key].dtype
        assert torch.allclose(
            value.float(), source.state_dict()[key].float(), atol=1e-3
        )


def test_files_that_are_no_files_and_packed_files_are_refused(tmp_path):
    whole = tmp_path / "whole.ckpt"
    torch.save(network().state_dict(), whole)
    packed = tmp_path / "packed.ckpt"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(packed, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            target.writestr(item.filename, data, zipfile.ZIP_DEFLATED)
    with pytest.raises(PvsdError, match="compressed archive"):
        load_weights(network(), packed, "student")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.ckpt")
        with pytest.raises(PvsdError, match="pipe or a device"):
            load_weights(network(), tmp_path / "pipe.ckpt", "student")


def test_a_pretrainer_is_strict(tmp_path):
    path = tmp_path / "teacher.ckpt"
    torch.save(network(2, 4).state_dict(), path)
    pretrainer = StrictPretrainer(
        loadables={"teacher": network()}, paths={"teacher": str(path)}
    )
    pretrainer.collect_files()
    with pytest.raises(PvsdError, match=r"does not fit the teacher \(Sequential, 7"):
        pretrainer.load_collected()


def make_run(folder: Path, net=None, **recoverables):
    folder.joinpath("save").mkdir(parents=True, exist_ok=True)
    net = network() if net is None else net
    adam = torch.optim.Adam(net.parameters())
    return StrictCheckpointer(
        folder / "save",
        {
            "denoiser": net,
            "optimizer": adam,
            "counter": EpochCounter(3),
            **recoverables,
        },
    )


def cut(path: Path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "cut weights": (lambda folder: cut(folder / "denoiser.ckpt"), "is damaged"),
    "cut optimizer": (
        lambda folder: cut(folder / "optimizer.ckpt"),
        "cannot be loaded",
    ),
    "empty optimizer": (
        lambda folder: (folder / "optimizer.ckpt").write_bytes(b""),
        "cannot be loaded",
    ),
    "odd counter": (
        lambda folder: (folder / "counter.ckpt").write_text("two"),
        "cannot be loaded",
    ),
    "no weights": (lambda folder: (folder / "denoiser.ckpt").unlink(), "no denoiser"),
    "no counter": (lambda folder: (folder / "counter.ckpt").unlink(), "no counter"),
    "empty meta": (lambda folder: (folder / "CKPT.yaml").write_text(""), "is cut"),
    "odd meta": (lambda folder: (folder / "CKPT.yaml").write_text("{a"), "cannot be"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_checkpoint_is_a_sentence(case, tmp_path):
    damage, words = DAMAGES[case]
    make_run(tmp_path).save_checkpoint()
    damage(next((tmp_path / "save").glob("CKPT*")))
    with pytest.raises(PvsdError) as caught:
        make_run(tmp_path).recover_if_possible()
    message = str(caught.value)
    assert words in message and str(tmp_path) in message and "\n" not in message


def test_a_run_of_other_sizes_is_refused_and_one_of_the_same_resumes(tmp_path):
    net = network()
    make_run(tmp_path, net).save_checkpoint()
    with pytest.raises(PvsdError, match=r"denoiser.ckpt does not fit the denoiser"):
        make_run(tmp_path, network(2, 4)).recover_if_possible()
    with pytest.raises(PvsdError, match="holds no student"):
        make_run(tmp_path, student=network()).recover_if_possible()
    again = network()
    make_run(tmp_path, again).recover_if_possible()
    assert torch.equal(again[0].weight, net[0].weight)


def test_the_best_checkpoint_is_a_validated_one(tmp_path):
    run = make_run(tmp_path)
    flag = {INTRA_EPOCH_CKPT_FLAG: True}
    middle = run.save_checkpoint(meta=flag, end_of_epoch=False, name="middle")
    for source in (tmp_path, middle.path, middle.path / "denoiser.ckpt"):
        with pytest.raises(PvsdError, match="never validated"):
            best_checkpoint(source, "denoiser")
        found = best_checkpoint(source, "denoiser", allow_unvalidated=True)
        assert found == middle.path / "denoiser.ckpt"
    run.save_checkpoint(meta={"loss": 1.0}, name="no_score")
    assert best_checkpoint(tmp_path, "denoiser").parent.name == "CKPT+no_score"
    for score in (1.5, 2.5, 2.0):
        run.save_checkpoint(meta={"pesq": score}, name=f"pesq{score}")
    run.save_checkpoint(meta=flag, end_of_epoch=False, name="last")
    assert best_checkpoint(tmp_path, "denoiser").parent.name == "CKPT+pesq2.5"
    with pytest.raises(PvsdError, match=r"holds no student\.ckpt"):
        best_checkpoint(tmp_path, "student")


def test_the_best_mouth_reader_has_the_least_loss(tmp_path):
    run = make_run(tmp_path, mouth_reader=network())
    for loss in (0.3, 0.1, 0.2):
        run.save_checkpoint(meta={"loss": loss}, name=f"loss{loss}")
    assert best_checkpoint(tmp_path, "mouth_reader").parent.name == "CKPT+loss0.1"


TRAINED = [*ROOT.glob("hparams/open/*.yaml"), *ROOT.glob("hparams/paper/*.yaml")]


@pytest.mark.parametrize("settings", TRAINED, ids=lambda path: path.stem)
def test_runs_save_networks_by_the_names_that_export_reads(settings):
    saved = settings.read_text().partition("    recoverables:\n")[2]
    assert saved.startswith(f"        {settings.stem}: !ref <")


def test_metadata_of_checkpoints_runs_no_code(tmp_path):
    checkpoint = make_run(tmp_path).save_checkpoint()
    trace = tmp_path / "trace"
    call = f"!!python/object/apply:os.mkdir [{str(trace)!r}]"
    (checkpoint.path / "CKPT.yaml").write_text(f"a: {call}\n")
    for source in (tmp_path, checkpoint.path):
        with pytest.raises(PvsdError, match="cannot be loaded"):
            best_checkpoint(source, "denoiser")
    assert not trace.exists()
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(f"a: {call}")
