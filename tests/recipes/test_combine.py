"""combine.py: several tables become one that prepare.py reads."""

import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import soundfile

RECIPE = Path(__file__).parents[2] / "recipes" / "LRS3_VGGSound"


def script(name):
    spec = importlib.util.spec_from_file_location(
        f"{name}_of_test", RECIPE / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(folder, licences):
    folder.mkdir()
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "type", "source", "speaker", "licence", "split"])
        for index, licence in enumerate(licences):
            path = f"{index}.wav"
            noise = 0.1 * np.random.default_rng(index).standard_normal(16000)
            soundfile.write(folder / path, noise, 16000)
            split = ("train", "valid", "test")[index % 3]
            row = [path, "speech", f"set{index}", f"{folder.name}{index}", licence]
            writer.writerow([*row, split])
    return str(folder / "manifest.csv")


def test_it_leaves_out_licences_and_sources(tmp_path, capsys):
    one = table(tmp_path / "one", ["CC0", "CC-BY", "gpl-2.0 or later", "CC0"])
    two = table(tmp_path / "two", ["MIT", "CC0", "CC0"])
    output = tmp_path / "deep" / "er" / "all.csv"
    options = ["--without_licence", "GPL", "--without_source", "set3"]
    main = script("combine").main
    assert main([one, two, "--output", str(output), *options]) == 0
    assert "1 files of speech of set2" in capsys.readouterr().out
    rows = list(csv.DictReader(output.open(encoding="utf-8")))
    assert [row["licence"] for row in rows] == ["CC0", "CC-BY", "MIT", "CC0", "CC0"]
    assert all((output.parent / row["path"]).is_file() for row in rows)
    prepared = tmp_path / "M"
    arguments = ["--speech", str(output), "--output_folder", str(prepared)]
    assert script("prepare").main(arguments) == 0
    manifest = json.loads((prepared / "train_speech.json").read_text(encoding="utf-8"))
    assert len(manifest) == 2


def test_a_missing_table_is_one_sentence(tmp_path, capsys):
    main = script("combine").main
    assert main([str(tmp_path / "no.csv"), "--output", str(tmp_path / "a.csv")]) == 2
    assert "does not exist" in capsys.readouterr().err
