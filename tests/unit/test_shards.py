"""Shards give the same mixtures as files, however they are read."""

import contextlib
import tarfile

import pytest
import torch
from audio_files import make_store
from speechbrain.dataio.dataloader import make_dataloader
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter
from speechbrain.utils.train_logger import FileTrainLogger

from pvsd_modules.data import shards
from pvsd_modules.data.augmentation import Augmenter
from pvsd_modules.data.training_mixer import TrainingMixer
from pvsd_modules.errors import PvsdError
from pvsd_modules.training.brain import PvsdBrain

NAMES = "abcdefgh"


@pytest.fixture
def corpus(tmp_path):
    """Store, speech, noise, folder of shards."""
    lengths = {name: 0.3 + 0.1 * k for k, name in enumerate(NAMES)} | {"n": 0.7, "m": 2}
    store, manifest = make_store(tmp_path, lengths)
    noise = {name: manifest.pop(name) for name in "nm"}
    for name, items in (("train_speech", manifest), ("train_noise", noise)):
        paths = {key: item["wav"] for key, item in items.items()}
        listed = {key: {"wav": f"{{data_root}}/{key}.wav"} for key in items}
        shards.write_shards(listed, paths, tmp_path / "shards", name, files=3)
    return store, manifest, noise, tmp_path


def mixer(store, speech, noise):
    made = TrainingMixer(store, speech, noise, 0.4, augment=Augmenter(), seed=3)
    made.epoch = 2
    return made


def test_a_store_of_shards_reads_what_files_hold(corpus):
    store, speech, noise, folder = corpus
    sharded = shards.open_store(folder / "shards", str(folder))
    assert isinstance(sharded, shards.ShardStore)
    assert sorted(p.name for p in (folder / "shards").glob("*.tar")) == [
        "train_noise-000000.tar",
        *(f"train_speech-00000{k}.tar" for k in range(3)),
    ]
    for key, item in (speech | noise).items():
        path = item["wav"]
        assert sharded.samples(path) == store.samples(path)
        assert torch.equal(sharded.read(path), store.read(path)), key
        part = sharded.read(path, 100, 50)
        assert torch.equal(part, store.read(path, 100, 50))
    a, b = mixer(store, speech, noise), mixer(sharded, speech, noise)
    for key, item in speech.items():
        for x, y in zip(a(key, item["wav"]), b(key, item["wav"]), strict=True):
            assert torch.equal(torch.as_tensor(x), torch.as_tensor(y))
    with pytest.raises(PvsdError, match="not in the shards"):
        sharded.read("gone.wav")
    assert not isinstance(shards.open_store(folder / "store"), shards.ShardStore)


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_those_of_files(corpus, workers):
    pytest.importorskip("webdataset")
    store, speech, noise, folder = corpus
    wanted = mixer(store, speech, noise)
    streamed = shards.shard_pipeline(
        folder / "shards", speech, mixer(store, speech, noise), 2, max(1, workers)
    )
    streamed.start_at(2)
    loader = make_dataloader(streamed, num_workers=workers)
    batches = list(loader)
    assert len(batches) == len(loader) == (4 if workers == 0 else 2)
    seen = []
    for batch in batches:
        for k, key in enumerate(batch.id):
            noisy, clean, _ = wanted(key, speech[key]["wav"])
            assert torch.equal(batch.noisy_sig.data[k], noisy)
            assert torch.equal(batch.clean_sig.data[k], clean)
            seen.append(key)
    assert len(set(seen)) == len(seen) == 2 * len(batches)
    orders = set()
    for epoch in range(1, 7):
        streamed.start_at(epoch)
        orders.add(tuple(key for batch in streamed for key in batch.id))
    assert len(orders) > 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("done", [1, 2, 3])
def test_an_epoch_goes_on_where_it_was_interrupted(corpus, workers, done):
    pytest.importorskip("webdataset")
    store, speech, noise, folder = corpus
    args = folder / "shards", speech, mixer(store, speech, noise), 1, max(1, workers)
    streamed = shards.shard_pipeline(*args)
    streamed.start_at(3)
    whole = list(make_dataloader(streamed, num_workers=workers))
    assert len(whole) > 3
    streamed.start_at(3, done)
    rest = list(make_dataloader(streamed, num_workers=workers))
    assert [batch.id for batch in rest] == [batch.id for batch in whole[done:]]
    for a, b in zip(rest, whole[done:], strict=True):
        assert torch.equal(a.noisy_sig.data, b.noisy_sig.data)
    if workers:
        with pytest.raises(PvsdError, match="num_workers 1, and"):
            list(make_dataloader(streamed, num_workers=1))


