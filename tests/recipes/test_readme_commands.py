"""The commands of the README's section "Train", word for word, on a synthetic corpus.

Only the sizes in the settings are smaller: the recipe and its YAML files are copied and
the copies are changed.
"""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import soundfile

from pvsd_modules.cli import main
from pvsd_modules.synthetic.corpus import write_corpus, write_noises

ROOT = Path(__file__).parents[2]
RECIPE = "recipes/LRS3_VGGSound"
SMALL = {
    "batch_size": 2,
    "blocks": 1,
    "channels": 8,
    "items": 2,
    "layers": 1,
    "motions": 4,
    "num_workers": 0,
    "number_of_epochs": 1,
    "segment_seconds": 0.8,
    "test_items": 1,
    "threads": 1,
    "valid_items": 2,
}
KEYS = "|".join(SMALL)


def shrunk(text):
    """Settings with smaller sizes, of the student and teacher of a denoiser as well."""

    def small(match):
        return f"{match['owner']}{match['key']}: {SMALL[match['key']]}"

    pattern = rf"^(?P<owner>(student_|teacher_)?)(?P<key>{KEYS}): [\w.]+"
    text = re.sub(pattern, small, text, flags=re.MULTILINE)
    return re.sub("^measures:", "measures: [stoi, si_sdr]  #", text, flags=re.MULTILINE)


def section(page, title):
    """The commands of a section's first block, one a line."""
    text = page.read_text(encoding="utf-8").split(f"\n## {title}\n")[1]
    block = re.search(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    return [
        words
        for line in block.replace("\\\n", " ").splitlines()
        if (words := shlex.split(line, comments=True))
    ]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of recipe and settings beside a corpus."""
    shutil.copytree(ROOT / RECIPE, tmp_path / RECIPE)
    for path in (ROOT / "hparams").rglob("*.yaml"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(shrunk(path.read_text(encoding="utf-8")), encoding="utf-8")
    write_corpus(tmp_path / RECIPE / "LRS3", speakers=3, clips=1, seconds=1.2, size=112)
    write_noises(tmp_path / RECIPE / "VGGSOUND", count=5, seconds=1.2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return tmp_path


def run(words, monkeypatch):
    """Run a command in this process, as a shell does in one of its own."""
    match words:
        case ["cd", folder]:
            monkeypatch.chdir(folder)
        case ["python", script, *_]:
            monkeypatch.setattr(sys, "argv", words[1:])
            monkeypatch.syspath_prepend(str(Path(script).resolve().parent))
            try:
                runpy.run_path(str(Path(script).resolve()), run_name="__main__")
            except SystemExit as stop:
                assert not stop.code, f"{shlex.join(words)}: exit code {stop.code}"
        case _:
            pytest.fail(f"no way to run {shlex.join(words)}")


def test_from_videos_to_scores(checkout, monkeypatch):
    commands = section(ROOT / "README.md", "Train")
    assert len(commands) == 8  # cd, and the seven
    for words in commands:
        run(words, monkeypatch)
    assert "si_sdr" in Path("results/scores/scores.csv").read_text(encoding="utf-8")
    noisy = ROOT / "examples" / "noisy.wav"
    assert main(["enhance", str(noisy), "-o", "out.wav", "--model", "my_model"]) == 0
    assert soundfile.info("out.wav").frames == soundfile.info(noisy).frames
