"""Items as from the field: each disturbance by itself, and all together."""

import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.data.audio_store import AudioStore
from pvsd_modules.data.field_mixer import FieldAugmenter, FieldMixer
from pvsd_modules.data.rooms import MeasuredRooms

CHANCES = [
    name
    for name, value in vars(FieldAugmenter()).items()
    if isinstance(value, float) and name not in ("late_share", "low_snr_limit")
]


def quiet(**changes) -> FieldAugmenter:
    """An augmenter that does nothing but what is asked for."""
    nothing = dict.fromkeys(CHANCES, 0.0) | {"level_db": (-20.0, -20.0)}
    return FieldAugmenter(**nothing | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(0)
    names = {}
    for name in ("s1", "s2", "s3", "n1", "n2", "r1"):
        wav = 0.1 * random.standard_normal(40000)
        if name[0] == "s":
            wav *= np.sin(np.arange(40000) / 900) ** 2
        if name == "r1":
            wav = 0.01 * wav[:16000] * np.exp(-np.arange(16000) / 3000)
            wav[0] = 0.5
        names[name] = str(folder / f"{name}.wav")
        soundfile.write(names[name], wav, 16000)
    store = AudioStore(folder / "store")
    store.add(names.values(), progress=False)
    return store, names


def mixer(store, augment, snrs=(0.0, 0.0), rooms=True, **options) -> FieldMixer:
    store, names = store
    speech = {key: {"wav": names[key]} for key in ("s1", "s2", "s3")}
    noise = {key: {"wav": names[key]} for key in ("n1", "n2")}
    rooms = MeasuredRooms({"room": [names["r1"]]}) if rooms else None
    return FieldMixer(
        store, speech, noise, 2.0, snrs, augment, rooms=rooms, seed=3, **options
    )


def item(store, augment, key="s1", **options):
    noisy, clean, _ = mixer(store, augment, **options)(key, store[1][key])
    assert noisy.shape == clean.shape == (32000,)
    assert noisy.dtype == clean.dtype == torch.float32
    assert noisy.isfinite().all() and clean.isfinite().all()
    return noisy, clean


def decibels(a, b) -> float:
    return 10 * float(torch.log10(a.square().sum() / b.square().sum()))


def test_without_chances_it_mixes_at_the_snr(store):
    noisy, clean = item(store, quiet())
    assert abs(decibels(clean, noisy - clean)) < 0.01


def test_without_an_augmenter_it_follows_the_paper_as_its_base_does(store):
    noisy, clean = item(store, None, bursts=False)
    assert abs(decibels(clean, noisy - clean)) < 0.01


def test_an_item_depends_on_seed_epoch_and_name_only(store):
    augment = FieldAugmenter(coded=0.5, lost=0.5, wind=0.5, babble=0.5, covered=0.5)
    first = item(store, augment)
    again = mixer(store, augment)
    again("s2", store[1]["s2"])
    second = again("s1", store[1]["s1"])
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    again.epoch = 1
    assert not torch.equal(first[0], again("s1", store[1]["s1"])[0])


def test_low_snrs_are_drawn_more_often(store):
    random = np.random.default_rng(0)
    made = mixer(store, quiet(low_snr=0.35), snrs=(-10.0, 30.0))
    drawn = np.array([made._snr(random) for _ in range(2000)])
    assert drawn.min() >= -10 and drawn.max() <= 30
    assert abs((drawn < 0).mean() - (0.35 + 0.65 / 4)) < 0.04


def test_babble_is_made_of_training_speech(store):
    noisy, clean = item(store, quiet(babble=1.0))
    assert abs(decibels(clean, noisy - clean)) < 0.01
    steady, _ = item(store, quiet())
    assert not torch.allclose(noisy, steady)


def test_the_target_has_less_late_reverberation(store):
    rooms = {"reverberation": 1.0, "measured_rooms": 1.0, "clean_only": 1.0}
    noisy, clean = item(store, quiet(late_share=1.0, **rooms))
    assert torch.allclose(noisy, clean, atol=1e-6)
    noisy, clean = item(store, quiet(late_share=0.0, **rooms))
    assert 3 < decibels(clean, noisy - clean) < 40


@pytest.mark.parametrize("measured", [0.0, 1.0])
def test_noises_share_the_room_of_the_speech(store, measured):
    chances = {"second_noise": 1.0, "measured_rooms": measured, "shared_room": 1.0}
    made = mixer(store, quiet(reverberation=1.0, **chances))
    made.rooms.rooms = [[torch.ones(9), torch.ones(8)], [torch.ones(5)]]
    for key in ("s1", "s2", "s3"):
        speech, *noises = made.draw(key, store[1][key]).colours
        assert len(noises) == 2 and all(noise.room is not None for noise in noises)
        if measured:
            lengths = {len(colour.room) for colour in (speech, *noises)}
            assert lengths in ({8, 9}, {5})


def test_noises_may_be_in_a_room_where_the_speech_is_not(store):
    for chance in (0.0, 1.0):
        drawn = mixer(store, quiet(noise_room=chance)).draw("s1", store[1]["s1"])
        assert drawn.colours[0].room is None
        assert (drawn.colours[1].room is not None) == (chance == 1.0)


def test_synthetic_rooms_do_where_none_is_measured(store):
    rooms = {"reverberation": 1.0, "measured_rooms": 1.0, "clean_only": 1.0}
    noisy, clean = item(store, quiet(late_share=0.0, **rooms), rooms=False)
    assert decibels(clean, noisy - clean) > 0


def test_noise_covers_the_speech_for_a_while(store):
    noisy, clean = item(store, quiet(covered=1.0), snrs=(30.0, 30.0))
    pieces = zip(noisy.split(800), clean.split(800), strict=True)
    ratio = [decibels(c, n - c) for n, c in pieces]
    assert min(ratio) < 0 < 15 < max(ratio)


@pytest.mark.parametrize("kind", ["wind", "rumble", "handling", "clicks", "line_noise"])
def test_disturbances_reach_the_noisy_signal_only(store, kind):
    noisy, clean = item(store, quiet(clean_only=1.0, **{kind: 1.0}))
    alone = clean * float((noisy * clean).sum() / clean.square().sum())
    assert decibels(clean, noisy - alone) < 60
    reference, _ = item(store, quiet(clean_only=1.0))
    aligned = reference * float((reference * clean).sum() / reference.square().sum())
    assert decibels(clean, clean - aligned) > 60


def test_an_offset_is_added_and_not_wanted(store):
    noisy, clean = item(store, quiet(clean_only=1.0, offset=1.0))
    assert 0.001 < abs(float((noisy - clean).mean())) <= 0.1
    assert float((noisy - clean).std()) < 1e-4


def test_lost_packets_are_silent_and_wanted_back(store):
    noisy, clean = item(store, quiet(clean_only=1.0, lost=1.0))
    silent = (noisy == 0) & (clean.abs() > 1e-4)
    assert 200 < int(silent.sum()) < 4 * 0.06 * 16000


def test_sixteen_bits(store):
    noisy, _ = item(store, quiet(sixteen_bits=1.0))
    assert torch.allclose((noisy * 32767).round() / 32767, noisy, atol=1e-7)


@pytest.mark.parametrize("key", ["s1", "s2", "s3"])
@pytest.mark.parametrize("epoch", range(4))
def test_coded_items_stay_aligned(store, key, epoch):
    pytest.importorskip("av")
    made = mixer(store, quiet(clean_only=1.0, coded=1.0))
    made.epoch = epoch
    noisy, clean, _ = made(key, store[1][key])
    spectrum = torch.fft.rfft(noisy) * torch.fft.rfft(clean).conj()
    assert int(torch.fft.irfft(spectrum).argmax()) in (0, 1, len(noisy) - 1)


def test_all_of_it_at_once(store):
    augment = FieldAugmenter(**dict.fromkeys(CHANCES, 0.5) | {"clean_only": 0.1})
    made = mixer(store, augment, snrs=(-10.0, 35.0))
    for epoch in range(25):
        made.epoch = epoch
        noisy, clean, _ = made("s2", store[1]["s2"])
        assert noisy.isfinite().all() and clean.isfinite().all()
        assert noisy.abs().max() < 3.0
