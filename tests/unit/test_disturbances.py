"""Wind, rumble, knocks, clicks and gaps; codecs; rooms."""

import json

import numpy as np
import pytest
import torch

from pvsd_modules.data.disturbances import clicks, gaps, handling, rumble, wind
from pvsd_modules.data.rooms import early_part, measured_rooms


def share_below(wav, hertz) -> float:
    power = torch.fft.rfft(wav).abs().square()
    return float(power[: int(hertz * len(wav) / 16000)].sum() / power.sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "sound, hertz", [(wind, 1000), (rumble, 150), (handling, 1500)]
)
def test_disturbances_are_low_and_of_known_level(sound, hertz, seed):
    wav = sound(48000, np.random.default_rng(seed))
    assert wav.shape == (48000,) and wav.dtype == torch.float32
    assert float(wav.std()) == pytest.approx(0.1, rel=1e-3)
    assert share_below(wav, hertz) > 0.9
    assert torch.equal(wav, sound(48000, np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(4))
def test_clicks_are_short(seed):
    wav = clicks(48000, np.random.default_rng(seed))
    assert float(wav.abs().max()) == pytest.approx(1.0)
    assert int((wav.abs() > 0.01).sum()) < 12 * 170


@pytest.mark.parametrize("seed", range(4))
def test_gaps_have_the_lengths_asked_for(seed):
    gain = gaps(48000, np.random.default_rng(seed), 0.1, 0.2, 2)
    assert gain.min() == 0 and gain.max() == 1
    assert 0.09 * 16000 < int((gain < 0.5).sum()) < 0.4 * 16000
    assert float(gain.diff().abs().max()) < 0.05


def test_early_reflections_stay():
    response = torch.zeros(8000)
    response[[0, 400, 4000]] = torch.tensor([1.0, 0.5, 0.4])
    early = early_part(response, 0.25)
    assert early[[0, 400, 4000]].tolist() == pytest.approx([1.0, 0.5, 0.1])


def test_rooms_are_drawn_before_their_positions(tmp_path):
    import soundfile

    manifest = {}
    for index in range(21):
        wav = np.zeros(400)
        wav[[30, 100]] = 0.5, 0.25 if index else -0.25
        soundfile.write(tmp_path / f"{index}.wav", wav, 16000)
        room = "hall" if index else "cellar"
        manifest[str(index)] = {"wav": f"{{rooms_root}}/{index}.wav", "room": room}
    (tmp_path / "rooms.json").write_text(json.dumps(manifest))
    rooms = measured_rooms(tmp_path / "rooms.json", tmp_path)
    random = np.random.default_rng(0)
    drawn = torch.stack([rooms(random)[0] for _ in range(300)])
    assert torch.allclose(drawn[:, 0], torch.ones(300))
    assert 0.4 < float((drawn[:, 70] < 0).float().mean()) < 0.6
    assert measured_rooms(None) is None


class TestCodecs:
    """What comes back is the same sound, at the same time, less fine."""

    @staticmethod
    def speech_like():
        random = torch.Generator().manual_seed(0)
        time = torch.arange(32000) / 16000
        wav = sum(torch.sin(2 * torch.pi * 150 * k * time) / k for k in range(1, 20))
        gate = (torch.sin(2 * torch.pi * (3 + time) * time) > 0).float()
        return 0.1 * gate * wav + 0.003 * torch.randn(32000, generator=random)

    @staticmethod
    def check(wav, coded, worst):
        assert coded.shape == wav.shape and coded.dtype == torch.float32
        spectrum = torch.fft.rfft(coded) * torch.fft.rfft(wav).conj()
        lag = int(torch.fft.irfft(spectrum).argmax())
        assert lag in (0, 1, len(wav) - 1)
        error = (coded - wav).square().sum() / wav.square().sum()
        assert 1e-5 < float(error) < worst

    def test_mu_law(self):
        from pvsd_modules.data.codecs import mu_law

        wav = self.speech_like()
        coded = mu_law(wav)
        self.check(wav, coded, 0.01)
        assert share_below(coded, 4000) > 0.999

    @pytest.mark.parametrize("cutoff", [4000, 6000, 8000])
    def test_opus(self, cutoff):
        codecs = pytest.importorskip("pvsd_modules.data.codecs")
        if "opus" not in codecs.available():
            pytest.skip("PyAV without libopus")
        wav = self.speech_like()
        coded = codecs.opus(wav, 12000, cutoff)
        self.check(wav, coded, 0.5)
        assert share_below(coded, cutoff + 200) > 0.999

    @pytest.mark.parametrize("rate", [24000, 32000, 64000])
    def test_mp3(self, rate):
        codecs = pytest.importorskip("pvsd_modules.data.codecs")
        if "mp3" not in codecs.available():
            pytest.skip("PyAV without LAME")
        wav = self.speech_like()
        self.check(wav, codecs.mp3(wav, rate), 0.5)
