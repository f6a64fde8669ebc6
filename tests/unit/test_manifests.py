"""Finding, splitting and mixing: the parts that prepare.py is made of."""

import random

import numpy as np
import pytest

from pvsd_modules.data.manifests import (
    mixtures,
    noise,
    record,
    scan,
    speech,
    splits,
)
from pvsd_modules.data.manifests.scan import Recording
from pvsd_modules.errors import PvsdError
from pvsd_modules.io.suffixes import MEDIA_SUFFIXES
from pvsd_modules.io.walking import walk

SHARES = {"valid": 0.1, "test": 0.1}


def recordings(groups=20, each=5, split=""):
    return [
        Recording(None, f"g{g}/{i}.wav", f"g{g}", split, seconds=2.0)
        for g in range(groups)
        for i in range(each)
    ]


def by_split(items):
    return {s: {item.group for item in items if item.split == s} for s in scan.SPLITS}


def test_groups_stay_whole_and_shares_are_met():
    items = recordings()
    splits.assign(items, SHARES, seed=1)
    groups = by_split(items)
    assert {split: len(members) for split, members in groups.items()} == {
        "train": 16,
        "valid": 2,
        "test": 2,
    }
    assert not groups["train"] & groups["valid"] | groups["valid"] & groups["test"]


def test_split_does_not_depend_on_the_order_of_files_but_on_the_seed():
    one, other, third = recordings(), recordings(), recordings()
    random.Random(0).shuffle(other)
    splits.assign(one, SHARES, seed=1)
    splits.assign(other, SHARES, seed=1)
    splits.assign(third, SHARES, seed=2)
    assert by_split(one) == by_split(other)
    assert by_split(one) != by_split(third)
    tests = set()
    for seed in range(30):
        items = recordings()
        splits.assign(items, SHARES, seed=seed)
        tests |= by_split(items)["test"]
    assert len(tests) > 15  # anyone may be drawn, not the last in the list


def test_a_speaker_of_half_the_corpus_stays_in_the_training_set():
    for seed in range(20):
        items = recordings()
        items += [Recording(None, f"big/{i}", "big", seconds=2.0) for i in range(100)]
        splits.assign(items, SHARES, seed=seed)
        assert "big" in by_split(items)["train"]


def test_the_corpus_has_the_first_word_and_valid_comes_out_of_train():
    items = recordings(10, split="train")
    items += [Recording(None, "t/0.wav", "t", "test", seconds=2.0)]
    splits.assign(items, SHARES, seed=1)
    groups = by_split(items)
    assert groups["test"] == {"t"}
    assert len(groups["valid"]) == 1 and len(groups["train"]) == 9


def test_an_unsplit_file_follows_its_speaker():
    items = [*recordings(10), Recording(None, "x", "g3", "test", seconds=2.0)]
    splits.assign(items, SHARES, seed=1)
    assert {item.split for item in items if item.group == "g3"} == {"test"}


def test_one_group_alone_is_for_training():
    items = recordings(1)
    splits.assign(items, SHARES, seed=1)
    assert {item.split for item in items} == {"train"}


def test_speaker_in_two_sets_of_the_corpus_is_told(caplog):
    items = recordings(2, split="train")
    items += [Recording(None, "x", "g1", "test", seconds=2.0)]
    splits.assign(items, SHARES, seed=1)
    assert "g1" in caplog.text and "more than one set" in caplog.text


def test_every_tenth_is_for_one_speaker():
    items = recordings(1, each=25)
    assert splits.every_tenth(items[::-1])
    ordered = sorted(items, key=lambda item: item.key)
    assert [i for i, item in enumerate(ordered) if item.split == "valid"] == [8, 18]
    assert [i for i, item in enumerate(ordered) if item.split == "test"] == [9, 19]
    several = recordings(2)
    assert not splits.every_tenth(several)
    assert {item.split for item in several} == {""}


@pytest.mark.parametrize(
    "key, split, speaker",
    [
        ("pretrain/abc/50001.mp4", "train", "abc"),
        ("trainval/abc/50001/audio.wav", "train", "abc"),
        ("p225/p225_001.wav", "", "p225"),
        ("loose.wav", "", ""),
        ("test-clean/61/70968/61-70968-0000.flac", "test", "61"),
    ],
)
def test_path_tells_set_and_speaker(key, split, speaker):
    assert speech.speaker_of(key) == (split, speaker)


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("a/-abcdefghi1_000010.mp4", "b/-abcdefghi1_000040.wav", True),
        ("-abcdefghi1_000010.mp4", "-abcdefghi2_000010.mp4", False),
        ("1-172649-A.wav", "1-172649-F.wav", True),
        ("cat_1-172649-A.opus", "cat_1-172650-A.opus", False),
        ("DKITCHEN/ch01.wav", "DKITCHEN/ch16.wav", True),
        ("rain_part1.wav", "rain_part2.wav", True),
        ("rain_1.wav", "rain_2.wav", False),
    ],
)
def test_name_tells_the_source_recording(one, other, same):
    assert (noise.recording_of(one) == noise.recording_of(other)) is same


def test_every_listed_class_is_lower_case_and_voices_are_there():
    classes = noise.speech_classes()
    assert {"male speech, man speaking", "singing choir", "rapping"} <= classes
    assert "people crowd" not in classes
    assert not any(line.startswith("#") for line in classes)


def test_start_is_where_the_sound_is():
    wave = np.zeros(16000, np.float32)
    wave[6000:10000] = 0.5
    for seed in range(30):
        start = mixtures.sounding_start(wave, 1000, random.Random(seed))
        assert np.any(wave[start : start + 1000] > 0)
    assert mixtures.sounding_start(np.zeros(900), 100, random.Random(0)) is None
    assert mixtures.sounding_start(np.full(50, np.nan), 10, random.Random(0)) is None
    assert mixtures.sounding_start(wave[6000:7000], 1000, random.Random(0)) == 0


def test_spread_takes_every_item_once_and_groups_in_turn():
    manifest = {f"a{i}": {"speaker": "a"} for i in range(9)}
    manifest |= {"b0": {"speaker": "b"}, "c0": {"speaker": "c"}}
    order = mixtures.spread(manifest, "speaker", "seed")
    assert sorted(order) == sorted(manifest)
    assert {name[0] for name in order[:3]} == {"a", "b", "c"}


def test_kinds_that_are_noted_at_once_are_all_kept(tmp_path):
    one, other = record.Record(tmp_path), record.Record(tmp_path)
    one.note("speech", {"seed": 1}, [])
    other.note("noise", {"seed": 1}, [])
    made = record.Record(tmp_path)
    assert made.is_current("speech", {"seed": 1})
    assert made.is_current("noise", {"seed": 1})
    made.forget("speech")
    assert set(record.Record(tmp_path).made) == {"noise"}


def test_neither_folder_nor_table_is_a_sentence(tmp_path):
    with pytest.raises(PvsdError, match="does not exist"):
        scan.is_table(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(PvsdError, match="neither a folder nor"):
        scan.is_table(tmp_path / "a.txt")
    (tmp_path / "a.csv").write_text("name,split\nx,train\n")
    with pytest.raises(PvsdError, match="no column named path"):
        scan.read_table(tmp_path / "a.csv", "speech", scan.LeftOut())


def test_walk_follows_links_once_and_skips_hidden_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "B.WAV").touch()
    (tmp_path / "a" / ".c.wav").touch()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "note.txt").touch()
    assert walk(tmp_path, MEDIA_SUFFIXES) == ["a/B.WAV"]
