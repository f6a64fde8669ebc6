"""Tables, figures and pages hold what they were given."""

import re

import matplotlib.image
import numpy as np
import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.measures import label
from pvsd_modules.plots import COLOURS, lip_strip, save_lip_sheet, save_spectrograms
from pvsd_modules.report.build import render
from pvsd_modules.report.curves import read_log, save_curves
from pvsd_modules.report.figures import save_against_snr, save_by_class
from pvsd_modules.report.table import Table
from pvsd_modules.report.tables import difference_table, failure_sentences, means_table


def table(gain=0.5, count=12, snrs=(-5.0, 5.0), classes=2, **changed):
    """A table of scores with a gain that is known."""
    rows = [
        {
            "file": f"m{i}",
            "snr": snrs[i % len(snrs)] if snrs else None,
            "category": f"class_{i % classes}",
            "pesq_wb": 1.0 + i / 10 + gain + i / 1000,
            "noisy_pesq_wb": 1.0 + i / 10,
        }
        for i in range(count)
    ]
    for name, row in changed.items():
        next(r for r in rows if r["file"] == name).update(row)
    return Table(rows)


def pixels(path):
    return matplotlib.image.imread(path)[:, :, :3]


def has(picture, colour):
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return bool((np.abs(picture - np.array(wanted)).max(-1) < 0.02).sum() > 20)


def test_statistics_of_a_table():
    scores = table(m3={"pesq_wb": None})
    assert scores.names == ["pesq_wb"] and scores.levels == [-5.0, 5.0]
    found = scores.at("all", "pesq_wb")
    assert found["files"] == 11
    assert found["gain"] == pytest.approx(0.5 + (66 - 3) / 11000)
    assert scores.at(-5.0, "pesq_wb")["noisy"] == pytest.approx(1.5)
    low, high = scores.at(-5.0, "pesq_wb")["noisy_interval"]
    assert 1.0 <= low < 1.5 < high <= 2.0
    assert scores.lost() == [(["PESQ-WB"], ["m3"])]
    assert scores.at(7.0, "pesq_wb") is None and scores.at("all", "stoi") is None
    assert label("si_sdr") == "SI-SDR, dB" and label("stoi") == "STOI"


def test_only_the_same_mixtures_are_compared():
    assert table().has_same_list(table(count=8))
    assert not table().has_same_list(table(snrs=(30.0,)))
    assert not table().has_same_list(table(classes=3))
    assert table().has_same_list(table(snrs=()))  # of which none is known
    assert not table().has_same_list(Table([{"file": "other", "snr": -5.0}]))
    systems = {"a": table(), "b": table(0.3), "c": table(snrs=(30.0,))}
    content, sentences = difference_table(systems, ["pesq_wb", "stoi"])
    value = ["-0.200", "-0.200 to -0.200", "p\u00a0<\u00a00.001"]
    assert content["rows"] == [[["b"], value, ["no score"]]]
    assert sentences == [
        "c is not compared with a: they do not score the same recordings."
    ]
    rows = means_table(systems, ["pesq_wb"])["rows"]
    assert [row[:2] for row in rows] == [[[name], ["12"]] for name in "abc"]
    _, sentences = difference_table({"a": table(), "b": table(count=8)}, ["pesq_wb"])
    assert sentences[0].startswith("4 recordings have been scored for only one")


def test_failures_are_named_once_and_with_their_reason():
    broken = {"pesq_wb": None, "failure": "no such file"}
    systems = {
        "a": table(m1={"pesq_wb": None}),
        "b": table(m1={"pesq_wb": None}),
        "c": table(m2=broken),
    }
    undefined, failed = failure_sentences(systems)
    assert undefined.startswith("a and b: PESQ-WB is not defined for 1 of the 12")
    assert "m2 (no such file)" in failed and failed.startswith("c: 1 of the 12")
    assert failure_sentences({"a": table()}) == []


def test_curves_against_snr(tmp_path):
    systems = {"one": table(), "two": table(0.2)}
    save_against_snr(systems, "pesq_wb", tmp_path / "new" / "a.png")
    picture = pixels(tmp_path / "new" / "a.png")
    assert has(picture, COLOURS[0]) and has(picture, COLOURS[1])
    assert not has(picture, COLOURS[2]) and has(picture, "#555555")
    save_against_snr({"one": table(snrs=None)}, "pesq_wb", tmp_path / "b.png")
    assert has(pixels(tmp_path / "b.png"), COLOURS[0])


