"""Means, intervals, and a table that survives an interruption."""

import csv
from pathlib import Path

import pytest

import pvsd_modules
from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import markdown, read_scores, summarise
from pvsd_modules.evaluation.run import with_others
from pvsd_modules.evaluation.scoring import COLUMNS
from pvsd_modules.evaluation.statistics import mean_interval
from pvsd_modules.evaluation.table import ScoreTable
from pvsd_modules.metrics import MEASURES

PRETRAINED = Path(pvsd_modules.__file__).parent / "pretrained"


def row(name, snr, after=2.0, before=1.0):
    scores = {measure: after for measure in MEASURES}
    scores |= {f"noisy_{measure}": before for measure in MEASURES}
    return {"file": name, "snr": snr, "category": "rain", "seconds": 2.5, **scores}


def test_bootstrap_is_deterministic_and_covers_the_mean():
    values = [0.1031, 0.4127, 0.2219, 0.9042, 0.4733, 0.2848]
    low, high = mean_interval(values, seed=3)
    assert [low, high] == mean_interval(values, seed=3)
    assert [low, high] != mean_interval(values, seed=4)
    assert min(values) < low < 0.4 < high < max(values)


def test_bootstrap_interval_shrinks_as_theory_says():
    few, many = [0.0, 1.0] * 50, [0.0, 1.0] * 200
    widths = [high - low for low, high in map(mean_interval, (few, many))]
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
    assert "PESQ-WB undefined, left out: 2 of the files" in markdown(summary)
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
    table = ScoreTable(tmp_path / "s.csv", {"lips": "student"})
    assert not list(tmp_path.iterdir())  # nothing before the first row
    table.append({**row("b", None), "pesq_wb": None})
    table.append(row("a", 5.0))
    assert not table.path.exists()
    with table.part.open("a") as file:
        file.write('{"file": "c", "snr"')  # killed while writing
    again = ScoreTable(tmp_path / "s.csv", {"lips": "student"})
    assert list(again.rows) == ["b", "a"]
    assert again.rows["b"]["pesq_wb"] is None and again.rows["b"]["stoi"] == 2.0
    again.append(row("c", 5.0))
    rows = ScoreTable(tmp_path / "s.csv", {"lips": "student"}).rows
    assert list(rows) == ["b", "a", "c"]
    finished = again.finish(["a", "b", "c"], COLUMNS)
    assert [r["file"] for r in finished] == ["a", "b", "c"]
    with again.path.open() as file:
        written = list(csv.DictReader(file))
    assert list(written[0]) == COLUMNS
    assert [r["file"] for r in written] == ["a", "b", "c"]
    assert written[1]["pesq_wb"] == ""


def test_scores_of_something_else_are_not_mixed_in(tmp_path):
    path = tmp_path / "s.csv"
    ScoreTable(path, {"lips": "student", "items": 1}).append(row("a", 5.0))
    with pytest.raises(PvsdError, match=r"another model, list or setting \(lips"):
        ScoreTable(path, {"lips": "none", "items": 1})
    assert len(ScoreTable(path, {"lips": "student", "items": 1}).rows) == 1
    anew = ScoreTable(path, {"lips": "none"}, overwrite=True)
    assert anew.rows == {}
    anew.append(row("b", 5.0))
    assert list(ScoreTable(path, {"lips": "none"}).rows) == ["b"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", '{"mine": 1}'),
        ("s.json", '[{"made_from": 1}]'),
        ("s.json", "x"),
        ("s.csv", "file\n"),
        ("s.md", "mine"),
        ("s.csv.part", "mine"),
    ],
)
def test_files_of_the_user_are_left_alone(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(PvsdError, match="not written by this command"):
        ScoreTable(tmp_path / "s.csv", {})
    assert (tmp_path / name).read_text() == text
    for other in ("s.json", "q.md"):
        with pytest.raises(PvsdError, match=r"name a \.csv file"):
            ScoreTable(tmp_path / other, {})


def test_what_failed_is_tried_again(tmp_path):
    table = ScoreTable(tmp_path / "s.csv", {})
    table.append({"file": "a", "failure": "the enhanced sound is silent"})
    table.append(row("b", 5.0))
    assert list(ScoreTable(tmp_path / "s.csv", {}).rows) == ["b"]


def test_failures_are_named_and_never_averaged():
    rows = [row("good", 0.0), {"file": "bad", "snr": 0.0, "failure": "it is silent"}]
    summary = summarise(rows)
    assert summary["failures"] == {"bad": "it is silent"}
    assert summary["groups"][0]["files"] == 1
    assert summary["groups"][0]["stoi"]["mean"] == 2.0
    assert "FAILED, in no mean: 1 of the files:\n\n- bad: it is silent" in markdown(
        summary
    )


def test_groups_by_class_of_noise():
    rows = [row("a", 0.0), row("b", 0.0, 4.0), row("c", 0.0, 9.0)]
    rows[2]["category"] = "wind"
    groups = summarise(rows)["categories"]
    assert [(g["category"], g["files"]) for g in groups] == [("rain", 2), ("wind", 1)]
    assert [g["stoi"]["mean"] for g in groups] == [3.0, 9.0]


def test_tables_with_fewer_columns_are_summarised():
    for path in sorted((PRETRAINED / "offline").rglob("*.csv")):
        rows = read_scores(path)
        summary = summarise(rows[:20])
        has_clean = path.name != "rooms.csv"
        expected = {"pesq_wb", "stoi"} if has_clean else {"dnsmos_sig", "dnsmos_ovr"}
        assert expected <= set(summary["groups"][-1])
        assert "csig" not in summary["groups"][-1] or "csig" in rows[0]
    alone = summarise([{"file": "a", "stoi": 0.5}, {"file": "b", "stoi": 0.7}])
    assert alone["groups"][-1]["stoi"]["mean"] == pytest.approx(0.6)
    assert "gain" not in alone["groups"][-1]["stoi"]
    assert "| all | 2 | 0.600 [0.500, 0.700] |" in markdown(alone)


def test_word_error_rate_is_that_of_all_words():
    rows = [
        {"file": "a", "wer": 50.0, "words": 2.0},
        {"file": "b", "wer": 0.0, "words": 8.0},
    ]
    assert summarise(rows)["groups"][-1]["wer"]["mean"] == 10.0


def test_shuffled_lips_are_those_of_another_recording():
    items = {
        "a": {"clean": "x", "snr": 0},
        "b": {"clean": "x", "snr": 5},
        "c": {"clean": "y"},
        "d": {"clean": "z", "failure": "not found"},
    }
    found = with_others(items)
    assert [found[name]["other"]["clean"] for name in "abc"] == ["y", "y", "x"]
    assert found["d"] == items["d"] and list(found) == list(items)
    with pytest.raises(PvsdError, match="two recordings"):
        with_others({"a": items["a"], "b": items["b"]})
