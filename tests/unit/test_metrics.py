"""Scores of signals that are known, and of those that have none."""

import pytest
import torch

from pvsd_modules.metrics import MEASURES, correlation, mouth_opening, si_sdr
from pvsd_modules.synthetic.speech import utter


@pytest.fixture(scope="module")
def speech():
    return torch.as_tensor(utter(2.0, speaker=1, seed=2).wave).float()


def noisy(speech, snr):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(speech), generator=generator)
    return speech + noise * speech.norm() / noise.norm() * 10 ** (-snr / 20)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("pesq_wb", 4.6, 4.7), ("stoi", 0.999, 1.001), ("estoi", 0.999, 1.001)],
)
def test_identical_signals_score_best(speech, name, low, high):
    assert low < MEASURES[name](speech, speech) < high


# CSIG and COVL are at their lower limit here: their parts are in test_composite.py.
@pytest.mark.parametrize("name", [x for x in MEASURES if x not in ("csig", "covl")])
def test_more_noise_scores_worse(speech, name):
    measure = MEASURES[name]
    best, middle, worst = (measure(speech, noisy(speech, x)) for x in (20, 5, -10))
    assert best > middle > worst


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("kind", ["clean", "enhanced", "both", "nan", "short", "empty"])
def test_what_is_not_defined_is_none(speech, name, kind):
    silence = torch.zeros_like(speech)
    broken = speech.clone()
    broken[100] = float("nan")
    pairs = {
        "clean": (silence, speech),
        "enhanced": (speech, silence),
        "both": (silence, silence),
        "nan": (speech, broken),
        "short": (speech[:1], speech[:1]),
        "empty": (speech[:0], speech[:0]),
    }
    assert MEASURES[name](*pairs[kind]) is None


@pytest.mark.parametrize("samples", [10, 400, 3000, 6399, 6500])
@pytest.mark.parametrize("name", ["pesq_wb", "stoi", "estoi"])
def test_short_signals_score_or_are_undefined(speech, name, samples):
    part = speech[8000 : 8000 + samples]
    score = MEASURES[name](part, part)
    assert score is None or score > 0.9


def test_si_sdr_is_the_snr_and_ignores_scale(speech):
    speech = speech - speech.mean()
    noise = torch.roll(speech, 777)
    noise = noise - (noise @ speech) / (speech @ speech) * speech
    noise = noise * speech.norm() / noise.norm() * 10 ** (-7 / 20)
    assert si_sdr(speech, speech + noise) == pytest.approx(7.0, abs=0.01)
    assert si_sdr(speech, 0.3 * (speech + noise)) == pytest.approx(7.0, abs=0.01)


def test_a_dark_mouth_is_an_open_one():
    lips = torch.full((2, 5, 48, 96, 3), 0.8)
    lips[:, 2, 12:30, 34:62] = 0.1
    opening = mouth_opening(lips)
    assert opening.shape == (2, 5)
    assert opening.argmax(1).tolist() == [2, 2]


def test_correlation_of_what_does_not_move_is_zero():
    track = torch.tensor([0.0, 1.0, 0.0, 2.0])
    assert correlation(track, 3 * track + 1) == pytest.approx(1.0)
    assert correlation(track, -track) == pytest.approx(-1.0)
    assert correlation(track, torch.ones(4)) == 0
