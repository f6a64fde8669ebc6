"""Means, intervals, and a table that survives an interruption."""

import csv

import pytest

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import markdown, summarise
from pvsd_modules.evaluation.scoring import COLUMNS
from pvsd_modules.evaluation.summary import bootstrap_interval
from pvsd_modules.evaluation.table import ScoreTable
from pvsd_modules.metrics import MEASURES


def row(name, snr, after=2.0, before=1.0):
    scores = {measure: after for measure in MEASURES}
    scores |= {f"noisy_{measure}": before for measure in MEASURES}
    return {"file": name, "snr": snr, "category": "rain", "seconds": 2.5, **scores}


def test_bootstrap_is_deterministic_and_covers_the_mean():
    values = [0.1031, 0.4127, 0.2219, 0.9042, 0.4733, 0.2848]
    low, high = bootstrap_interval(values, seed=3)
    assert [low, high] == bootstrap_interval(values, seed=3)
    assert [low, high] != bootstrap_interval(values, seed=4)
    assert min(values) < low < 0.4 < high < max(values)


def test_bootstrap_interval_shrinks_as_theory_says():
    few, many = [0.0, 1.0] * 50, [0.0, 1.0] * 200
    widths = [high - low for low, high in map(bootstrap_interval, (few, many))]
    assert widths[0] == pytest.approx(2 * 1.96 * 0.5 / 10, rel=0.1)
    assert widths[1] == pytest.approx(widths[0] / 2, rel=0.15)


def test_groups_by_snr_with_mean_and_gain():
    rows = [row("a", -5.0, 2.0, 1.0), row("b", 5.0, 4.0, 2.0), row("c", 5.0, 5.0, 4.0)]
    groups = summarise(rows)["groups"]
    assert [group["snr"] for group in groups] == [-5.0, 5.0, "all"]
    assert [group["files"] for group in groups] == [1, 2, 3]
    assert groups[1]["pesq_wb"]["mean"] == 4.5
    assert groups[1]["pesq_wb"]["noisy"] == 3.0
    assert groups[1]["pesq_wb"]["gain"] == 1.5
    low, high = groups[2]["si_sdr"]["gain_interval"]
    assert 1.0 <= low <= 4 / 3 <= high <= 2.0


def test_undefined_scores_are_named_and_left_out():
    rows = [row("good", 0.0), row("bad", 0.0), row("worse", 0.0)]
    rows[1]["pesq_wb"] = None
    rows[2]["noisy_pesq_wb"] = None
    summary = summarise(rows)
    assert summary["undefined"]["pesq_wb"] == ["bad", "worse"]
    assert summary["undefined"]["stoi"] == []
    everything = summary["groups"][-1]
    assert everything["pesq_wb"]["files"] == 1
    assert everything["pesq_wb"]["mean"] == 2.0
    assert everything["stoi"]["files"] == 3
    assert "PESQ undefined, left out: 2 of the files" in markdown(summary)
    assert "bad, worse" in markdown(summary)


def test_no_score_at_all_is_no_zero():
    rows = [row("bad", 0.0)]
    rows[0]["pesq_wb"] = None
    summary = summarise(rows)
    assert summary["groups"][0]["pesq_wb"] is None
    assert "| undefined |" in markdown(summary)


def test_pairs_without_snr_are_one_group():
    assert [g["snr"] for g in summarise([row("a", None)])["groups"]] == ["all"]


def test_a_table_goes_on_after_an_interruption(tmp_path):
    table = ScoreTable(tmp_path, {"lips": "student"})
    table.append({**row("b", None), "pesq_wb": None})
    table.append(row("a", 5.0))
    with table.path.open("a") as file:
        file.write("c,5.0,rain,2.5,2.0")  # killed while writing
    again = ScoreTable(tmp_path, {"lips": "student"})
    assert again.rows == {"b": {**row("b", None), "pesq_wb": None}, "a": row("a", 5.0)}
    again.append(row("c", 5.0))
    assert [r["file"] for r in again.finish(["a", "b", "c"])] == ["a", "b", "c"]
    with again.path.open() as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == COLUMNS
    assert [r["file"] for r in written] == ["a", "b", "c"]
    assert written[1]["pesq_wb"] == ""


def test_scores_of_something_else_are_not_mixed_in(tmp_path):
    ScoreTable(tmp_path, {"lips": "student"}).append(row("a", 5.0))
    before = (tmp_path / "scores.csv").read_text()
    with pytest.raises(PvsdError, match="another model, list or setting"):
        ScoreTable(tmp_path, {"lips": "none"})
    assert (tmp_path / "scores.csv").read_text() == before
