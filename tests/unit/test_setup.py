"""What pip would install: pins, extras, packages and the files in them."""

import importlib
import importlib.metadata
import re
import runpy
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import setuptools

import pvsd_modules

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(monkeypatch):
    """The arguments that setup.py calls setuptools.setup with."""
    caught = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: caught.update(given))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    return caught


def names(requirements):
    return {re.match(r"[\w-]+", line).group() for line in requirements}


def test_torch_and_torchaudio_end_with_the_same_release(settings):
    wanted = dict(
        re.match(r"([\w-]+)(.*)", line).groups()
        for line in settings["install_requires"]
    )
    assert wanted["torch"] == ">=2.6,<2.12"
    # 2.11.1 asks for torch 2.11 or later, and loads with 2.13 or later only.
    assert wanted["torchaudio"] == ">=2.6,<2.11.1"
    assert settings["python_requires"] == ">=3.11,<3.14"
    assert settings["version"] == pvsd_modules.__version__


@pytest.mark.parametrize(
    ("torch", "torchaudio", "advice"),
    [
        ("2.8.0+cu126", "2.8.0+cpu", None),
        ("2.7.1", "2.7.0", None),
        ("2.11.0", "2.11.0+cu130", None),
        ("2.8.0", "2.11.0", "2.8.*"),
        ("2.11.0", "2.1.1", "2.11.0"),
        ("2.11.0", "2.11.1", "2.11.0"),
        ("2.13.0+cpu", "2.11.1", "2.11.0"),
    ],
)
def test_a_pair_that_does_not_fit_is_a_sentence(monkeypatch, torch, torchaudio, advice):
    versions = {"torch": torch, "torchaudio": torchaudio}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    if advice is None:
        importlib.reload(pvsd_modules)
        return
    with pytest.raises(ImportError) as caught:
        importlib.reload(pvsd_modules)
    assert f"torchaudio {torchaudio} does not work with torch {torch}: " in str(
        caught.value
    )
    assert f"'torch=={advice}' 'torchaudio=={advice}'" in str(caught.value)


def test_the_core_needs_neither_compiler_nor_libgl(settings):
    heavy = {"pesq", "face-alignment", "opencv-python", "sounddevice"}
    assert not heavy & names(settings["install_requires"])
    extras = settings["extras_require"]
    assert heavy - {"sounddevice"} <= names(extras["train"])
    assert set(extras["train"]) <= set(extras["dev"])
    # Two OpenCV wheels overwrite each other.
    everything = names(extras["dev"]) | names(settings["install_requires"])
    assert {n for n in everything if n.startswith("opencv")} == {"opencv-python"}


def test_every_tracked_file_of_the_package_is_installed(settings):
    listed = subprocess.run(
        ["git", "ls-files", "pvsd_modules"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode or not listed.stdout:
        pytest.skip("not in a git checkout")
    packages = {name.replace(".", "/") for name in settings["packages"]}
    patterns = {
        package.replace(".", "/"): globs
        for package, globs in settings["package_data"].items()
    }
    installed = {
        path.relative_to(ROOT).as_posix()
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / package).glob(glob)
    }
    lost = [
        name
        for name in listed.stdout.splitlines()
        if (ROOT / name).is_file()
        and name not in installed
        and not (
            name.endswith(".py") and PurePosixPath(name).parent.as_posix() in packages
        )
    ]
    assert not lost


def test_the_command_exists(settings):
    [line] = settings["entry_points"]["console_scripts"]
    command, target = line.split(" = ")
    module, function = target.split(":")
    assert command == "pvsd"
    imported = __import__(module, fromlist=[function])
    assert callable(getattr(imported, function))


def test_readme_has_the_two_commands_that_ci_runs():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    main = "pip install -e . && pvsd enhance examples/noisy.wav -o enhanced.wav"
    assert main in lines
    assert "pip install -e '.[dev]' && pytest -n 2" in lines
