"""The benchmark counts right, and measures what it says."""

import json

import pytest
import soundfile
import torch

from pvsd_modules.benchmark import clock, memory, rows, size, subject
from pvsd_modules.errors import PvsdError


def test_multiplications_are_counted():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1, groups=2),  # 36 weights, 6 x 5 positions
        torch.nn.ConvTranspose2d(4, 3, 2, stride=2),  # 48 weights, 6 x 5 inputs
        torch.nn.Flatten(2),
        torch.nn.Linear(120, 7),  # 840 weights, 3 rows
    )
    found = size.multiplications(network, torch.zeros(2, 2, 6, 5))
    assert found == 2 * (36 * 30 + 48 * 30 + 840 * 3)
    lstm = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True)
    assert size.multiplications(lstm, torch.zeros(2, 9, 5)) == 2 * 9 * 2 * 4 * 6 * 11
    assert not network[0]._forward_hooks  # nothing is left behind


def test_jobs_are_run_in_turn_and_the_least_counts():
    turns = []

    def busy():
        turns.append("busy")
        sum(range(10**6))

    found = clock.compare({"busy": busy, "idle": lambda: turns.append("idle")}, 1)
    assert turns == ["busy", "idle"] * 2
    assert 0 <= found["idle"] < found["busy"] < 60


def test_threads_come_back():
    before = torch.get_num_threads()
    with clock.threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_sound_is_repeatable_and_of_any_length(tmp_path):
    assert torch.equal(subject.sound(0.5), subject.sound(0.5))
    assert subject.sound(0.5).shape == (1, 8000)
    subject.write_sound(tmp_path / "a.wav", 2.25)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.frames, info.samplerate, info.channels) == (36000, 16000, 1)


def test_rows_become_a_file(tmp_path):
    found = [rows.Row("speed", 0.123456789, "CPU-s"), rows.Row("size", 12345678.0, "B")]
    path = tmp_path / "benchmark.json"
    path.write_text("old")
    rows.write_json(path, found)
    stored = json.loads(path.read_text())
    assert stored["rows"][0] == {"name": "speed", "value": 0.12346, "unit": "CPU-s"}
    assert "PyTorch" in stored["machine"] and len(stored) == 2
    assert [item.name for item in tmp_path.iterdir()] == ["benchmark.json"]


def test_peak_memory_is_that_of_this_process():
    before = memory.peak_bytes()
    torch.ones(before // 4 + 10**7)  # as many bytes as everything so far
    assert before + 10**7 < memory.peak_bytes() < 4 * before + 10**9


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(PvsdError, match="Measuring memory failed: .*nowhere"):
        memory.memory(tmp_path / "nowhere" / "model", (1,), tmp_path)


@pytest.mark.parametrize(
    "seconds, words", [(10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h")]
)
def test_durations_in_words(seconds, words):
    assert memory._words(seconds) == words
