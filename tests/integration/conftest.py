"""A synthetic audio-visual corpus, prepared by the recipe, and its training scripts."""

import importlib.util
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

from pvsd_modules.synthetic.corpus import write_corpus, write_noises

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "LRS3_VGGSound"
TINY_LIPS = {"channels": 32, "layers": 1, "motions": 8, "lookahead_frames": 1}


def load_script(name):
    """A script of the recipe as a module."""
    spec = importlib.util.spec_from_file_location(
        f"{name}_script", RECIPE / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recipe:
    """Runs the training scripts on the corpus of a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.faces = folder / "faces"
        self.manifests = folder / "manifests"

    def arguments(self, training, output, family="open", **options):
        """The command line of a training run, without the interpreter."""
        roots = {"faces_root": self.faces}
        if training != "teacher":
            roots |= {"data_root": self.faces, "noise_root": self.folder / "noise"}
        options = {
            "manifest_folder": self.manifests,
            "output_folder": output,
            "store_folder": self.folder / "store",
            "threads": 1,
            "num_workers": 0,
            "noprogressbar": True,
            "device": "cpu",
            **(roots if training != "student" else {**roots, "faces_root": None}),
            **options,
        }
        words = [str(ROOT / "hparams" / family / f"{training}.yaml")]
        for key, value in options.items():
            if value is not None:
                words += [f"--{key}"] if value is True else [f"--{key}={value}"]
        return words

    def train(self, training, output, family="open", **options):
        """Runs a training script in this process, as ``python`` does; its output."""
        words = self.arguments(training, output, family, **options)
        self.run(RECIPE / f"train_{training}.py", words)
        return Path(output)

    @staticmethod
    def run(script, words):
        """Runs a script in this process, as ``python`` does."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [str(script), *words])
            patch.syspath_prepend(str(RECIPE))
            patch.setattr(sys, "excepthook", sys.excepthook)
            runpy.run_path(str(script), run_name="__main__")

    @staticmethod
    def logged(output, name):
        """Values of a statistic such as ``valid loss`` in the order of the epochs."""
        text = Path(output, "train_log.txt").read_text()
        return [
            float(x) for x in re.findall(rf"{name}: (-?[\d.]+(?:e[+-]?\d+)?)", text)
        ]

    @staticmethod
    def weights(output, name, newest=True):
        """State dict of a network in the newest checkpoint, or in the oldest kept."""
        found = sorted(Path(output, "save").glob(f"CKPT+*/{name}.ckpt"))
        found.sort(key=lambda path: path.stat().st_mtime_ns)
        return torch.load(found[-1 if newest else 0], weights_only=True)

    @staticmethod
    def checkpoint(output, name):
        """File of a network in the newest checkpoint."""
        found = Path(output, "save").glob(f"CKPT+*/{name}.ckpt")
        return max(found, key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture
def refused(capsys):
    """Runs what must end with exit code 2; gives the sentence."""

    def run(function, *args, **options):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            function(*args, **options)
        assert ended.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.fixture(scope="session")
def recipe(tmp_path_factory):
    """The corpus after preprocess.py and prepare.py."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder / "lrs3", speakers=4, clips=3, seconds=1.2, size=112)
    write_noises(folder / "noise", count=6, seconds=1.5)
    preprocess, prepare = load_script("preprocess"), load_script("prepare")
    made = Recipe(folder)
    options = ["--detector", "centre", "--shortest", "0.5"]
    for split in ("pretrain", "trainval", "test"):
        words = [str(folder / "lrs3" / split), str(made.faces / split), *options]
        assert preprocess.main(words) == 0
    options = ["--speech", made.faces, "--faces", made.faces]
    options += ["--noise", folder / "noise", "--output_folder", made.manifests]
    options += ["--valid_count", 4, "--test_count", 2, "--valid_snrs", 0]
    assert prepare.main([str(word) for word in options]) == 0
    return made


@pytest.fixture(scope="session")
def teacher_folder(recipe, tmp_path_factory):
    """A tiny teacher, trained on the corpus."""
    output = tmp_path_factory.mktemp("trained") / "teacher"
    return recipe.train(
        "teacher", output, voices="null", batch_size=1, number_of_epochs=10,
        warmup=0.02, cooldown=0.25, lr=0.003, max_grad_norm=5.0,
        squared_weight=50.0, motion_weight=0.0, segment_seconds=1.2,
        valid_items=2, test_items=1, **TINY_LIPS,
    )  # fmt: skip


@pytest.fixture(scope="session")
def student_folder(recipe, teacher_folder, tmp_path_factory):
    """A tiny student of the tiny teacher."""
    output = tmp_path_factory.mktemp("trained") / "student"
    return recipe.train(
        "student", output, teacher_path=recipe.checkpoint(teacher_folder, "teacher"),
        batch_size=1, number_of_epochs=8, warmup=0.02, cooldown=0.3, lr=0.003,
        segment_seconds=1.2, augment="null", max_grad_norm=5.0, squared_weight=50.0,
        motion_weight=0.0, bursts="False", snrs="[10.0, 20.0]", valid_items=2,
        test_items=1, teacher_lookahead_frames=1, **TINY_LIPS,
    )  # fmt: skip
