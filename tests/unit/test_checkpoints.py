"""Files of the original code: what loads, what is refused, what gets written."""

import os
import pickle
import zipfile
from itertools import permutations

import pytest
import torch

from pvsd_modules.checkpoints import convert
from pvsd_modules.checkpoints.convert import NETWORKS, convert_original, load_original
from pvsd_modules.checkpoints.export import export
from pvsd_modules.errors import PvsdError
from pvsd_modules.inference import PseudoVisualEnhancement

EXTRAS = {
    "student": {"optimizer": {"lr": 1e-3}, "global_step": 7, "global_epoch": 1},
    "denoiser": {"optimizer": {"lr": 1e-3}, "loss": 0.1, "epoch": 3},
    "teacher": {"optimizer": None, "global_step": 7, "global_epoch": 1},
}


def make_state(kind, prefix=""):
    """Every tensor of a network, each of one value, so that files stay small."""
    with torch.device("meta"):
        state = NETWORKS[kind]().state_dict()
    return {
        prefix + name: torch.tensor(1 + place % 7, dtype=value.dtype).expand(
            value.shape
        )
        for place, (name, value) in enumerate(sorted(state.items()))
    }


def save(folder, name, content):
    path = folder / name
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint of each network as its training script saves it."""
    folder = tmp_path_factory.mktemp("original")
    return {
        kind: save(
            folder,
            f"{kind}.pth",
            {"state_dict": make_state(kind, "module."), **extras},
        )
        for kind, extras in EXTRAS.items()
    }


def refusal(path, network):
    """The sentence that a file is refused with."""
    with pytest.raises(PvsdError) as caught:
        load_original(path, network)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize("kind", list(NETWORKS))
def test_a_training_scripts_file_loads(files, kind):
    network = load_original(files[kind], kind)
    assert isinstance(network, NETWORKS[kind])
    assert not any(module.training for module in network.modules())
    for name, value in make_state(kind).items():
        assert torch.equal(network.state_dict()[name], value), name


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_state_dicts_load_bare_or_not(tmp_path, prefix, wrapped):
    state = make_state("student", prefix)
    path = save(tmp_path, "s.pth", {"state_dict": state} if wrapped else state)
    assert not load_original(path, "student").training


def test_the_file_format_before_pytorch_1_6_loads(tmp_path):
    path = tmp_path / "old.pth"
    torch.save(make_state("student"), path, _use_new_zipfile_serialization=False)
    load_original(path, "student")
    path.write_bytes(path.read_bytes()[:5000])
    assert "damaged" in refusal(path, "student")


def test_only_one_module_is_stripped(tmp_path):
    path = save(tmp_path, "s.pth", make_state("student", "module.module."))
    assert "none of the paper's networks" in refusal(path, "student")


@pytest.mark.parametrize("given, wanted", list(permutations(NETWORKS, 2)))
def test_mix_ups_name_the_network(files, given, wanted):
    message = refusal(files[given], wanted)
    assert f"looks like the {given}, not like the {wanted}" in message


def test_a_changed_network_names_the_tensor(tmp_path):
    state = make_state("student")
    state["output_block.1.weight"] = torch.zeros(4, 16, 1, 1)
    message = refusal(save(tmp_path, "s.pth", state), "student")
    assert "looks like the student, but output_block.1.weight" in message
    del state["output_block.1.weight"]
    assert "output_block.1" in refusal(save(tmp_path, "t.pth", state), "student")


def test_other_contents_are_no_networks(tmp_path):
    for name, content in {
        "other": {"layer.weight": torch.zeros(3)},
        "number": 3,
        "empty": {},
        "list": [torch.zeros(3)],
        "nested": {"state_dict": {"a": 1}},
    }.items():
        message = refusal(save(tmp_path, f"{name}.pth", content), "denoiser")
        assert "none of the paper's networks" in message or "no weights" in message


def test_missing_empty_folder_and_page(tmp_path):
    assert "does not exist" in refusal(tmp_path / "gone.pth", "student")
    assert "is a folder" in refusal(tmp_path, "student")
    (tmp_path / "empty.pth").touch()
    assert "is empty" in refusal(tmp_path / "empty.pth", "student")
    for page in ("<!DOCTYPE html><html></html>", "\ufeff\n  <html>sign in</html>"):
        (tmp_path / "page.pth").write_text(page, encoding="utf-8")
        assert "is a web page" in refusal(tmp_path / "page.pth", "student")
    (tmp_path / "text.pth").write_text("version https://git-lfs.github.com/spec/v1")
    assert "not a PyTorch checkpoint" in refusal(tmp_path / "text.pth", "student")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_damaged(files, tmp_path, share):
    whole = files["student"].read_bytes()
    path = tmp_path / "part.pth"
    path.write_bytes(whole[: int(share * len(whole))])
    assert "damaged" in refusal(path, "student")


class Bomb:
    """Unpickling this creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "protocol 0"])
