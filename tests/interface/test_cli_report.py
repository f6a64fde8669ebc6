"""``pvsd report``: one page that needs nothing else."""

import re

import numpy as np
import pytest
import soundfile

HEAD = "file,snr,category,seconds,pesq_wb,stoi,noisy_pesq_wb,noisy_stoi"


def write_scores(path, gain, files=6):
    lines = [
        f"m{i},{5 * (i % 2)},rain,2.0,{1.5 + gain + i / 20},0.{70 + i},1.5,0.{60 + i}"
        for i in range(files)
    ]
    path.write_text("\n".join([HEAD, *lines, f"bad,5,rain,2.0,,,1.5,0.5{files}", ""]))
    return path


@pytest.fixture
def scores(tmp_path):
    """Two tables of scores."""
    return [
        f"first={write_scores(tmp_path / 'a.csv', 0.5)}",
        f"<second>={write_scores(tmp_path / 'b.csv', 0.4)}",
    ]


@pytest.fixture
def example(tmp_path):
    """A folder of sounds."""
    folder = tmp_path / "example"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("noisy", "enhanced", "clean"):
        sound = random.uniform(-0.3, 0.3, 8000)
        soundfile.write(folder / f"{name}.wav", sound, 16000)
    return folder


def test_a_page_of_everything(pvsd, tmp_path, scores, example):
    page = tmp_path / "out" / "page.html"
    log = tmp_path / "student.txt"
    line = "epoch: 1, step: 9, lr: 1e-3 - train loss: 2.0 - valid loss: 1.0\n"
    log.write_text(line)
    picture = tmp_path / "sheet.png"
    words = ["--scores", *scores, "-o", page, "--examples", f"rain={example}"]
    assert pvsd("report", *words, "--curves", log, model=None)[0] == 0
    figures = tmp_path / "out" / "page_figures"
    names = {path.name for path in figures.iterdir()}
    assert names == {
        "snr_pesq_wb.png", "snr_stoi.png", "class_pesq_wb.png", "example_rain.png",
        "curve_student.png",
    }  # fmt: skip
    text = page.read_text()
    for source in re.findall(r'(?:src|href)="([^"]{,40})', text):
        assert source.startswith("data:")
    assert text.count("data:image/png") == 5 and text.count("data:audio/wav") == 3
    assert "url(" not in text and "<script" not in text and "@import" not in text
    assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text
    assert "&lt;second&gt;" in text and "<second>" not in text
    assert "-0.100<small>-0.100 to -0.100</small>" in text
    assert "bad" in text.partition("Recordings without a score")[2]
    picture.write_bytes((figures / "snr_stoi.png").read_bytes())
    code, _, complaints = pvsd("report", *words, model=None)
    assert code == 2 and "--overwrite" in complaints
    words += ["--overwrite", "--lips", picture]
    assert pvsd("report", *words, model=None)[0] == 0
    assert ">sheet</figcaption>" in page.read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--scores", "a=missing.csv", "-o", "p.html"], "missing.csv"),
        (["--scores", "a=a.csv", "-o", "p.pdf"], "does not end in .html"),
        (["--scores", "a=a.csv", "a=b.csv", "-o", "p.html"], "names a twice"),
        (["--scores", "a=empty.csv", "-o", "p.html"], "holds no score"),
        (["--scores", "a=a.csv", "-o", "p.html", "--examples", "e=."], "no example"),
        (["--scores", "a=a.csv", "-o", "p.html", "--lips", "a.csv"], "no PNG"),
        (["--scores", "a=a.csv", "-o", "p.html", "--curves", "a.csv"], "no training"),
    ],
)
def test_mistakes_are_sentences(pvsd, tmp_path, monkeypatch, scores, words, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text(f"{HEAD}\n")
    code, _, complaints = pvsd("report", *words, model=None)
    assert code == 2 and complaint in complaints and complaints.count("\n") == 1
    assert not (tmp_path / "p.html").exists()
    assert not (tmp_path / "p_figures").exists()


def test_figures_of_somebody_else_are_left_alone(pvsd, tmp_path, scores):
    mine = tmp_path / "p_figures" / "snr_stoi.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    words = ["--scores", *scores, "-o", tmp_path / "p.html"]
    code, _, complaints = pvsd("report", *words, model=None)
    assert code == 2 and "p_figures exists" in complaints
    assert mine.read_text() == "mine" and not (tmp_path / "p.html").exists()


def test_a_name_without_a_path_is_told(pvsd, capsys):
    with pytest.raises(SystemExit) as stopped:
        pvsd("report", "--scores", "a.csv", "-o", "p.html", model=None)
    assert stopped.value.code == 2
    assert "NAME=PATH" in capsys.readouterr().err