class Trained(PvsdBrain):
    """Keeps what it was given; stops after some steps."""

    def compute_forward(self, batch, stage):
        self.seen += batch.id
        return self.modules.layer(batch.noisy_sig.data[:, :1])

    def compute_objectives(self, predictions, batch, stage):
        return predictions.mean()

    def on_fit_batch_end(self, batch, outputs, loss, should_step):
        self.log_steps(loss, every=1)
        if self.optimizer_step == self.stop_at:
            raise KeyboardInterrupt


def test_a_brain_resumes_streamed_shards_within_an_epoch(corpus, tmp_path):
    pytest.importorskip("webdataset")
    store, speech, noise, folder = corpus

    def train(stop_at, save, batch_size=1):
        layer, counter = torch.nn.Linear(1, 1), EpochCounter(2)
        parts = {"layer": layer, "counter": counter}
        args = folder / "shards", speech, mixer(store, speech, noise), batch_size
        streamed = shards.shard_pipeline(*args)
        logger = FileTrainLogger(tmp_path / "log.txt")
        hparams = {"lr_scheduler": lambda *_: None, "epoch_counter": counter}
        brain = Trained(
            {"layer": layer},
            lambda parameters: torch.optim.SGD(parameters, 0.1),
            hparams | {"train_logger": logger},
            {"device": "cpu", "ckpt_interval_steps": 1, "noprogressbar": True},
            Checkpointer(save, parts),
        )
        brain.seen, brain.stop_at = [], stop_at
        with contextlib.suppress(KeyboardInterrupt):
            brain.fit(counter, streamed, train_loader_kwargs={"num_workers": 0})
        return brain.seen

    whole = train(None, tmp_path / "whole")
    assert len(whole) == 16
    first = train(3, tmp_path / "cut")
    assert first + train(None, tmp_path / "cut") == [*whole[:3], *whole[2:]]
    train(3, tmp_path / "other")
    with pytest.raises(PvsdError, match="batch_size 1, and there are 2 now"):
        train(None, tmp_path / "other", batch_size=2)


def test_ranks_get_equally_many_batches_and_no_item_twice(corpus):
    pytest.importorskip("webdataset")
    store, speech, noise, folder = corpus
    for epoch in (1, 2, 3):
        seen = []
        for rank in range(3):
            made = mixer(store, speech, noise)
            args = (folder / "shards", speech, made, 2, 1, rank, 3)
            pipeline = shards.shard_pipeline(*args)
            pipeline.start_at(epoch)
            batches = list(pipeline)
            assert len(batches) == len(pipeline) == 1
            seen += [key for batch in batches for key in batch.id]
        assert len(set(seen)) == 6
    with pytest.raises(PvsdError, match="too few for 4 workers"):
        shards.shard_pipeline(folder / "shards", speech, made, 2, 4)


def test_shards_are_continued_and_made_anew_where_the_manifest_changed(corpus):
    _, speech, _, folder = corpus
    paths = {key: item["wav"] for key, item in speech.items()}
    listed = {key: {"wav": f"{{data_root}}/{key}.wav"} for key in speech}
    places = sorted((folder / "shards").glob("train_speech*.tar"))
    times = {place: place.stat().st_mtime_ns for place in places}
    places[1].unlink()
    listed["h"]["speaker"] = "new"
    shards.write_shards(listed, paths, folder / "shards", "train_speech", files=3)
    kept = [place for place in places if place.stat().st_mtime_ns == times[place]]
    assert kept == places[:1]
    with tarfile.open(places[0]) as tar:
        assert tar.getnames()[:2] == ["000000.json", "000000.wav"]
    fewer = {key: listed[key] for key in "abc"}
    shards.write_shards(fewer, paths, folder / "shards", "train_speech", files=3)
    assert sorted((folder / "shards").glob("train_speech*.tar")) == places[:1]
    places[0].write_bytes(places[0].read_bytes()[:700])
    with pytest.raises(PvsdError, match="is damaged"):
        shards.ShardStore(folder / "shards")