def test_code_in_a_file_never_runs(tmp_path, form):
    trace, path = tmp_path / "was_here", tmp_path / "bomb.pth"
    content = {"state_dict": {"module.a": torch.zeros(1)}, "epoch": Bomb(trace)}
    if form in ("zip", "legacy"):
        zipped = form == "zip"
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    else:
        protocol = 0 if form == "protocol 0" else 2
        path.write_bytes(pickle.dumps(Bomb(trace), protocol=protocol))
    assert "could run code" in refusal(path, "student")
    assert not trace.exists()


def test_an_archive_of_something_else(tmp_path):
    path = tmp_path / "other.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refusal(path, "student")


def test_unknown_network():
    with pytest.raises(PvsdError, match="choose teacher, student, denoiser"):
        load_original("a.pth", "discriminator")


def test_conversion_writes_a_folder_that_loads(files, tmp_path):
    folder = tmp_path / "deep" / "model"
    converted = convert_original(
        files["student"], files["denoiser"], folder, files["teacher"]
    )
    assert converted == folder
    assert sorted(item.name for item in folder.iterdir()) == [
        "README.md",
        "custom_interface.py",
        "denoiser.ckpt",
        "example.py",
        "hyperparams.yaml",
        "student.ckpt",
        "teacher.ckpt",
    ]
    assert os.listdir(folder.parent) == ["model"]  # nothing temporary is left
    model = PseudoVisualEnhancement.from_hparams(str(folder), extra_networks=True)
    assert model.hparams.sample_rate == 16000
    assert model.hparams.family == "paper" and model.hparams.lips == "student"
    assert set(model.mods) == {"student", "denoiser", "teacher"}
    for kind in NETWORKS:
        wanted = make_state(kind, "network.")
        loaded = model.mods[kind].state_dict()
        assert loaded.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.equal(loaded[name], value), name
    assert model.make_stream().stream.window == 16000
    assert model.hparams.latency_ms == model.make_stream().latency_samples / 16
    text = (folder / "hyperparams.yaml").read_text()
    assert "!include" not in text and "paths:" not in text
    again = export({"student": folder, "denoiser": folder}, tmp_path / "again")
    assert "family: paper" in (again / "hyperparams.yaml").read_text()
    assert "teacher" not in (again / "hyperparams.yaml").read_text()


def test_nothing_is_written_when_a_file_is_wrong(files, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PvsdError, match="looks like the student"):
        convert_original(files["student"], files["student"], tmp_path / "a" / "model")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Conversion of networks that take no time to write."""
    monkeypatch.setattr(
        convert, "load_original", lambda path, name: torch.nn.Linear(2, 2)
    )
    source = tmp_path / "source.pth"
    source.write_text("weights")
    return lambda folder, **options: convert_original(source, source, folder, **options)


def test_a_folder_in_use_is_left_alone(small, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    small(folder)  # an empty folder is welcome
    card = (folder / "README.md").read_bytes()
    with pytest.raises(PvsdError, match="not empty"):
        small(folder)
    assert (folder / "README.md").read_bytes() == card
    (folder / "README.md").write_text("old")
    small(folder, overwrite=True)
    assert (folder / "README.md").read_bytes() == card
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(PvsdError, match=r"holds thesis\.txt"):
        small(folder, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert sorted(os.listdir(tmp_path)) == ["model", "source.pth"]


def test_a_failure_while_writing_leaves_the_earlier_folder(
    small, tmp_path, monkeypatch
):
    folder = tmp_path / "model"
    small(folder)
    before = {item.name: item.read_bytes() for item in folder.iterdir()}

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(PvsdError, match="cannot be written .*disk full"):
        small(folder, overwrite=True)
    assert {item.name: item.read_bytes() for item in folder.iterdir()} == before
    assert sorted(os.listdir(tmp_path)) == ["model", "source.pth"]


def test_a_file_in_the_folders_place(small, tmp_path):
    with pytest.raises(PvsdError, match="is a file"):
        small(tmp_path / "source.pth")
    with pytest.raises(PvsdError, match="cannot be written"):
        small(tmp_path / "source.pth" / "model")
