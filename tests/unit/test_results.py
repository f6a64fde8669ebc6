"""The numbers of the READMEs and model cards are those of the tables beside them."""

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

from pvsd_modules.errors import PvsdError
from pvsd_modules.report.markers import filled, part_names
from pvsd_modules.report.sections import (
    NOT_MEASURED,
    controls_section,
    grid_section,
    scores_section,
    speed_section,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results():
    """What results.py defines."""
    return runpy.run_path(str(ROOT / "recipes" / "LRS3_VGGSound" / "results.py"))


def test_the_texts_agree_with_the_data(results, capsys):
    code = results["main"](["--check"])
    assert code == 0, capsys.readouterr().err


def score_rows(gain, noisy=1.0, snrs=(-5, 0, 10), count=8):
    lines = ["file,snr,category,seconds,pesq_wb,noisy_pesq_wb"]
    for i in range(count):
        value = noisy + i / 10
        lines.append(
            f"m{i},{snrs[i % len(snrs)]},rain,3.0,{value + gain + i / 100},{value}"
        )
    return "\n".join(lines) + "\n"


PAPER_SPEED = "<!-- results:paper-speed -->\n<!-- /results:paper-speed -->\n"
CARD = """# Tiny

Written by hand: 12.3.

<!-- results:scores -->
<!-- /results:scores -->
<!-- results:controls -->
<!-- /results:controls -->
<!-- results:lips -->
<!-- /results:lips -->
<!-- results:speed -->
<!-- /results:speed -->
"""


@pytest.fixture
def checkout(tmp_path):
    """A tiny checkout with two shipped models."""
    for name, gain in (("streaming", 0.25), ("offline", 0.5)):
        folder = tmp_path / "pvsd_modules" / "pretrained" / name
        (folder / "controls").mkdir(parents=True)
        (folder / "hyperparams.yaml").touch()
        (folder / "scores.csv").write_text(score_rows(gain))
        (folder / "README.md").write_text(CARD)
    folder = tmp_path / "pvsd_modules" / "pretrained" / "offline"
    (folder / "controls" / "none.csv").write_text(score_rows(0.3))
    (folder / "controls" / "clean30.csv").write_text(score_rows(0.125, snrs=(30,)))
    rows = [{"name": "enhance, 1 thread", "value": 0.0251, "unit": "CPU-s/s"}]
    rows.append({"name": "load", "value": 1.5, "unit": "s"})
    speed = {"machine": "two cores", "rows": rows}
    (folder / "benchmark.json").write_text(json.dumps(speed))
    text = "# Top\n\n<!-- results:models -->\n<!-- /results:models -->\nThe end.\n"
    (tmp_path / "README.md").write_text(text)
    recipe = tmp_path / "recipes" / "LRS3_VGGSound"
    recipe.mkdir(parents=True)
    (recipe / "README.md").write_text(PAPER_SPEED + text)
    rows = [{"name": "enhance, bf16", "value": 0.527, "unit": "CPU-s/s"}]
    speed = {"machine": "one core", "rows": rows}
    (recipe / "benchmark_paper.json").write_text(json.dumps(speed))
    return tmp_path


def test_writing_and_then_tampering(results, checkout, capsys):
    def run(*words):
        return results["main"](["--root", str(checkout), *words])

    assert run("--check") == 1
    assert run() == 0
    assert run("--check") == 0
    readme = (checkout / "README.md").read_text()
    assert readme.index("Model `offline`") < readme.index("Model `streaming`")
    assert readme.endswith("The end.\n")
    assert "(pvsd_modules/pretrained/offline/README.md)" in readme
    assert "Cost: enhance, 1 thread 0.0251 CPU-s/s.\n" in readme
    recipe = checkout / "recipes" / "LRS3_VGGSound" / "README.md"
    assert "(../../pvsd_modules/pretrained/offline/README.md)" in recipe.read_text()
    assert "| enhance, bf16 | 0.527 | CPU-s/s |" in recipe.read_text()
    card = checkout / "pvsd_modules" / "pretrained" / "offline" / "README.md"
    text = card.read_text()
    assert "Written by hand: 12.3." in text and "two cores" in text

    tampered = text.replace("0.0251", "0.0151")
    assert tampered != text
    card.write_text(tampered)
    capsys.readouterr()
    assert run("--check") == 1
    assert "offline/README.md does not agree" in capsys.readouterr().err
    assert card.read_text() == tampered  # checking changes nothing
    card.write_text(text)

    scores = card.with_name("scores.csv")
    lines = scores.read_text().replace("1.5,1.0", "1.9,1.0")
    assert lines != scores.read_text()
    scores.write_text(lines)
    assert run("--check") == 1
    assert run() == 0 and run("--check") == 0
    assert "Written by hand: 12.3." in card.read_text()


def test_a_log_needs_its_learning_curve(results, checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline" / "training"
    folder.mkdir()
    line = "epoch: {0}, step: {0}0, lr: 1e-3 - train loss: 2.0 - valid loss: 1.0\n"
    (folder / "student.txt").write_text(line.format(1) + line.format(2))
    run = results["main"]
    assert run(["--root", str(checkout)]) == 0
    assert run(["--root", str(checkout), "--check"]) == 0
    picture = folder / "student.png"
    assert picture.stat().st_size < 100_000
    picture.unlink()
    assert run(["--root", str(checkout), "--check"]) == 1


def test_a_card_without_its_parts_and_a_part_that_is_unknown(results, checkout):
    card = checkout / "pvsd_modules" / "pretrained" / "offline" / "README.md"
    card.write_text(CARD.replace("results:lips", "results:speed"))
    with pytest.raises(PvsdError, match="has no part <!-- results:lips -->"):
        results["main"](["--root", str(checkout)])
    card.write_text(CARD + "<!-- results:fame -->\n<!-- /results:fame -->\n")
    with pytest.raises(PvsdError, match="asks for results:fame"):
        results["main"](["--root", str(checkout)])


def test_a_comment_without_its_counterpart():
    text = "<!-- results:a -->\nx\n<!-- /results:a -->\n<!-- results:b -->\n"
    assert part_names(text) == ["a"]
    spoken_of = "A line `<!-- results:b -->` is spoken of.\n"
    assert filled(spoken_of, str) == spoken_of
    with pytest.raises(PvsdError, match="here holds a results comment"):
        filled(text, str, "here")


def test_scores_by_hand(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline"
    section = scores_section(folder)
    assert re.search(r"\| all \| 8 \| 1\.8[89] \(\+0\.5[34];", section)  # 1.885, 0.535
    # -5 dB: files 0, 3 and 6, gains 0.50, 0.53 and 0.56, noisy 1.0, 1.3 and 1.6.
    assert "| -5 | 3 | 1.83 (+0.53; +0.50 to +0.56) | undefined" in section


def test_controls_are_paired_only_where_they_are_the_same_mixtures(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline"
    section = controls_section(folder).replace("\u00a0", " ")
    # All differences are 0.2, and one of 256 sign patterns is as far on each side.
    assert "| none | +0.200 (+0.200 to +0.200), p = 0.008 |" in section
    assert "| none | +0.200 (+0.200 to +0.200), p = 0.031 |" in section  # 6 files
    assert "At 0 dB and below" in section
    assert "Other recordings, `clean30`" in section
    assert "| 30 | 8 | 1.51 (+0.16;" in section
    assert "falls by more than 0.1 in 0 of 8 recordings." in section.replace("\n", " ")
    assert controls_section(folder.with_name("streaming")) == NOT_MEASURED


def test_recordings_that_lose_are_told_of(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline"
    worse = folder / "controls" / "worse.csv"
    worse.write_text(score_rows(-0.143, snrs=(30,)))  # gains from -0.143 to -0.073
    section = " ".join(controls_section(folder).split("`worse`")[1].split())
    assert "falls by more than 0.1 in 5 of 8 recordings, at worst by 0.14." in section


def test_a_baseline_on_another_list_is_paired_with_the_model_there(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline"
    baseline = folder / "controls" / "clean30_baseline.csv"
    baseline.write_text(score_rows(0.1, snrs=(30,)))
    section = controls_section(folder).replace("\u00a0", " ")
    assert "| `clean30`: lips |" in section
    row = next(x for x in section.splitlines() if "audio-only baseline" in x)
    assert "+0.025 (+0.025 to +0.025), p = 0.008" in row
    assert "`clean30_baseline`" not in section


def test_real_lips(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline" / "grid"
    folder.mkdir()
    for name, value in (("real", 0.8), ("student", 0.76), ("none", 0.7)):
        lines = [f"c{i},0,{value}" for i in range(3)]
        (folder / f"{name}.csv").write_text("\n".join(["file,snr,stoi", *lines, ""]))
    section = grid_section(folder.parent)
    assert "STOI is 95.0 % of that with real lips" in section
    assert "paired difference -0.0400" in section
    shutil.rmtree(folder)
    assert grid_section(folder.parent) == NOT_MEASURED


def test_a_benchmark_that_is_none(checkout):
    folder = checkout / "pvsd_modules" / "pretrained" / "offline"
    assert "| enhance, 1 thread | 0.0251 | CPU-s/s |" in speed_section(folder)
    (folder / "benchmark.json").write_text('{"machine": "x"}')
    with pytest.raises(PvsdError, match="is no benchmark"):
        speed_section(folder)
    (folder / "benchmark.json").write_text("{")
    with pytest.raises(PvsdError, match="is no JSON file"):
        speed_section(folder)
