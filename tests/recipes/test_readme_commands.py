"""The commands of both READMEs that train, word for word, on a synthetic corpus.

Only the sizes in the settings are smaller: the recipe and its YAML files are copied and
the copies are changed.
"""

import re
import runpy
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest
import soundfile

from pvsd_modules.cli import main
from pvsd_modules.data.manifests import mixtures
from pvsd_modules.synthetic.corpus import write_corpus, write_noises

ROOT = Path(__file__).parents[2]
RECIPE = "recipes/LRS3_VGGSound"
SMALL = {
    "batch_size": 2,
    "blocks": 1,
    "channels": 8,
    "full_band_channels": 16,
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
#: Blocks of the recipe's README that are run here, by section.
RUN = {
    "Open data, word for word": 3,
    "LRS3 and VGGSound": 2,
    "The paper's networks": 1,
    "Lips": 1,
}
# The sizes of the paper's networks are fixed: its runs take steps of 5 frames.
SMALL_PAPER = {**SMALL, "batch_size": 1, "segment_seconds": 0.2}


def shrunk(text, sizes):
    """Settings with smaller sizes, of the student and teacher of a denoiser as well."""

    def small(match):
        return f"{match['owner']}{match['key']}: {sizes[match['key']]}"

    keys = "|".join(sizes)
    pattern = rf"^(?P<owner>(student_|teacher_)?)(?P<key>{keys}): [\w.]+"
    text = re.sub(pattern, small, text, flags=re.MULTILINE)
    return re.sub("^measures:", "measures: [stoi, si_sdr]  #", text, flags=re.MULTILINE)


def section(page, title, blocks=1):
    """The commands of a section's first blocks, one a line."""
    text = page.read_text(encoding="utf-8").split(f"\n## {title}\n")[1]
    text = text.split("\n## ")[0]
    found = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        words
        for line in "".join(found[:blocks]).replace("\\\n", " ").splitlines()
        if (words := shlex.split(line, comments=True))
    ]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of recipe and settings beside a corpus."""
    shutil.copytree(ROOT / RECIPE, tmp_path / RECIPE)
    for path in (ROOT / "hparams").rglob("*.yaml"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        sizes = SMALL_PAPER if path.parent.name == "paper" else SMALL
        text = shrunk(path.read_text(encoding="utf-8"), sizes)
        copy.write_text(text, encoding="utf-8")
    write_corpus(tmp_path / RECIPE / "LRS3", speakers=3, clips=1, seconds=1.2, size=112)
    write_noises(tmp_path / RECIPE / "VGGSOUND", count=5, seconds=1.2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    # Few recordings make 300 mixtures: each is decoded once.
    monkeypatch.setattr(mixtures, "read_mono", cache(mixtures.read_mono))
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
        case ["pvsd", *arguments]:
            assert main(arguments) == 0
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


def write_open_data(folder):
    """One speaker's videos as GRID has them, and a table of speech and noise."""
    write_corpus(folder / "made", speakers=3, clips=4, seconds=1.2, size=112)
    clips, rows = sorted((folder / "made").rglob("*.mp4")), ["path,type,speaker,split"]
    (folder / "GRID" / "s1").mkdir(parents=True)
    (folder / "OPEN").mkdir()
    for i, clip in enumerate(clips[:10]):
        shutil.copy(clip, folder / "GRID" / "s1" / f"{i:02d}.mpg")
    noises = sorted((folder / "VGGSOUND").glob("*.wav"))[:3]
    for split, clip, noise in zip(
        ("train", "valid", "test"), clips[:3], noises, strict=True
    ):
        for kind, source in (("speech", clip), ("noise", noise)):
            name = f"{split}_{kind}{source.suffix}"
            shutil.copy(source, folder / "OPEN" / name)
            rows.append(f"{name},{kind},{split},{split}")
    shutil.copy(clips[3], folder / "OPEN" / "more.mp4")
    rows.append("more.mp4,speech,train,train")
    (folder / "OPEN" / "manifest.csv").write_text("\n".join(rows) + "\n")


def test_the_recipe_on_open_data(checkout, monkeypatch):
    write_open_data(checkout / RECIPE)
    page = ROOT / RECIPE / "README.md"
    for words in section(page, "Open data, word for word", blocks=2):
        run(words, monkeypatch)
    assert Path("my_model/denoiser.ckpt").is_file()
    assert Path("my_streaming_model/student.ckpt").is_file()
    assert Path("results/evaluate/scores.csv").is_file()
    for words in section(page, "Lips"):
        run(words, monkeypatch)
    assert "opening" in Path("results/lips/lips.csv").read_text(encoding="utf-8")


def test_the_papers_networks_from_videos_to_an_enhanced_file(checkout, monkeypatch):
    page = ROOT / RECIPE / "README.md"
    monkeypatch.chdir(RECIPE)
    shutil.copy(ROOT / "examples" / "noisy.wav", "noisy.wav")
    for words in section(page, "LRS3 and VGGSound", blocks=2):
        run(words, monkeypatch)
    commands = section(page, "The paper's networks")
    for words in commands:
        run(words, monkeypatch)
        if "train_denoiser.py" in words:  # as if more epochs were wanted
            run([*words, "--number_of_epochs", "2"], monkeypatch)
    log = Path("results/paper_denoiser/train_log.txt").read_text(encoding="utf-8")
    assert log.count("valid loss") == 2
    assert Path("noisy_enhanced.wav").is_file()


def test_every_other_block_of_the_recipe_says_why_it_is_not_run():
    text = (ROOT / RECIPE / "README.md").read_text(encoding="utf-8")
    for part in text.split("\n## ")[1:]:
        title = part.splitlines()[0]
        marked = len(re.findall(r"^<!-- not run: .+ -->\n```bash$", part, re.MULTILINE))
        blocks = len(re.findall(r"^```bash$", part, re.MULTILINE))
        assert blocks - marked == RUN.get(title, 0), title
