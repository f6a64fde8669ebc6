"""A batch mixed at once has the items that are mixed one by one."""

import pytest
import torch
from audio_files import make_store
from speechbrain.core import Stage
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.dataloader import make_dataloader

from pvsd_modules.data.augmentation import Augmenter
from pvsd_modules.data.batch_mixing import MixtureBatch, mix_batch
from pvsd_modules.data.datasets import mixing_dataset
from pvsd_modules.data.field_mixer import FieldAugmenter, FieldMixer
from pvsd_modules.data.rooms import MeasuredRooms
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.training.brain import PvsdBrain

EVERYTHING = {
    "reverberation": 0.5,
    "narrowband": 0.5,
    "clipping": 0.5,
    "second_noise": 0.5,
    "clean_only": 0.2,
    "noise_only": 0.2,
    "intermittent": 0.5,
    "silent_start": 0.5,
    "speech_speed_chance": 0.5,
    "noise_speed_chance": 0.5,
    "machine_noise": 0.3,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    lengths = {name: 0.4 + 0.3 * k for k, name in enumerate("abcdef")}
    folder = tmp_path_factory.mktemp("corpus")
    store, speech = make_store(folder, {**lengths, "n": 0.7, "m": 3.0})
    return store, speech, {name: speech.pop(name) for name in "nm"}


def mixer(corpus, augment, noise=True, **options):
    store, speech, noises = corpus
    return TrainingMixer(
        *(store, speech, noises if noise else None, 1.2), augment=augment, **options
    )


def differences(made, speech, epochs):
    """Items mixed in a batch less those mixed one by one, in parts of the peaks."""
    for made.epoch in range(1, epochs + 1):
        items = [(key, item["wav"]) for key, item in speech.items()]
        drawn = [made.draw(*item) for item in items]
        for item, *mixed in zip(items, *mix_batch(drawn, made.samples), strict=True):
            for got, one in zip(mixed, made(*item)[:2], strict=True):
                yield item, (got - one).abs() / max(float(one.abs().max()), 1e-3)


@pytest.mark.parametrize(
    "augment, options",
    [
        (Augmenter(**EVERYTHING), {"bursts": True}),
        (Augmenter(), {"join": False}),
        (None, {"bursts": True}),
        (None, {"noise": False}),
    ],
)
def test_items_are_the_same(corpus, augment, options):
    made = mixer(corpus, augment, **options)
    for item, difference in differences(made, corpus[1], epochs=6):
        assert float(difference.max()) < 2e-3, item


FIELD = EVERYTHING | dict.fromkeys(
    "third_noise babble measured_rooms covered lost wind rumble handling clicks "
    "line_noise offset coded sixteen_bits".split(),
    0.4,
)


def field_mixer(corpus, **augment):
    store, speech, noises = corpus
    rooms = MeasuredRooms({"room": [noises["n"]["wav"]], "hall": [noises["m"]["wav"]]})
    augment = FieldAugmenter(**FIELD | augment)
    return FieldMixer(store, speech, noises, 1.2, augment=augment, rooms=rooms)


@pytest.mark.parametrize("coded", [0.0, 0.4])
def test_items_as_from_the_field_are_the_same(corpus, coded):
    made = field_mixer(corpus, coded=coded)
    for item, difference in differences(made, corpus[1], epochs=12):
        # Speech that is 0 or not by rounding is late reverberation or not.
        assert float(difference.quantile(0.999)) < 2e-3, item
        assert float(difference.max()) < 0.1, item


@pytest.mark.parametrize("kind", ["all", "field"])
def test_nothing_is_left_on_another_device(corpus, kind):
    made = mixer(corpus, Augmenter(**EVERYTHING), bursts=True)
    made = field_mixer(corpus) if kind == "field" else made
    drawn = [made.draw(key, item["wav"]) for key, item in corpus[1].items()]
    noisy, clean = mix_batch(drawn, made.samples, "meta")
    assert noisy.device.type == clean.device.type == "meta"
    assert noisy.shape == clean.shape == (6, 19200)


def test_a_brain_on_a_gpu_mixes_there(corpus):
    brain = PvsdBrain(run_opts={"device": "cpu"})
    kinds = {}
    for brain.device_type in ("cpu", "cuda"):
        data = mixing_dataset(corpus[1], mixer(corpus, Augmenter()))
        options = {"pin_memory": False, "num_workers": 0, "batch_size": 2}
        loader = brain.make_dataloader(data, Stage.TRAIN, **options)
        batch = next(iter(loader)).to("cpu")
        assert batch.noisy_sig.data.shape == (2, 19200)
        kinds[brain.device_type] = type(batch)
    assert kinds == {"cpu": PaddedBatch, "cuda": MixtureBatch}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_draws_and_the_device_mixes(corpus, workers):
    made = mixer(corpus, Augmenter())
    options = {"batch_size": 4, "num_workers": workers}
    data = mixing_dataset(corpus[1], made)
    drawing = make_dataloader(data, collate_fn=data.mix_on_device(), **options)
    mixing = make_dataloader(mixing_dataset(corpus[1], made), **options)
    for drawn, mixed in zip(drawing, mixing, strict=True):
        drawn = drawn.to("cpu")
        assert drawn.id == mixed.id
        assert torch.equal(drawn.noisy_sig.lengths, mixed.noisy_sig.lengths)
        for key in ("noisy_sig", "clean_sig"):
            got, wanted = drawn[key].data, mixed[key].data
            assert torch.allclose(got, wanted, atol=2e-3 * float(wanted.abs().max()))
