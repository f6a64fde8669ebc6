"""A full disk and odd names: one sentence each, and nothing half-written."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError, exit_on_error
from pvsd_modules.io.atomic import (
    folder_written_whole,
    remove_leftovers,
    write_text,
    written_whole,
)
from pvsd_modules.io.media import probe_audio
from pvsd_modules.io.sound_reading import sound_blocks
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.io.writing import write_media

posix = pytest.mark.skipif(os.name == "nt", reason="names and links of POSIX")


@pytest.fixture
def small_disk(tmp_path):
    """A folder with 100 kB of space; skipped where mounting is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a small disk")
    yield folder
    gc.collect()
    names = (os.path.realpath(one) for one in Path("/proc/self/fd").glob("*"))
    still_open = [name for name in names if name.startswith(f"{folder}/")]
    # What looks at all disks, as a browser does that starts, holds this one meanwhile.
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], capture_output=True).returncode == 0:
            break
        time.sleep(0.1)
    else:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    assert not still_open


def noise(blocks=40):
    generator = torch.Generator().manual_seed(0)
    for _ in range(blocks):
        yield torch.rand(1, 16000, generator=generator) - 0.5


@pytest.fixture
def source(tmp_path):
    soundfile.write(tmp_path / "a.wav", next(noise())[0].numpy(), 16000)
    return probe_audio(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "name", "a.wav a.flac a.mp3 a.ogg a.opus a.m4a a.aiff a.caf a.mka".split()
)
def test_a_full_disk_is_a_sentence_for_every_format(small_disk, source, name):
    with pytest.raises(PvsdError, match=f"{name} cannot be written: .*(space|full)"):
        write_media(source, {0: noise()}, small_disk / name)
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_is_a_sentence_for_videos_text_and_weights(small_disk):
    frames = torch.rand(50, 48, 96, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(PvsdError, match="no space is left"):
        write_lips([(frames, torch.zeros(1, 32000))], 16000, small_disk / "a.mp4")
    with pytest.raises(PvsdError, match="no space is left"):
        write_text(small_disk / "a.csv", "x" * 200_000)
    with pytest.raises(PvsdError, match="no space is left"):
        with folder_written_whole(small_disk / "model") as folder:
            torch.save(torch.zeros(100_000), folder / "denoiser.ckpt")
    assert list(small_disk.iterdir()) == []


@posix
def test_links_are_never_written_through(tmp_path, source):
    target, link = tmp_path / "precious.flac", tmp_path / "link.flac"
    target.write_text("precious")
    link.symlink_to(target)
    with pytest.raises(PvsdError, match="symbolic link to .*precious.flac"):
        write_media(source, {0: sound_blocks(source)}, link)
    with pytest.raises(PvsdError, match="symbolic link"):
        with folder_written_whole(link):
            pass
    assert target.read_text() == "precious" and link.is_symlink()


@posix
@pytest.mark.parametrize(
    "name, word",
    [
        ("x" * 252 + ".wav", "File name too long"),
        ("d/" * 3000 + "a.wav", "File name too long"),
        ("a\0b.wav", "is no file name"),
        ("loop.wav", "symbolic link"),
        ("dangling.wav", "symbolic link"),
        ("fifo.wav", "device or a pipe"),
        ("folder.wav", "is a folder"),
    ],
)
def test_names_that_cannot_be_read_or_written(tmp_path, source, name, word):
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "dangling.wav").symlink_to("nothing.wav")
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "fifo.wav")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PvsdError, match=word):
        probe_audio(tmp_path / name)
    with pytest.raises(PvsdError, match=word):
        write_media(source, {0: sound_blocks(source)}, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_a_script_ends_in_a_sentence_about_a_name(tmp_path, capsys):
    for name, word in (("x" * 300, "name too long"), ("a\0", "null character")):
        with pytest.raises(SystemExit, match="2"), exit_on_error():
            (tmp_path / name).write_text("")
        assert word in capsys.readouterr().err.lower()
    with pytest.raises(ZeroDivisionError), exit_on_error():
        1 / 0  # noqa: B018


@posix
@pytest.mark.parametrize(
    "name", ["x" * 251 + ".wav", "a:b.flac", "%03d.mka", "é\n.ogg"]
)
def test_names_that_can_be_written_are(tmp_path, source, name):
    write_media(source, {0: sound_blocks(source)}, tmp_path / name)
    assert probe_audio(tmp_path / name).samples == 16000


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
@pytest.mark.parametrize("suffix", [b".wav", b".flac", b".ogg", b".mka"])
def test_names_that_are_no_text(tmp_path, source, suffix):
    path = tmp_path / os.fsdecode(b"caf\xe9" + suffix)
    write_media(source, {0: sound_blocks(source)}, path)
    assert sum(block.shape[1] for block in sound_blocks(path)) == 16000


def test_what_exists_is_kept_unless_it_may_be_replaced(tmp_path, source):
    path = tmp_path / "b.flac"
    path.write_text("precious")
    with pytest.raises(PvsdError, match="exists"):
        write_media(source, {0: sound_blocks(source)}, path, replace=False)
    assert path.read_text() == "precious"
    write_media(source, {0: sound_blocks(source)}, path)
    assert probe_audio(path).samples == 16000


@posix
def test_what_killed_runs_left_is_removed(tmp_path):
    with written_whole(tmp_path / "a.wav") as own:
        dead = own.name.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-")
        (tmp_path / dead).touch()
        assert remove_leftovers(tmp_path) == 1
        assert own.exists() and not (tmp_path / dead).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_a_process_left_that_nobody_waited_for_is_removed(tmp_path):
    """PID 1 of a container may never ask for the processes that have ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # still a zombie
        with written_whole(tmp_path / "a.wav") as own:
            dead = own.name.replace(f"-{os.getpid()}-", f"-{process.pid}-")
            (tmp_path / dead).touch()
            assert remove_leftovers(tmp_path) == 1


def test_what_is_written_is_finite(tmp_path, source):
    block = torch.tensor([[float("nan"), float("inf"), 1e38, 0.5]])
    written = write_media(source, {0: [block]}, tmp_path / "b.wav")
    assert written.clipped == 1
    assert any("2 samples" in note for note in written.notes)
    assert soundfile.read(tmp_path / "b.wav")[0].tolist()[:2] == [0, 0]
