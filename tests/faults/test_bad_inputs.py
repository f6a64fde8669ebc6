"""Bad inputs of every command: a sentence, the right exit code, and nothing is lost.

A row is a command line, the exit code, and words that the message holds. {b} is a
folder of bad files, {m} one of model folders, {o} an empty folder for outputs.
"""

import io
import shlex
from pathlib import Path
from types import SimpleNamespace

import bad_files
import pytest

from pvsd_modules import cli

LONG = "x" * 300
PAIRS = "evaluate --clean {b}/several --noisy {b}/several"
SCORE = "--output {o}/s.csv --measures si_sdr --model {m}/good"
ROWS = [
    # No command, unknown ones, unknown options.
    ("", 2, "COMMAND"),
    ("nonsense", 2, "nonsense"),
    ("enhance", 2, "INPUT"),
    ("enhance {b}/good.wav --loud", 2, "--loud"),
    ("lips", 2, "INPUT"),
    ("convert", 2, "--student"),
    ("report", 2, "--scores"),
    ("evaluate", 2, "--clean"),
    ("info a b", 2, "b"),
    ("benchmark extra", 2, "extra"),
    # Files to enhance.
    *(
        (f"enhance {{b}}/{name} -o {{o}}/x.wav --model {{m}}/good", 2, name)
        for name in (
            *("gone.wav", "empty.wav", "text.wav", "page.mp3", "zeros.wav"),
            *("noise.mp3", "riff.wav", "rate0.wav", "channels0.wav", "bits0.wav"),
            *("codec.wav", "slow.wav", "rate999.wav", "none.wav", "mute.mp4"),
            *("broken.wav", "loop.wav", "cut.flac", "cut.mp4", "playlist.m3u8"),
            *("concat.ffconcat", "script.py", "notes.txt", "fast.wav"),
        )
    ),
    ("enhance {b}/bare -o {o} --model {m}/good", 2, "bare"),
    ("enhance {b}/several -o {o}/all --model {m}/good", 1, "bad.wav"),
    (f"enhance {{b}}/{LONG}.wav -o {{o}}/x.wav --model {{m}}/good", 2, "xxx"),
    ("enhance '' -o {o}/x.wav --model {m}/good", 2, ""),
    ("enhance {b}/good.wav {b}/gone.wav -o {o}/all --model {m}/good", 1, "gone.wav"),
    # Where to write.
    ("enhance {b}/good.wav -o {b}/good.wav --model {m}/good", 2, "good.wav"),
    ("enhance {b}/good.wav -o {b}/good.wav --overwrite --model {m}/good", 2, "good"),
    ("enhance {b}/good.wav -o {b}/other.wav --model {m}/good", 2, "other.wav exists"),
    ("enhance {b}/good.wav -o {o}/x.xyz --model {m}/good", 2, "x.xyz"),
    ("enhance {b}/good.wav -o {o}/x.mp4 --model {m}/good", 2, "picture"),
    ("enhance {b}/good.wav -o {b}/notes.txt/x.wav --model {m}/good", 2, "notes.txt"),
    ("enhance {b}/good.wav -o {b}/loop.wav/x.wav --model {m}/good", 2, "loop.wav"),
    (f"enhance {{b}}/good.wav -o {{o}}/{LONG}.wav --model {{m}}/good", 2, "xxx"),
    ("enhance {b}/good.wav {b}/other.wav -o {o}/x.wav --model {m}/good", 2, "x.wav"),
    (f"enhance {{b}}/{'y' * 243}.wav --model {{m}}/good", 2, "longer than 255 bytes"),
    ("enhance {b}/no* -o {o}/x --model {m}/good", 1, "noise.mp3"),
    ("enhance {b}/no*thing.wav -o {o}/x --model {m}/good", 2, "matches no file"),
    # Options.
    *(
        (f"enhance {{b}}/good.wav -o {{o}}/x.wav {option}", 2, word)
        for option, word in (
            ("--strength 1.5", "1.5"),
            ("--strength nan", "nan"),
            ("--strength loud", "loud"),
            ("--threads 0", "0"),
            ("--threads -1", "-1"),
            ("--threads 1.5", "1.5"),
            ("--threads 1000000", "1000000"),
            ("--device gpu --model {m}/good", "gpu"),
            ("--device cuda:99 --model {m}/good", "cuda:99"),
            ("--precision fp8", "fp8"),
            ("--track 0", "0 is not a whole number"),
            ("--track one", "one is not a whole number"),
            ("--track 2 --model {m}/good", "no audio track 2"),
            ("--format xyz", "xyz cannot be written: use"),
            ("--format ''", "cannot be written: use"),
            ("--format mp4 --model {m}/good", "x.wav does not end in .mp4"),
            ("--jobs 0", "0 is not a whole number"),
            ("--jobs many", "many is not a whole number"),
            ("--jobs 1000000", "1000000 is more than"),
            ("--report {b}/notes.txt", "notes.txt exists"),
            ("--report {b}/good.wav --overwrite", "good.wav is an input or output"),
            ("--report {b}/notes.txt/r.json --model {m}/good", "notes.txt"),
            ("--report {b}/bare --model {m}/good", "bare"),
        )
    ),
    # Samples without a header, and pipes.
    *(
        (f"enhance {{b}}/good.wav -o {{o}}/x.wav --model {{m}}/good {option}", 2, word)
        for option, word in (
            ("--raw s17le", "s17le is no format of raw samples"),
            ("--raw ''", "is no format of raw samples"),
            ("--raw s16le --rate 0", "0 is not a whole number"),
            ("--raw s16le --rate 7", "7"),
            ("--raw s16le --rate 48k", "48k is not a whole number"),
            ("--raw s16le --channels 0", "0 is not a whole number"),
            ("--raw s16le --channels 65", "1 to 64 channels"),
        )
    ),
    ("enhance - --model {m}/good", 2, "-o names the output"),
    ("enhance - {b}/good.wav -o {o}/x.wav --model {m}/good", 2, "one input"),
    ("enhance - -o {b}/notes.txt --model {m}/good", 2, "notes.txt exists"),
    *(
        (f"enhance - -o {{o}}/x.wav --model {{m}}/good --{option}", 2, "not pipes")
        for option in ("overlay", "format flac", "report {o}/r.json")
    ),
    ("enhance {b}/good.wav -o {o}/x.wav --overlay --model {m}/good", 2, "no video"),
    ("enhance {b}/good.wav -o {o}/x.wav --lips banana", 2, "banana"),
    ("evaluate --list /dev/null --output {o}/s.csv", 2, "pipe or device"),
    ("demo --port 99999", 2, "99999 is no port"),
    ("demo --model {m}/gone", 2, "gone"),
    ("demo --queue 0", 2, "0 is not a whole number"),
    ("enhance - -o {o}/x.wav --model {m}/good", 2, "Nothing came through the pipe"),
    # Streams.
    *(
        (f"stream {words}", 2, word)
        for words, word in (
            ("{b}/good.wav", "good.wav is not a pipe"),
            ("{b}/gone.wav", "gone.wav is not a pipe"),
            ("- -o {o}/x.wav", "x.wav is not a pipe"),
            ("- --chunk 0", "0 is not a whole number"),
            ("- --chunk 1.5", "1.5 is not a whole number"),
            ("- --seconds 0", "--seconds must be"),
            ("- --seconds nan", "--seconds must be"),
            ("- --seconds long", "long"),
            ("- --strength 2", "2 is not a number from 0 to 1"),
            ("- --raw s17le", "s17le is no format of raw samples"),
            ("- --raw s16le --rate 7 --model {m}/good", "7"),
            ("- --raw s16le --channels 65", "1 to 64 channels"),
            ("- --model {m}/gone", "gone"),
            ("- --model {m}/yaml_apply", "not allowed"),
            ("- --model {m}/good", "Nothing came through the pipe"),
        )
    ),
    # Models.
    *(
        (f"{command} --model {{m}}/{name}", 2, word)
        for command in (
            "enhance {b}/good.wav -o {o}/x.wav",
            "lips {b}/good.wav -o {o}/x.mp4",
        )
        for name, word in (
            ("gone", "gone"),
            ("file", "is a file"),
            ("bare", "hyperparams.yaml"),
            ("yaml_empty", "yaml_empty"),
            ("yaml_list", "yaml_list"),
            ("yaml_broken", "yaml_broken"),
            ("yaml_apply", "not allowed"),
            ("yaml_foreign", "subprocess.Popen is not allowed"),
            ("yaml_class", "NoSuchNetwork"),
            ("yaml_rate", "sample_rate"),
            ("yaml_window", "yaml_window"),
            ("yaml_modules", "modules"),
            ("weights_empty", "denoiser.ckpt is empty"),
            ("weights_text", "denoiser.ckpt is not a PyTorch checkpoint"),
            ("weights_page", "student.ckpt is a web page"),
            ("weights_cut", "student.ckpt is damaged"),
            ("weights_other", "does not fit the student"),
            ("weights_nan", "not finite"),
            ("weights_missing", "student.ckpt does not exist"),
            ("weights_folder", "student.ckpt is a folder"),
            ("weights_pipe", "student.ckpt is a pipe"),
        )
    ),
    ("enhance {b}/good.wav -o {o}/x.wav --model {m}/yaml_lips", 2, "banana"),
    ("enhance {b}/good.wav -o {o}/x.wav --model nonsense", 2, "no shipped model"),
    ("enhance {b}/good.wav -o {o}/x.wav --model ''", 2, ""),
    # Info.
    *(
        (f"info {{b}}/{name}", 2, name)
        for name in (
            *("gone.wav", "empty.wav", "text.wav", "bare", "loop.wav", "slow.wav"),
        )
    ),
    *(
        (f"info {{m}}/{name}", 2, word)
        for name, word in (
            ("yaml_apply", "not allowed"),
            ("yaml_broken", "yaml_broken"),
            ("weights_cut", "damaged"),
            ("weights_missing", "does not exist"),
            ("weights_pipe", "pipe"),
        )
    ),
    # Lips.
    ("lips {b}/gone.wav -o {o}/x.mp4 --model {m}/good", 2, "gone.wav"),
    ("lips {b}/text.wav -o {o}/x.mp4 --model {m}/good", 2, "text.wav"),
    ("lips {b}/mute.mp4 -o {o}/x.mp4 --model {m}/good", 2, "mute.mp4"),
    ("lips {b}/good.wav -o {o}/x.wav --model {m}/good", 2, "x.wav"),
    ("lips {b}/good.wav -o {b}/good.wav --model {m}/good", 2, "good.wav"),
    # Convert.
    *(
        (f"convert --student {{b}}/{name} --denoiser {{b}}/{name} "
         "--output_folder {o}/m", 2, name)
        for name in (
            *("gone.pth", "empty.wav", "text.wav", "bare", "loop.wav", "page.mp3"),
        )
    ),
    ("convert --student {m}/nan.ckpt --denoiser {m}/nan.ckpt --output_folder {o}/m",
     2, "none of the paper's networks"),
    ("convert --student {m}/nan.ckpt --denoiser {m}/nan.ckpt --output_folder {b}",
     2, "not empty"),
    ("convert --student {m}/nan.ckpt --denoiser {m}/nan.ckpt "
     "--output_folder {b}/notes.txt", 2, "notes.txt"),
    ("convert --student {m}/nan.ckpt --output_folder {o}/m", 2, "--denoiser"),
    # Evaluate.
    ("evaluate --noisy {b} --output {o}/s.csv", 2, "--clean"),
    ("evaluate --clean {b} --output {o}/s.csv", 2, "--noisy"),
    ("evaluate --clean {b}/several --noisy {b}/several", 2, "--output"),
    (f"evaluate --clean {{b}}/gone --noisy {{b}}/several {SCORE}", 2, "gone"),
    (f"evaluate --clean {{b}}/bare --noisy {{b}}/bare {SCORE}", 2, "bare"),
    (f"{PAIRS} {SCORE}", 1, "bad"),
    ("evaluate --clean {b}/several --noisy {b}/several --output {o}/s.csv "
     "--measures nonsense", 2, "nonsense"),
    (f"{PAIRS} {SCORE} --lips x", 2, "x"),
    (f"{PAIRS} {SCORE} --engine x", 2, "x"),
    (f"{PAIRS} {SCORE} --device x", 2, "x"),
    (f"{PAIRS} {SCORE} --workers 0", 2, "0"),
    (f"{PAIRS} {SCORE} --workers 1000000", 2, "1000000"),
    (f"{PAIRS} {SCORE} --items -1", 2, "-1"),
    (f"{PAIRS} {SCORE} --snrs nan",
     2, "nan"),
    (f"{PAIRS} {SCORE} --lips teacher",
     2, "teacher"),
    *(
        (f"evaluate --list {{b}}/{name} --data_root {{b}} {SCORE}", 2, name)
        for name in (
            *("list_empty.json", "list_cut.json", "list_array.json"),
            *("list_number.json", "list_none.json", "list_items.json"),
            *("list_words.json", "list_gone.json", "list_nan.json"),
            *("list_negative.json", "list_outside.json", "binary.json", "gone.json"),
        )
    ),
    *(
        (f"{PAIRS} {SCORE} "
         f"--conditions {{b}}/{name}", 2, name)
        for name in (
            *("conditions_empty.csv", "conditions_columns.csv", "conditions_snr.csv"),
            *("binary.csv", "gone.csv"),
        )
    ),
    (f"{PAIRS} {SCORE} --asr {{b}}/bare "
     "--transcripts {b}/transcripts.csv --trust", 2, "transcripts.csv"),
    (f"{PAIRS} {SCORE} --asr {{b}}/bare "
     "--transcripts {b}/transcripts.json --trust", 2, "transcripts.json"),
    (f"{PAIRS} {SCORE} --asr {{b}}/bare "
     "--transcripts {b}/transcripts.csv", 2, "--trust"),
    (f"{PAIRS} {SCORE} "
     "--dnsmos {b}/gone.onnx", 2, "gone.onnx"),
    ("evaluate --clean {b}/several --enhanced {b}/several --model {m}/good "
     "--output {o}/s.csv", 2, "one system"),
    *(
        (f"evaluate --compare {{b}}/{name} {{b}}/scores_good.csv", 2, word)
        for name, word in (
            ("gone.csv", "gone.csv"),
            ("scores_empty.csv", "scores_empty.csv"),
            ("scores_columns.csv", "scores_columns.csv"),
            ("scores_words.csv", "scores_words.csv"),
            ("scores_other.csv", "measure"),
            ("binary.csv", "binary.csv"),
        )
    ),
    ("evaluate --compare {b}/scores_good.csv {b}/scores_good.csv "
     "--output {b}/notes.txt", 2, "notes.txt"),
    # Reports.
    ("report --scores {b}/scores_good.csv -o {o}/r.html", 2, "NAME=PATH"),
    ("report --scores a={b}/scores_good.csv -o {o}/r.txt", 2, "r.txt"),
    ("report --scores a={b}/scores_good.csv a={b}/scores_good.csv -o {o}/r.html",
     2, "twice"),
    *(
        (f"report --scores a={{b}}/{name} -o {{o}}/r.html", 2, name)
        for name in (
            *("gone.csv", "scores_empty.csv", "scores_columns.csv", "binary.csv"),
            "scores_words.csv",
        )
    ),
    ("report --scores a={b}/scores_good.csv -o {o}/r.html --lips {b}/text.wav",
     2, "text.wav"),
    ("report --scores a={b}/scores_good.csv -o {o}/r.html --curves {b}/log.txt",
     2, "log.txt"),
    ("report --scores a={b}/scores_good.csv -o {o}/r.html --examples e={b}/bare",
     2, "bare"),
    # Benchmarks.
    ("benchmark --model {m}/gone", 2, "gone"),
    ("benchmark --model {m}/yaml_apply", 2, "not allowed"),
    ("benchmark --model {m}/yaml_foreign --parts size", 2, "not allowed"),
    ("benchmark --model {m}/weights_cut --parts size", 2, "damaged"),
    ("benchmark --model ''", 2, "holds no hyperparams.yaml"),
    ("benchmark --parts nonsense", 2, "nonsense"),
    ("benchmark --durations 1e9", 2, "--durations"),
    ("benchmark --memory_precision fp8", 2, "fp8"),
    ("benchmark --output {b}/bare --quick", 2, "bare"),
    ("benchmark --output {b}/notes.txt/x.json --quick", 2, "notes.txt"),
    ("benchmark --durations 0", 2, "--durations"),
    ("benchmark --durations nan", 2, "--durations"),
    ("benchmark --output {b}/notes.txt", 2, "notes.txt exists"),
]  # fmt: skip


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    return bad_files.write_all(tmp_path_factory.mktemp("bad"))


def contents(folder: Path) -> dict:
    return {
        str(path.relative_to(folder)): (stat.st_size, stat.st_mtime_ns)
        for path in folder.rglob("*")
        for stat in [path.lstat()]
        if not path.is_dir()
    }


def test_there_are_enough():
    assert len(ROWS) >= 120 and len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line, code, words", ROWS, ids=range(len(ROWS)))
def test_a_bad_input_is_a_sentence(
    line, code, words, bad, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO()))
    before = contents(bad)
    command = line.format(b=bad, m=bad / "models", o=tmp_path)
    try:
        found = cli.main(shlex.split(command))
    except SystemExit as exit_:  # of argparse
        found = exit_.code
    complaint = capfd.readouterr().err
    assert found == code, complaint
    assert words in complaint and "Traceback" not in complaint
    sentences = [x for x in complaint.splitlines() if x.startswith("pvsd")]
    assert sentences and len(sentences) <= 4, complaint
    assert all(len(sentence) < 1200 for sentence in sentences)
    assert contents(bad) == before
    if code == 2:
        assert not contents(tmp_path), "something was written"
    assert not [name for name in contents(tmp_path) if ".pvsd" in name]