def test_same_data_same_bytes(tmp_path):
    for name in "ab":
        save_against_snr({"one": table()}, "pesq_wb", tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_boxes_by_class(tmp_path):
    caption = save_by_class({"one": table()}, "pesq_wb", tmp_path / "a.png")
    assert "Left out" not in caption and "gain least" not in caption
    few = pixels(tmp_path / "a.png")
    many = table(count=62, classes=20)
    caption = save_by_class({"one": many, "two": many}, "pesq_wb", tmp_path / "b.png")
    assert "Of 20 classes the 8 that gain least and the 8 that gain most" in caption
    assert pixels(tmp_path / "b.png").shape[0] > 2 * few.shape[0]
    rare = table(count=7, classes=3, snrs=None)
    caption = save_by_class({"one": rare}, "pesq_wb", tmp_path / "c.png")
    assert "Left out: 2 classes of fewer than 3 files." in caption


def test_a_strip_shows_the_frame_of_its_time():
    lips = torch.arange(50)[:, None, None, None].expand(50, 4, 8, 3) / 100
    strip, seconds = lip_strip(lips, 5)
    assert seconds == 2.0 and strip.shape == (4, 40, 3)
    # Five pictures of 0.4 s each: the frames at 0.2, 0.6, 1.0, 1.4 and 1.8 s.
    assert strip[0, ::8, 0].tolist() == [round(2.55 * k) for k in (5, 15, 25, 35, 45)]
    longer, _ = lip_strip(lips[:25], 4, seconds=2.0)
    assert (longer[:, 16:] == 255).all() and (longer[:, :7] < 255).all()


def test_lips_stand_below_the_sound(tmp_path):
    signals = {"noisy": 0.3 * torch.randn(16000), "clean": torch.zeros(16000)}
    green = torch.tensor([0, 1.0, 0]).expand(25, 48, 96, 3)
    save_spectrograms(signals, tmp_path / "a.png", green)
    is_green = np.abs(pixels(tmp_path / "a.png") - np.array([0, 1, 0])).max(-1) < 0.02
    rows, columns = is_green.any(1).nonzero()[0], is_green.any(0).nonzero()[0]
    assert rows.min() > 0.7 * len(is_green)
    save_spectrograms(signals, tmp_path / "b.png")
    # Lips and spectrograms span the same second: the clean one is black.
    is_black = pixels(tmp_path / "b.png").max(-1) < 0.02
    black = (is_black.sum(0) > 0.3 * len(is_black)).nonzero()[0]
    assert abs(columns.min() - black.min()) < 25
    assert abs(columns.max() - black.max()) < 25


def test_a_sheet_of_lips(tmp_path):
    red = torch.tensor([1.0, 0, 0]).expand(30, 48, 96, 3)
    clips = {"a": {"video": red, "teacher": red[:20]}, "b": {"video": red}}
    save_lip_sheet(clips, tmp_path / "a.png")
    assert has(pixels(tmp_path / "a.png"), "#ff0000")
    with pytest.raises(ValueError):
        save_lip_sheet({}, tmp_path / "b.png")


LOG = """epoch: 1, step: 455, lr: 1.4e-03 - train loss: 8.9e-03 - valid loss: 1.7e-02, \
valid pesq: 1.69, valid pesq_gain: 2.9e-01
epoch: 1, step: 455, lr: 7.4e-04 - train loss: 5.6e-03 - valid loss: 1.3e-02, \
valid pesq: 1.78, valid pesq_gain: 3.9e-01
epoch: 2, step: 910, lr: 0.00e+00 - train loss: 2.8e-03 - valid loss: 1.1e-02, \
valid pesq: 1.86, valid pesq_gain: -4.7e-01
epoch loaded: 2 - test loss: 1.0e-02, test opening: 7.5e-01
"""


def test_logs_of_a_training_that_was_continued(tmp_path):
    (tmp_path / "a.txt").write_text(LOG)
    entries = read_log(tmp_path / "a.txt")
    assert [entry["step"] for entry in entries] == [455, 910, 1365]
    assert [entry["part"] for entry in entries] == [0, 1, 1]
    assert entries[2]["valid pesq_gain"] == -0.47
    assert entries[0]["train loss"] == 0.0089 and "test loss" not in entries[2]
    save_curves(tmp_path / "a.txt", tmp_path / "a.png")
    picture = pixels(tmp_path / "a.png")
    assert has(picture, COLOURS[0]) and has(picture, COLOURS[1])
    (tmp_path / "b.txt").write_text("nothing\n")
    with pytest.raises(PvsdError, match="b.txt is no training log"):
        save_curves(tmp_path / "b.txt", tmp_path / "b.png")
    with pytest.raises(PvsdError, match="cannot be read"):
        read_log(tmp_path / "c.txt")


def test_a_page_escapes_names():
    content = {"caption": "<caption>", "head": [["<i>"], ["n"]]}
    content["rows"] = [[["<b>"], ["1"]], [["x", "y & z"], ["2"]]]
    picture = {"data": "", "text": "<u>", "caption": "", "kind": "wide"}
    page = {"title": "<title>", "systems": "A & B", "counts": [1, 2]}
    page |= {"means": content, "differences": None, "difference_sentences": []}
    page |= {"snr_figures": [picture], "snr_tables": [], "class_figures": []}
    page |= {"failures": ["<p>"], "examples": [], "sheets": [], "curves": []}
    text = render(page)
    assert "<h1>&lt;title&gt;</h1>" in text and "A &amp; B" in text
    assert "&lt;b&gt;" in text and "x<small>y &amp; z</small>" in text
    assert not re.search(r"<(b|i|u|caption)>", text)
    assert "Recordings: 1 or 2." in text
