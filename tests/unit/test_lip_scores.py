"""Scores of drawn lips, on lips whose scores are known."""

import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.evaluation.lip_evaluation import Clip, LipScorer, clips
from pvsd_modules.evaluation.lip_scores import (
    COLUMNS,
    MOUTH,
    best_lag,
    score_lips,
    summarise_lips,
)
from pvsd_modules.metrics import mouth_opening


def talking(frames=40, seed=0, level=0.6):
    """A grey face whose mouth darkens by chance."""
    lips = torch.full((frames, 48, 96, 3), level)
    depth = 0.4 * torch.rand(frames, generator=torch.Generator().manual_seed(seed))
    lips[:, MOUTH[0], MOUTH[1]] -= depth[:, None, None, None]
    return lips


def test_the_mouth_is_where_its_opening_is_measured():
    lips = torch.rand(3, 48, 96, 3)
    part = lips[:, MOUTH[0], MOUTH[1]]
    assert torch.allclose(1 - part.mean((1, 2, 3)), mouth_opening(lips))


def test_equal_lips():
    scores = score_lips(talking(), talking())
    assert scores["l1"] == 0
    assert scores["psnr"] == 100
    assert scores["opening"] == pytest.approx(1)
    assert (scores["lag_frames"], scores["lag_ms"]) == (0, 0)


def test_an_error_of_a_known_size():
    wanted, drawn = talking(), talking()
    drawn[:, MOUTH[0], MOUTH[1]] += 0.1
    scores = score_lips(drawn, wanted)
    assert scores["psnr"] == pytest.approx(20, abs=1e-3)
    assert scores["l1"] == pytest.approx(0.1 * 18 * 28 / (48 * 96))
    drawn[:, 40:] = 0  # the chin does not count for the PSNR
    assert score_lips(drawn, wanted)["psnr"] == scores["psnr"]


def test_late_and_early_lips():
    wanted = talking(60)
    late = score_lips(wanted.roll(3, 0), wanted)
    assert (late["lag_frames"], late["lag_ms"]) == (3, 120)
    assert late["opening_at_lag"] == pytest.approx(1)
    assert late["opening"] < 0.6
    assert score_lips(wanted.roll(-2, 0), wanted)["lag_ms"] == -80
    assert best_lag(torch.rand(9), torch.rand(9), reach=0)[0] == 0


def test_another_face_is_no_error_where_deviations_are_compared():
    wanted, other = talking(), talking(level=0.5)
    assert score_lips(other, wanted)["psnr"] == pytest.approx(20, abs=0.01)
    # The median is taken to 1/255.
    assert score_lips(other, wanted, deviations=True)["l1"] < 0.004
    assert score_lips(other, wanted)["opening"] == pytest.approx(1)


def test_a_still_mouth_fails_and_a_still_wish_is_undefined():
    still = talking()[:1].expand(40, -1, -1, -1)
    scores = score_lips(still, talking())
    assert (scores["opening"], scores["lag_frames"]) == (0, None)
    scores = score_lips(talking(), still)
    assert (scores["opening"], scores["lag_ms"]) == (None, None)
    one = score_lips(talking(1), talking(1))
    assert one["opening"] is None and one["lag_frames"] is None


def row(**given):
    return {key: given.get(key) for key in COLUMNS} | {"comparison": "student-teacher"}


def test_summary_by_snr():
    rows = [row(snr=0.0, opening=k / 10, l1=k / 10, lag_frames=k) for k in range(11)]
    rows += [row(snr=-5.0, opening=0.5, lag_frames=-1), row(snr=None, opening=None)]
    groups = summarise_lips(rows)["student-teacher"]
    assert [group["snr"] for group in groups] == [-5.0, 0.0, "clean", "all"]
    zero = groups[1]
    assert zero["opening"]["median"] == pytest.approx(0.5)
    assert zero["opening"]["p10"] == pytest.approx(0.1)
    assert zero["l1"]["p10"] == pytest.approx(0.9)  # the worse side
    assert zero["lag_zero"] == pytest.approx(1 / 11)
    assert zero["lag_within_1"] == pytest.approx(2 / 11)
    assert "opening" not in groups[2] and groups[3]["opening"]["clips"] == 12


class Drawer(torch.nn.Module):
    """Darkens the mouth with the level of the sound."""

    def forward(self, wav):
        level = wav.reshape(1, -1, 640).abs().mean(-1)
        lips = torch.full((1, level.shape[1], 48, 96, 3), 0.9)
        lips[:, :, 12:30, 34:62] -= level[:, :, None, None, None]
        return lips


def test_the_student_gets_the_noise_and_the_teacher_does_not():
    clean = torch.rand(6400).mul(torch.arange(10).repeat_interleave(640) / 20)
    noisy = clean.roll(640)
    clip = Clip("a", "a", 0.0, "rain", noisy, clean, real=Drawer()(clean[None])[0])
    scorer = LipScorer({"student": Drawer(), "teacher": Drawer()})
    scored, lips = scorer("student-teacher", clip)
    assert tuple(lips) == ("teacher", "student")
    assert scored["opening"] < 0.99
    assert scorer("teacher-teacher", clip)[0]["opening"] == scored["opening"]
    clean_clip = Clip("a", "a", None, "", clean, clean, real=clip.real)
    assert scorer("teacher-real", clean_clip)[0]["opening"] == pytest.approx(1)
    assert set(scored) <= set(COLUMNS)


def test_what_cannot_be_compared_is_told():
    scorer = LipScorer({"student": Drawer()})
    with pytest.raises(PvsdError, match="needs a teacher"):
        scorer.check("student-teacher")
    with pytest.raises(PvsdError, match="is unknown"):
        scorer.check("teacher-video")
    item = {"clean": "a.wav", "noise": "b.wav", "samples": 9, "snr": 0}
    with pytest.raises(PvsdError, match="Real lips of a.wav"):
        next(clips({"m": item}, None, faces={}))
