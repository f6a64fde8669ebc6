"""Every command and code block of the documentation is run.

The blocks of a page are run in order, in one folder and one namespace. A block that
cannot be run here says why in a comment above it: ``<!-- not run: needs a GPU -->``.
"""

import importlib.util
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import types
from glob import glob
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pvsd_modules.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
)
BLOCK = re.compile(
    r"^(?P<mark><!-- not run: (?P<reason>[^\n]+) -->\n+)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN = {"text", "bibtex", "yaml", ""}  # languages of what nobody runs
# Cells of a table that are a command, such as "| `pvsd info` |".
CELL = re.compile(r"^\| `(pvsd [^`]+)` \|", re.MULTILINE)
# Tested by themselves: they are slow, or need weights of the original code or a device.
LONE = {f"pvsd {name}" for name in ("benchmark", "convert", "demo", "export", "stream")}
SECONDS = 1.0


def blocks_of(page):
    return [match.groupdict() for match in BLOCK.finditer(page.read_text("utf-8"))]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the recordings that the pages name, and a second of sound each."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "recordings").mkdir()
    for source in (ROOT / "examples").iterdir():
        if source.suffix in (".py", ".mp4"):
            shutil.copy(source, tmp_path / "examples")
    for name in ("noisy", "clean"):
        wave, rate = soundfile.read(ROOT / "examples" / f"{name}.wav")
        wave = wave[rate : rate + int(SECONDS * rate)]
        soundfile.write(tmp_path / "examples" / f"{name}.wav", wave, rate)
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "a.wav", wave, rate)
    for name in ("noisy.wav", "talk.wav", "recordings/a.wav", "recordings/b.wav"):
        shutil.copy(tmp_path / "noisy" / "a.wav", tmp_path / name)
    for name in ("noisy.mp4", "talk.mp4"):
        shutil.copy(ROOT / "examples" / "noisy.mp4", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_command(words):
    """Run one command of a shell block in this process."""
    words = [
        found for word in words for found in (sorted(glob(word)) or [word])
    ]  # as a shell expands a pattern
    match words:
        case ["pip", *_]:
            return  # .ci/run installs
        case ["pvsd", *arguments]:
            try:
                code = main(arguments)
            except SystemExit as stop:  # --help, --version
                code = stop.code or 0
            assert code == 0, f"pvsd {shlex.join(arguments)}: exit code {code}"
        case ["python", script, *arguments]:
            before = sys.argv
            sys.argv = [script, *arguments]
            try:
                runpy.run_path(script, run_name="__main__")
            finally:
                sys.argv = before
        case _:
            pytest.fail(f"no way to run {shlex.join(words)}: mark the block")


def run_pipe(line):
    """Run a line with pipes in a shell, whose `pvsd` is this package."""
    command = shlex.join([sys.executable, "-m", "pvsd_modules.cli"])
    script = f'set -euo pipefail\npvsd() {{ {command} "$@"; }}\n{line}\n'
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    subprocess.run(["bash", "-c", script], check=True, env={**os.environ, **places})


def run_shell(text):
    """Run a block of commands: continued lines, comments, && and pipes."""
    for line in text.replace("\\\n", " ").splitlines():
        if {"|", "<", ">"} & set(shlex.split(line, comments=True)):
            run_pipe(line)
            continue
        for command in shlex.join(shlex.split(line, comments=True)).split(" '&&' "):
            if command:
                run_command(shlex.split(command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_of_a_page_run(page, workplace, capsys):
    space = {"__name__": "__documentation__"}
    for block in blocks_of(page):
        if block["language"] in SHOWN or block["reason"]:
            continue
        if block["language"] == "bash":
            run_shell(block["text"])
        elif block["language"] == "python":
            exec(compile(block["text"], str(page), "exec"), space)
        else:
            pytest.fail(f"{page.name}: no way to run {block['language']}")


def test_commands_of_the_readme_table_run(workplace, capsys):
    commands = CELL.findall((ROOT / "README.md").read_text("utf-8"))
    assert LONE < set(commands)
    for command in commands:
        if command not in LONE:
            run_shell(command)


def test_every_fence_is_understood():
    for page in PAGES:
        fences = page.read_text("utf-8").count("```")
        assert fences == 2 * len(blocks_of(page)), page


def test_notebook_runs(workplace, capsys):
    notebook = json.loads((ROOT / "examples/quickstart.ipynb").read_text("utf-8"))
    space = {"__name__": "__notebook__"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "commit the notebook without outputs"
            exec(compile("".join(cell["source"]), "notebook", "exec"), space)


def documentation_script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_architecture_is_current():
    drawn = documentation_script("draw_architecture").draw()
    assert (ROOT / "docs/architecture.svg").read_text("utf-8") == drawn


@pytest.mark.parametrize(
    "command",
    [
        "python examples/enhance.py noisy.wav first.wav",
        "python examples/folder.py recordings enhanced",
        "python examples/asr_front_end.py noisy.wav",
    ],
)
def test_examples_run(command, workplace, capsys):
    run_shell(command)


def test_the_microphone_example_runs(workplace, capsys, monkeypatch):
    """Its devices are replaced: one reads a constant, the other collects."""
    played = []

    class Device:
        def __init__(self, samplerate, channels, dtype, blocksize):
            assert (samplerate, channels, dtype) == (16000, 1, "float32")

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read(self, count):
            return np.full((count, 1), 0.1, np.float32), False

        def write(self, block):
            played.append(len(block))
            return False

    devices = types.SimpleNamespace(InputStream=Device, OutputStream=Device)
    monkeypatch.setitem(sys.modules, "sounddevice", devices)
    run_shell("python examples/live_microphone.py 0.2")
    assert 3200 - 640 <= sum(played) <= 3200
    assert "0 dropouts" in capsys.readouterr().out


def test_messages_are_listed():
    found = documentation_script("messages").messages()
    assert sum(map(len, found.values())) > 100
    assert not [text for text in found["commands"] if not text.endswith((".", "?"))]
