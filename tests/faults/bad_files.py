"""Files that users give by mistake, and files that mean harm; all made here."""

import json
import os
import struct
from pathlib import Path

import av
import numpy as np
import soundfile
import tiny_networks
import torch

RATE = 16000


def wav_header(rate=RATE, channels=1, bits=16, form=1, size=0xFFFFFFF0) -> bytes:
    """A header as large or odd as wanted, without sound behind it."""
    block = channels * bits // 8
    fields = (form, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    head = b"fmt " + struct.pack("<IHHIIHH", 16, *fields)
    return b"RIFF\xff\xff\xff\xffWAVE" + head + b"data" + struct.pack("<I", size)


def write_sounds(folder: Path) -> None:
    """Sound files of many kinds of oddness."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.3, 0.3, 8000)
    soundfile.write(folder / "good.wav", noise, RATE)
    soundfile.write(folder / "other.wav", noise[::-1], RATE)
    for name, rate in (("slow.wav", 7), ("rate999.wav", 999)):
        soundfile.write(folder / name, noise[:200], rate)
    soundfile.write(folder / "none.wav", noise[:0], RATE)
    texts = {
        "empty.wav": b"",
        "text.wav": b"this is no sound\n" * 50,
        "page.mp3": b"<!DOCTYPE html><html>404</html>",
        "zeros.wav": bytes(4096),
        "noise.mp3": rng.bytes(4096),
        "riff.wav": b"RIFF",
        "rate0.wav": wav_header(rate=0) + bytes(100),
        "channels0.wav": wav_header(channels=0) + bytes(100),
        "bits0.wav": wav_header(bits=0) + bytes(100),
        "fast.wav": wav_header(rate=3_000_000_000) + bytes(100),
        "codec.wav": wav_header(form=0x7777) + bytes(100),
        "playlist.m3u8": b"#EXTM3U\nfile:///etc/hostname\n",
        "concat.ffconcat": b"ffconcat version 1.0\nfile /etc/hostname\n",
        "cut.flac": b"fLaC",
        "cut.mp4": b"\x00\x00\x00\x20ftypisom",
        "script.py": b"print(1)\n",
        "notes.txt": b"notes\n",
    }
    for name, content in texts.items():
        (folder / name).write_bytes(content)
    with av.open(str(folder / "mute.mp4"), "w") as target:
        video = target.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            target.mux(video.encode(frame.reformat(format="yuv420p")))
        target.mux(video.encode(None))
    (folder / "folder.wav").mkdir()
    (folder / "bare").mkdir()
    (folder / "broken.wav").symlink_to("nowhere.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "several").mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / "several" / name, noise, RATE)
    (folder / "several" / "bad.wav").write_bytes(b"no sound")


def write_tables(folder: Path) -> None:
    """Lists, tables of conditions and scores, transcripts."""
    tables = {
        "list_empty.json": "",
        "list_cut.json": '{"a": {"clean": ',
        "list_array.json": "[1, 2]",
        "list_number.json": "3",
        "list_none.json": "{}",
        "list_items.json": '{"a": [1]}',
        "list_words.json": json.dumps({"a": {"clean": 3, "noisy": 4}}),
        "list_gone.json": json.dumps({"a": {"clean": "x.wav", "noisy": "y.wav"}}),
        "list_nan.json": (
            '{"a": {"clean": "{data_root}/good.wav", "noise": "{data_root}/other.wav",'
            ' "samples": 8000, "snr": NaN}}'
        ),
        "list_negative.json": (
            '{"a": {"clean": "{data_root}/good.wav", "noise": "{data_root}/other.wav",'
            ' "samples": -8000, "snr": 0}}'
        ),
        "list_outside.json": json.dumps(
            {"a": {"clean": "/etc/hostname", "noisy": "/etc/hostname"}}
        ),
        "conditions_empty.csv": "",
        "conditions_columns.csv": "a,b\n1,2\n",
        "conditions_snr.csv": "file,snr\na,loud\n",
        "scores_empty.csv": "",
        "scores_columns.csv": "a,b\n1,2\n",
        "scores_words.csv": "file,si_sdr\na,good\n",
        "scores_good.csv": "file,si_sdr\na,1.0\nb,2.0\n",
        "scores_other.csv": "file,stoi\na,0.5\n",
        "transcripts.csv": "a,b\n1,2\n",
        "transcripts.json": "[1]",
        "log.txt": "nothing of an epoch\n",
    }
    for name, text in tables.items():
        (folder / name).write_text(text)
    (folder / "binary.csv").write_bytes(b"file,snr\n\xff\xfe\x00\x01,1\n")
    (folder / "binary.json").write_bytes(b"\x00\xff\xfe")


def write_models(folder: Path) -> None:
    """Model folders and checkpoints with something wrong."""
    folder.mkdir()
    good = tiny_networks.make_folder(folder / "good", "IdentityDenoiser")
    text = (good / "hyperparams.yaml").read_text()

    def model(name, settings=text, **weights):
        made = tiny_networks.make_folder(folder / name, "IdentityDenoiser")
        (made / "hyperparams.yaml").write_text(settings)
        for file, content in weights.items():
            (made / f"{file}.ckpt").write_bytes(content)
        return made

    model("yaml_empty", "")
    model("yaml_list", "[1, 2]")
    model("yaml_broken", "a: [1")
    model("yaml_apply", text + "x: !apply:os.mkdir [/nowhere/trace]\n")
    model("yaml_foreign", text + "x: !new:subprocess.Popen [[true]]\n")
    model("yaml_class", text.replace("TinyStudent", "NoSuchNetwork"))
    model("yaml_rate", text.replace("16000", "8000", 1))
    model("yaml_lips", text.replace("lips: student", "lips: banana"))
    model("yaml_window", text.replace("window: 16000", "window: wide"))
    model("yaml_modules", text.replace("modules:", "parts:"))
    model("weights_empty", denoiser=b"")
    model("weights_text", denoiser=b"no weights")
    model("weights_page", student=b"<html></html>")
    whole = (good / "student.ckpt").read_bytes()
    model("weights_cut", student=whole[: len(whole) // 2])
    torch.save({"weight": torch.zeros(7)}, folder / "other.ckpt")
    model("weights_other", student=(folder / "other.ckpt").read_bytes())
    torch.save({"unused": torch.full((1,), torch.nan)}, folder / "nan.ckpt")
    model("weights_nan", denoiser=(folder / "nan.ckpt").read_bytes())
    (model("weights_missing") / "student.ckpt").unlink()
    (model("weights_folder") / "student.ckpt").unlink()
    (folder / "weights_folder" / "student.ckpt").mkdir()
    (folder / "bare").mkdir()
    (folder / "file").write_text("no folder")
    if hasattr(os, "mkfifo"):
        (model("weights_pipe") / "student.ckpt").unlink()
        os.mkfifo(folder / "weights_pipe" / "student.ckpt")


def write_all(folder: Path) -> Path:
    """Everything above."""
    write_sounds(folder)
    write_tables(folder)
    write_models(folder / "models")
    return folder
