"""The command line: naming, exit codes, sentences instead of tracebacks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]


def write(path, samples=2000, rate=16000, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(seed).uniform(-0.3, 0.3, samples)
    soundfile.write(path, sound, rate)
    return path


def process(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "pvsd_modules.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        check=False,
        **kwargs,
    )


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = (
        "import sys; from pvsd_modules.cli import make_parser; "
        "print(make_parser().format_help()); "
        "heavy = {'torch', 'numpy', 'speechbrain', 'av', 'matplotlib', 'tqdm'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for command in ("enhance", "lips", "info", "convert"):
        assert command in ran.stdout


def test_enhancing_sound_needs_neither_opencv_nor_matplotlib(tmp_path, identity_folder):
    write(tmp_path / "a.wav")
    code = (
        "import sys; from pvsd_modules.cli import main; code = main(sys.argv[1:]); "
        "unwanted = {'cv2', 'matplotlib', 'face_alignment'} & set(sys.modules); "
        "sys.exit(str(unwanted) if unwanted else code)"
    )
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "enhance",
            "a.wav",
            "--trust",
            "--model",
            identity_folder,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""  # no developers' messages
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.wav", "a_enhanced.wav"]  # and no litter


def test_exit_codes_reach_the_shell(tmp_path):
    ran = process("enhance", "missing.wav", cwd=tmp_path)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
    assert ran.stderr == (
        "pvsd: missing.wav does not exist: check the name of the file.\n"
    )
    assert process("enhance").returncode == 2  # no input: argparse
    assert process("--version").stdout.startswith("pvsd ")


def test_without_output_the_result_lies_beside_the_input(pvsd, tmp_path):
    path = write(tmp_path / "talk.one.wav")
    before = path.read_bytes()
    code, printed, complaints = pvsd("enhance", path)
    assert (code, complaints) == (0, "")
    output = tmp_path / "talk.one_enhanced.wav"
    assert str(output) in printed
    assert np.allclose(soundfile.read(output)[0], soundfile.read(path)[0], atol=1e-4)
    assert path.read_bytes() == before


def test_existing_files_are_only_replaced_on_demand(pvsd, tmp_path):
    path, output = write(tmp_path / "a.wav"), tmp_path / "b.wav"
    output.write_text("precious")
    code, _, complaints = pvsd("enhance", path, "-o", output)
    assert code == 2 and "--overwrite" in complaints
    assert output.read_text() == "precious"
    assert pvsd("enhance", path, "-o", output, "--overwrite")[0] == 0
    assert soundfile.info(output).frames == 2000


def test_the_input_is_never_written_over(pvsd, tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav")
    os.link(path, tmp_path / "same.wav")
    before = path.read_bytes()
    monkeypatch.chdir(tmp_path)
    for output in (path, "./a.wav", tmp_path / "same.wav", tmp_path):
        code, _, complaints = pvsd("enhance", path, "-o", output, "--overwrite")
        assert code == 2 and "input" in complaints
    assert path.read_bytes() == before


def test_a_missing_output_folder_is_made(pvsd, tmp_path):
    output = tmp_path / "new" / "deep" / "b.flac"
    assert pvsd("enhance", write(tmp_path / "a.wav"), "-o", output)[0] == 0
    assert soundfile.info(output).format == "FLAC"


def test_several_inputs_and_folders_keep_names_and_sub_folders(pvsd, tmp_path):
    write(tmp_path / "in" / "a.wav")
    write(tmp_path / "in" / "sub" / "a.WAV")
    write(tmp_path / "in" / "sub" / "b.flac")
    (tmp_path / "in" / "notes.txt").write_text("not a recording")
    write(tmp_path / "in" / ".hidden.wav")
    other = write(tmp_path / "other.ogg")
    out = tmp_path / "in" / "out"
    for _ in range(2):  # the second time, outputs are no inputs
        code, printed, _ = pvsd(
            "enhance", tmp_path / "in", other, "-o", out, "--overwrite"
        )
        assert code == 0 and "[4/4]" in printed
        written = {str(path.relative_to(out)) for path in out.rglob("*.*")}
        assert written == {"a.wav", "sub/a.WAV", "sub/b.flac", "other.ogg"}


def test_a_failing_file_does_not_stop_the_others(pvsd, tmp_path):
    good = [write(tmp_path / "a.wav"), write(tmp_path / "c.wav")]
    bad = tmp_path / "b.wav"
    bad.write_text("this is no sound")
    missing = tmp_path / "missing.wav"
    code, printed, complaints = pvsd(
        "enhance", good[0], bad, missing, good[1], "-o", tmp_path / "out"
    )
    assert code == 1
    assert "b.wav" in complaints and "missing.wav does not exist" in complaints
    assert "2 of 4 files failed" in complaints and "Traceback" not in complaints
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.wav", "c.wav"]


def test_outputs_that_would_collide_are_refused_before_the_work(pvsd, tmp_path):
    one, two = write(tmp_path / "1" / "a.wav"), write(tmp_path / "2" / "a.wav")
    code, _, complaints = pvsd("enhance", one, two, "-o", tmp_path / "out")
    assert code == 2 and "both" in complaints
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["a.wav", "-o", "b.xyz"], "b.xyz has no suffix that can be written"),
        (["a.wav", "-o", "b.mp4"], "has no pictures"),
        (["a.wav", "b.wav", "-o", "c.wav"], "names a folder"),
        (["folder"], "name a folder to write to"),
        (["folder", "-o", "out"], "holds no sound"),
        (["empty.wav"], "0 bytes"),
        (["text.mp3"], "text.mp3"),
        (["a.wav", "-o", "a.wav/b.wav"], "cannot be written"),
        (["a.wav", "--model", "no_such_model"], "no_such_model"),
        (["a.wav", "--device", "warp"], "warp"),
    ],
)
def test_mistakes_are_one_sentence_and_code_2(
    pvsd, tmp_path, monkeypatch, identity_folder, arguments, word
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav")
    write(tmp_path / "b.wav")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("just words " * 99)
    before = sorted(tmp_path.rglob("*"))
    model = None if "--model" in arguments else identity_folder
    code, _, complaints = pvsd("enhance", *arguments, model=model)
    assert code == 2 and word in complaints
    assert complaints.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before  # nothing half-written


@pytest.mark.parametrize("strength", ["1.1", "-0.1", "nan", "much"])
def test_strength_is_checked(pvsd, tmp_path, strength, capsys):
    with pytest.raises(SystemExit) as stopped:
        pvsd("enhance", tmp_path / "a.wav", f"--strength={strength}")
    assert stopped.value.code == 2
    assert "not a number from 0 to 1" in capsys.readouterr().err


def test_strength_is_used(pvsd, tiny_folder, tmp_path):
    path = write(tmp_path / "a.wav")
    for name, strength in (("0.wav", 0), ("h.wav", 0.5), ("1.wav", 1)):
        output = tmp_path / name
        words = ("enhance", path, "-o", output, "--strength", strength)
        assert pvsd(*words, model=tiny_folder)[0] == 0
    none, half, full = (
        soundfile.read(tmp_path / name)[0] for name in ("0.wav", "h.wav", "1.wav")
    )
    assert np.allclose(none, soundfile.read(path)[0], atol=1e-4)
    assert np.allclose(half, (none + full) / 2, atol=1e-4)
    assert np.abs(full - none).max() > 0.02


def test_what_was_mended_is_said(pvsd, tmp_path):
    sound = np.full(500, 0.25, np.float32)
    sound[[3, 77]] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", sound, 16000, "FLOAT")
    code, _, complaints = pvsd("enhance", tmp_path / "a.wav")
    assert code == 0 and "2 samples were not numbers" in complaints
    expected = np.nan_to_num(sound, posinf=0.0)
    assert np.allclose(soundfile.read(tmp_path / "a_enhanced.wav")[0], expected)
    soundfile.write(tmp_path / "b.wav", np.full(500, 1.5), 16000, "FLOAT")
    _, _, complaints = pvsd("enhance", tmp_path / "b.wav", "-o", tmp_path / "b.flac")
    assert "500 samples were beyond full scale" in complaints


def test_info_of_models_files_and_mistakes(pvsd, tmp_path, tiny_folder):
    code, printed, _ = pvsd("info", model=None)
    assert code == 0 and "pvsd 0." in printed
    code, printed, _ = pvsd("info", tiny_folder, model=None)
    assert code == 0 and "latency 920 ms" in printed and "licence: MIT" in printed
    path = write(tmp_path / "a.wav", 8000, 8000)
    code, printed, _ = pvsd("info", path, model=None)
    assert code == 0 and "1.00 s, 8000 Hz, 1 channel, pcm_s16le" in printed
    code, _, complaints = pvsd("info", tmp_path / "no.wav", model=None)
    assert code == 2 and "does not exist" in complaints


def test_converting_what_is_no_checkpoint(pvsd, tmp_path):
    page = tmp_path / "page.pth"
    page.write_text("<html>not found</html>")
    code, _, complaints = pvsd(
        "convert", "--student", page, "--denoiser", page,
        "--output_folder", tmp_path / "model", model=None,
    )  # fmt: skip
    assert code == 2 and "page.pth" in complaints
    assert not (tmp_path / "model").exists()


def test_interrupted_work_leaves_nothing_half_written(tmp_path, identity_folder):
    from pvsd_modules.inference import PseudoVisualEnhancement

    def interrupt(block):
        raise KeyboardInterrupt

    model = PseudoVisualEnhancement.from_hparams(identity_folder)
    path = write(tmp_path / "a.wav", 200000)
    with pytest.raises(KeyboardInterrupt):
        model.enhance_to_file(path, tmp_path / "b.wav", on_block=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_name_that_is_no_text(pvsd, tmp_path):
    path = write(tmp_path / "a.wav")
    path = path.rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    code, printed, complaints = pvsd("enhance", path)
    assert (code, complaints) == (0, "")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_is_missing_is_not_looked_for_on_the_hub(
    pvsd, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav")
    (tmp_path / "models").mkdir()
    code, _, complaints = pvsd("enhance", "a.wav", model="models/mine")
    assert code == 2 and "models/mine does not exist" in complaints
