"""``pvsd benchmark``: every part gives figures that can be."""

import json
import shutil

import pytest

from pvsd_modules.checkpoints.find import pretrained_folder

PARTS = ["size", "speed", "latency", "training"]


def test_quick_benchmark_of_the_shipped_model(pvsd, tmp_path):
    output = tmp_path / "benchmark.json"
    code, printed, _ = pvsd(
        "benchmark", "--quick", "--output", output, "--parts", *PARTS, model="offline"
    )
    assert code == 0
    stored = json.loads(output.read_text())
    values = {row["name"]: row["value"] for row in stored["rows"]}
    assert len(values) == len(stored["rows"])  # no name twice
    assert all(value > 0 for value in values.values())
    assert {row["unit"] for row in stored["rows"]} >= {"MB", "ms", "steps per CPU-s"}
    for name in values:
        assert f"| {name} |" in printed
    whole = values["enhance, fp32, 1 thread"]
    assert values["of that denoiser, fp32, 1 thread"] < 5 * whole
    assert (
        values["a chunk of 40 ms, median"]
        <= values["a chunk of 40 ms, 99th percentile"]
    )
    assert values["parameters, student"] + values["parameters, denoiser"] < 10


def test_memory_is_measured_in_processes_of_their_own(pvsd, tmp_path):
    output = tmp_path / "benchmark.json"
    folder = shutil.copytree(pretrained_folder("offline"), tmp_path / "model")
    with (folder / "hyperparams.yaml").open("a") as file:
        file.write("run: !apply:os.getpid []\n")
    words = ["benchmark", "--quick", "--parts", "memory", "--durations", "1"]
    words += ["--output", output]
    code, _, complaint = pvsd(*words, model=folder)
    assert code == 2 and "!apply:os.getpid is not allowed" in complaint
    code, _, _ = pvsd(*words, "--trust", model=folder)
    assert code == 0
    rows = json.loads(output.read_text())["rows"]
    assert [row["unit"] for row in rows] == ["s", "MB"]
    assert rows[1]["name"] == "peak memory, fp32, 1 s of sound"
    assert 100 < rows[1]["value"] < 4000


def test_mistakes_are_told_before_the_work(pvsd, tmp_path):
    output = tmp_path / "benchmark.json"
    output.write_text("mine")
    code, _, complaint = pvsd("benchmark", "--output", output, model=None)
    assert code == 2 and "--overwrite" in complaint
    assert output.read_text() == "mine"
    code, _, complaint = pvsd("benchmark", "--model", "nosuchmodel", model=None)
    assert code == 2 and "nosuchmodel" in complaint


@pytest.mark.parametrize("duration", ["0.1", "nan", "inf", "-1"])
def test_durations_are_seconds(pvsd, capsys, duration):
    with pytest.raises(SystemExit) as stop:
        pvsd("benchmark", "--durations", duration, model=None)
    assert stop.value.code == 2
    assert "is not 1 second" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["nothing", ""])
def test_unknown_parts_are_refused(pvsd, part):
    with pytest.raises(SystemExit) as stop:
        pvsd("benchmark", "--parts", part)
    assert stop.value.code == 2
