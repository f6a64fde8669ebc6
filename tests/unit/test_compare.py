"""Paired differences: their interval and p-value where both are known."""

import numpy as np
import pytest

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation import compare, paired, read_scores


def rows(values, **columns):
    return [
        {"file": f"f{i}", "stoi": value, **{k: v[i] for k, v in columns.items()}}
        for i, value in enumerate(values)
    ]


def test_p_value_of_all_sign_patterns():
    """Six recordings, all better: only 2 of the 64 patterns reach the sum."""
    result = paired(rows([0.0] * 6), rows([1, 2, 3, 4, 5, 6]), "stoi")
    assert result["p_value"] == 2 / 64
    assert (result["mean_a"], result["mean_b"]) == (0.0, 3.5)
    assert result["difference"] == 3.5
    # 1, 2, -4: of |+-1 +-2 +-4| >= 1 all 8.
    assert paired(rows([0, 0, 4]), rows([1, 2, 0]), "stoi")["p_value"] == 1.0
    # 3, 3, -1: the sums 7, 5, 1, 1 and their negatives, of which 4 of 8 reach 5.
    assert paired(rows([0, 0, 1]), rows([3, 3, 0]), "stoi")["p_value"] == 4 / 8


def test_p_value_of_many_is_that_of_the_normal_distribution():
    """Mean 2 standard errors from zero: p is 0.0455, the interval 0.04 to 3.96 s.e."""
    values = np.random.default_rng(1).standard_normal(400)
    values = (values - values.mean()) / values.std()
    result = paired(rows(np.zeros(400)), rows(values + 0.1), "stoi")
    assert result["p_value"] == pytest.approx(0.0455, abs=0.008)
    low, high = result["interval"]
    assert low == pytest.approx(0.1 - 1.96 / 20, abs=0.006)
    assert high == pytest.approx(0.1 + 1.96 / 20, abs=0.006)
    assert result == paired(rows(np.zeros(400)), rows(values + 0.1), "stoi")


def test_recordings_of_one_speaker_are_no_independent_evidence():
    speakers = ["x"] * 10 + ["y"] * 10
    before = rows(np.zeros(20), speaker=speakers)
    after = rows([1.0] * 10 + [0.5] * 10, speaker=speakers)
    assert paired(before, after, "stoi")["p_value"] < 0.001
    result = paired(before, after, "stoi", cluster="speaker")
    assert result["p_value"] == 2 / 4
    assert result["clusters"] == 2
    assert result["interval"] == [0.5, 1.0]
    with pytest.raises(PvsdError, match="speaker of f0 is not known"):
        paired(rows([0.0]), rows([1.0]), "stoi", cluster="speaker")


def test_only_common_and_defined_scores_count():
    before, after = rows([1.0, None, 3.0, 4.0]), rows([2.0, 9.0, None, 4.5])[:4]
    after.append({"file": "other", "stoi": 100.0})
    result = paired(before, after, "stoi")
    assert result["files"] == 2
    assert result["difference"] == 0.75
    everything = compare(before, after, ["stoi", "absent"])
    assert everything["only_a"] == [] and everything["only_b"] == ["other"]
    assert everything["undefined"] == {"stoi": ["f1", "f2"]}
    assert list(everything["groups"][0]) == ["snr", "stoi"]
    with pytest.raises(PvsdError, match="No recording"):
        paired(before[1:2], after, "stoi")
    with pytest.raises(PvsdError, match="no recording in common"):
        compare(before, after[4:], ["stoi"])


def test_groups_by_snr():
    snr = [0.0, 5.0, 5.0]
    result = compare(rows([1.0] * 3, snr=snr), rows([2, 4, 6], snr=snr), ["stoi"])
    assert [group["snr"] for group in result["groups"]] == [0.0, 5.0, "all"]
    assert [g["stoi"]["difference"] for g in result["groups"]] == [1.0, 4.0, 3.0]


def test_tables_of_any_columns_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('file,category,stoi,mine\n"a,b",rain,0.5,\nc,,,2\nd,rain,0.')
    assert read_scores(path) == [
        {"file": "a,b", "category": "rain", "stoi": 0.5, "mine": None},
        {"file": "c", "category": "", "stoi": None, "mine": 2.0},
    ]
    for text in ("x,y\n1,2\n", "file,stoi\na,high\n"):
        path.write_text(text)
        with pytest.raises(PvsdError, match=r"a\.csv"):
            read_scores(path)
    with pytest.raises(PvsdError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "here", "there"),
    [
        ("snr", 5.0, 0.0),
        ("speaker", "ann", "bob"),
        ("category", "rain", "wind"),
        ("seconds", 3.0, 4.0),
    ],
)
def test_lists_of_the_same_names_are_not_compared(name, here, there):
    a, b = rows([0.5, 0.6]), rows([0.6, 0.7])
    a[1][name], b[1][name] = here, there
    with pytest.raises(PvsdError, match="different lists: f1 and 0 more"):
        compare(a, b, ["stoi"])
    b[1][name] = None  # not known there
    assert compare(a, b, ["stoi"])["groups"][-1]["stoi"]["files"] == 2


def test_a_system_may_make_a_recording_a_little_longer():
    a, b = rows([0.5], seconds=[3.0]), rows([0.6], seconds=[3.02])
    assert compare(a, b, ["stoi"])["groups"][-1]["stoi"]["files"] == 1
