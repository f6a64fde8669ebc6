"""Training items: lengths, levels, seeds, joins."""

import pytest
import torch
from audio_files import make_store

from pvsd_modules.data.augmentation import Augmenter
from pvsd_modules.data.training_mixer import TrainingMixer


@pytest.fixture
def files(tmp_path):
    lengths = {"long": 3.0, "short": 0.3, "noise": 0.2}
    store, manifest = make_store(tmp_path, lengths)
    noise = {"noise": manifest.pop("noise")}
    return store, manifest, noise


def snr_of(clean, noisy):
    return float(
        10 * torch.log10(clean.square().sum() / (noisy - clean).square().sum())
    )


def test_a_choice_of_ratios_is_kept_exactly(files):
    store, speech, noise = files
    mixer = TrainingMixer(store, speech, noise, 1.0, snrs=[0, 5, 10])
    seen = set()
    for epoch in range(12):
        mixer.epoch = epoch
        noisy, clean, start = mixer("long", speech["long"]["wav"])
        assert noisy.shape == clean.shape == (16000,)
        assert start % 640 == 0 and start <= 32000
        whole = store.read(speech["long"]["wav"])
        assert torch.equal(clean, whole[start : start + 16000])
        snr = snr_of(clean, noisy)
        assert min(abs(snr - x) for x in (0, 5, 10)) < 1e-3
        seen.add(round(snr))
    assert seen == {0, 5, 10}


def test_two_ratios_are_a_range(files):
    store, speech, noise = files
    mixer = TrainingMixer(store, speech, noise, 1.0, snrs=[-8, 20])
    found = []
    for mixer.epoch in range(12):
        noisy, clean, _ = mixer("long", speech["long"]["wav"])
        found.append(snr_of(clean, noisy))
    assert -8 <= min(found) < 0 and 12 < max(found) <= 20
    assert len({round(x, 2) for x in found}) == 12


def test_noise_shorter_than_speech_is_looped(files):
    store, speech, noise = files
    mixer = TrainingMixer(store, speech, noise, 1.0, snrs=[0, 0])
    noisy, clean, _ = mixer("long", speech["long"]["wav"])
    added = noisy - clean
    assert torch.allclose(added[:3200], added[3200:6400], atol=1e-6)
    assert added.reshape(10, 1600).square().mean(1).min() > 1e-4


def test_short_speech_is_joined_or_padded(files):
    store, speech, noise = files
    wav = speech["short"]["wav"]
    joined = TrainingMixer(store, speech, noise, 2.0)("short", wav)[1]
    padded = TrainingMixer(store, speech, noise, 2.0, join=False)("short", wav)[1]
    assert joined.shape == padded.shape == (32000,)
    assert torch.equal(joined[:4800], padded[:4800])
    assert joined[4800:].abs().max() > 0.01 and padded[4800:].abs().max() == 0


def test_without_noise_both_are_the_speech(files):
    store, speech, _ = files
    noisy, clean, _ = TrainingMixer(store, speech, None, 1.0)(
        "a", speech["long"]["wav"]
    )
    assert torch.equal(noisy, clean)


@pytest.mark.parametrize("augment", [None, Augmenter()])
def test_the_same_in_the_same_epoch_and_another_in_another(files, augment):
    store, speech, noise = files
    wav = speech["long"]["wav"]

    def item(epoch, seed=3, item_id="long"):
        mixer = TrainingMixer(
            store, speech, noise, 0.4, augment=augment, bursts=True, seed=seed
        )
        mixer.epoch = epoch
        torch.rand(1)  # the global state does not matter
        return mixer(item_id, wav)[0]

    assert torch.equal(item(1), item(1))
    assert not torch.equal(item(1), item(2))
    assert not torch.equal(item(1), item(1, seed=4))
    assert not torch.equal(item(1), item(1, item_id="other"))


def test_bursts_fall_on_the_mixture(files):
    store, speech, noise = files
    plain = TrainingMixer(store, speech, noise, 1.0, snrs=[5, 5], bursts=False)
    disturbed = TrainingMixer(store, speech, noise, 1.0, snrs=[5, 5], bursts=True)
    a, b = (mixer("x", speech["long"]["wav"]) for mixer in (plain, disturbed))
    assert torch.equal(a[1], b[1])
    assert 0 < int((a[0] != b[0]).sum()) <= 3200
