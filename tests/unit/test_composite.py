"""CSIG, CBAK, COVL and what they are made of, against values from elsewhere.

The constants were computed once with another implementation (sonusai 1.2.1, given the
signals at the scale of 16-bit samples for the spectral slope), on signals that a
formula makes. On ten real mixtures the two agreed to 1e-11.
"""

import numpy as np
import pytest

from pvsd_modules import metrics
from pvsd_modules.metrics.composite import _nearest_peak


def hash_noise(n, a, b):
    return np.modf(np.sin(n * a) * b)[0]


@pytest.fixture(scope="module")
def signals():
    """A buzz that comes and goes, and the same at another level in noise."""
    n = np.arange(32000)
    t = n / 16000
    phase = np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * t)) * 2 * np.pi / 16000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 30))
    loud = np.clip(np.sin(2 * np.pi * 1.9 * t), 0, None)
    clean = 0.1 * loud * buzz + 0.0005 * hash_noise(n, 12.9898, 43758.5453)
    noise = hash_noise(n + 5, 78.233, 12543.123)
    noise = noise + 0.9 * np.roll(noise, 1)
    return clean, 0.8 * clean + 0.02 * noise


@pytest.mark.parametrize(
    ("name", "value"),
    [("wss", 38.527011848), ("llr", 2.0330549582), ("seg_snr", 0.5397506776)],
)
def test_distances_of_another_implementation(signals, name, value):
    assert getattr(metrics, name)(*signals) == pytest.approx(value, rel=1e-6)


def test_ratings_of_another_implementation(signals):
    ratings = metrics.composite(*signals, pesq=2.0)
    assert ratings["csig"] == pytest.approx(1.8602433414, rel=1e-6)
    assert ratings["cbak"] == pytest.approx(2.3543152098, rel=1e-6)
    assert ratings["covl"] == pytest.approx(1.8933867785, rel=1e-6)


def test_ratings_use_wide_band_pesq(signals):
    pesq = metrics.pesq_wb(*signals)
    assert (
        metrics.MEASURES["covl"](*signals) == metrics.composite(*signals, pesq)["covl"]
    )


def test_published_means_of_voicebank_fit_the_regressions():
    """PESQ 1.97, CSIG 3.35, CBAK 2.44, COVL 2.63, segmental SNR 1.68: its noisy set.

    Two of the three ratings give LLR and WSS, and with them the third must follow.
    """
    slope = (1.634 + 0.478 * 1.97 + 0.063 * 1.68 - 2.44) / 0.007
    ratio = (3.093 + 0.603 * 1.97 - 0.009 * slope - 3.35) / 1.029
    assert slope == pytest.approx(34.5, abs=0.1)  # the scale of WSS here, see above
    overall = 1.594 + 0.805 * 1.97 - 0.512 * ratio - 0.007 * slope
    assert overall == pytest.approx(2.63, abs=0.01)


def test_identical_signals(signals):
    clean = signals[0]
    assert metrics.wss(clean, clean) == 0
    assert metrics.llr(clean, clean) == pytest.approx(0, abs=1e-9)
    assert metrics.seg_snr(clean, clean) == 35
    assert metrics.composite(clean, clean, 4.5)["csig"] == 5


@pytest.mark.parametrize(("name", "sign"), [("wss", 1), ("llr", 1), ("seg_snr", -1)])
def test_more_noise_is_farther_away(signals, name, sign):
    clean = signals[0]
    noise = hash_noise(np.arange(len(clean)), 78.233, 12543.123)
    gains = (0.0001, 0.001, 0.01, 0.1)
    scores = [sign * getattr(metrics, name)(clean, clean + g * noise) for g in gains]
    assert scores == sorted(scores) and len(set(scores)) == 4


def test_level_changes_the_segmental_snr_alone(signals):
    clean, noisy = signals
    assert metrics.llr(clean, 0.1 * noisy) == pytest.approx(metrics.llr(*signals))
    assert metrics.wss(clean, 0.1 * noisy) == pytest.approx(metrics.wss(*signals))
    halved = metrics.seg_snr(clean, 0.5 * clean)  # the error is as loud as the half
    assert halved == pytest.approx(20 * np.log10(2), abs=0.01)


def test_segmental_snr_is_limited(signals):
    clean = signals[0]
    assert metrics.seg_snr(clean, 100 * clean) == -10
    assert metrics.seg_snr(clean, 1.0001 * clean) == 35


def test_digital_silence_within_is_defined(signals):
    clean, noisy = (x.copy() for x in signals)
    clean[8000:16000] = 0
    noisy[10000:16000] = 0
    assert np.isfinite(metrics.llr(clean, noisy))
    assert np.isfinite(metrics.wss(clean, noisy))
    assert np.isfinite(metrics.seg_snr(clean, noisy))


def test_nearest_peak_is_uphill():
    bands = np.array([[0.0, 1.0, 5.0, 4.0, 3.0, 6.0, 7.0]])
    # Rising: the band before the last rise ends; falling: where the fall began.
    assert _nearest_peak(bands).tolist() == [[1.0, 1.0, 5.0, 5.0, 6.0, 6.0]]


def test_raw_pesq_is_the_inverse_of_its_mapping():
    for raw in (-0.5, 1.0, 2.0, 3.3, 4.5):
        mapped = 0.999 + 4 / (1 + np.exp(4.6607 - 1.4945 * raw))
        assert metrics.raw_score(mapped) == pytest.approx(raw, abs=1e-9)
    # The paper's tool and this program, one pair: raw 1.97 is MOS-LQO 1.61.
    assert metrics.raw_score(1.61) == pytest.approx(1.97, abs=0.02)


def test_raw_pesq_is_what_the_tool_of_the_paper_gave(signals):
    """pypesq 1.2.4 gave 1.2661; of ten real mixtures the means differ by 0.005."""
    assert metrics.pesq_nb_raw(*signals) == pytest.approx(1.2661, abs=0.03)


def test_pesq_in_its_three_readings(signals):
    clean, noisy = signals
    raw, mapped = metrics.pesq_nb_raw(*signals), metrics.pesq_nb(*signals)
    assert mapped == pytest.approx(0.999 + 4 / (1 + np.exp(4.6607 - 1.4945 * raw)))
    assert metrics.pesq_nb_raw(clean, clean) == pytest.approx(4.5, abs=0.001)
    assert metrics.pesq_nb(clean, clean) == pytest.approx(4.549, abs=0.001)
    assert metrics.pesq_wb(clean, clean) == pytest.approx(4.644, abs=0.001)
