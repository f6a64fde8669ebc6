"""Sound and pictures of any container lie on one clock, read and written."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io.media import has_variable_rate, probe
from pvsd_modules.io.sound_reading import read_audio, sound_blocks
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.io.writing import write_media

RATE = 16000
FLASH = 1.0  # seconds: one white frame, and the beginning of a chirp


def chirp(rate, length=0.2):
    t = np.arange(round(length * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (300 * t + 4000 * t**2))).astype(np.float32)


def sound_with_chirp(seconds=2.0, rate=RATE, channels=1):
    wave = np.zeros((channels, round(seconds * rate)), np.float32)
    begin = round(FLASH * rate)
    wave[:, begin : begin + round(0.2 * rate)] = chirp(rate)
    return wave


def make(path, picture, sound, times=None, audio_offset=0.0, rate=RATE, channels=1):
    """A video with a flash at 1 s and a chirp at 1 s (+ the offset)."""
    times = np.arange(50) / 25 if times is None else times
    wave = sound_with_chirp(rate=rate, channels=channels)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w") as target:
        pictures = target.add_stream(picture, rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        pictures.codec_context.time_base = Fraction(1, 1000)
        if picture == "libx264":
            pictures.options = {"bf": "2"}
        if picture == "mpeg2video":
            pictures.codec_context.time_base = Fraction(1, 25)
        track = target.add_stream(sound, rate=rate, layout=layout)
        for time in times:
            light = 255 if FLASH - 1e-6 <= time < FLASH + 0.04 - 1e-6 else 20
            frame = av.VideoFrame.from_ndarray(
                np.full((48, 64, 3), light, np.uint8), "rgb24"
            )
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            target.mux(pictures.encode(frame))
        for begin in range(0, wave.shape[1], 1000):
            part = np.ascontiguousarray(wave[:, begin : begin + 1000])
            frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = begin + round(audio_offset * rate)
            target.mux(track.encode(frame))
        target.mux(pictures.encode(None))
        target.mux(track.encode(None))
    return path


def measured(path):
    """By the decoder's own stamps: seconds from the flash to the chirp's start."""
    with av.open(str(path)) as source:
        flash = [
            float(frame.pts * frame.time_base)
            for frame in source.decode(video=0)
            if frame.to_ndarray(format="gray").mean() > 150
        ]
    pieces, first = [], None
    with av.open(str(path)) as source:
        convert = av.AudioResampler(format="flt")
        for raw in source.decode(audio=0):
            first = float(raw.pts * raw.time_base) if first is None else first
            channels = raw.layout.nb_channels
            pieces += [one.to_ndarray()[0, ::channels] for one in convert.resample(raw)]
            rate = raw.sample_rate
    found = np.correlate(np.concatenate(pieces), chirp(rate), "valid").argmax()
    assert len(flash) == 1
    return first + found / rate - flash[0]


def write_with_sound(source, audio, rate, output):
    """New sound of any rate and number of channels in place of the old."""
    info = probe(source)
    blocks = [audio] if isinstance(audio, np.ndarray) else audio
    if isinstance(audio, np.ndarray):
        track = replace(info.audio, sample_rate=rate, channels=len(audio), layout="")
        info = replace(info, tracks=(track,))
    return write_media(info, {0: blocks}, output)


def packets(path):
    with av.open(str(path)) as source:
        return [bytes(p) for p in source.demux(video=0) if p.size]


KINDS = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "avi": ("mpeg4", "pcm_s16le"),
    "mpg": ("mpeg2video", "mp2"),
}


# AVI has no time stamps that could hold an offset.
@pytest.mark.parametrize(
    ("suffix", "offset"),
    [(suffix, 0.0) for suffix in KINDS] + [(s, 0.3) for s in ("mp4", "mkv", "mpg")],
)
def test_new_sound_stays_in_sync_and_pictures_untouched(tmp_path, suffix, offset):
    source = make(tmp_path / f"in.{suffix}", *KINDS[suffix], audio_offset=offset)
    output = tmp_path / f"out.{suffix}"
    rate = probe(source).sample_rate
    write_with_sound(source, sound_blocks(source), rate, output)
    assert packets(output) == packets(source)
    assert measured(output) == pytest.approx(measured(source), abs=1e-3)
    assert measured(source) == pytest.approx(offset, abs=2e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == [source.name, output.name]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mpg"])
def test_read_frames_and_sound_share_a_clock(tmp_path, suffix):
    path = make(tmp_path / f"in.{suffix}", *KINDS[suffix], audio_offset=0.2)
    samples, rate = read_audio(path, start=probe(path).video.start)
    chirped = np.correlate(samples[0], chirp(rate), "valid").argmax() / rate
    bright = [k for k, frame in enumerate(read_frames(path)) if frame.mean() > 150]
    assert bright == [25]
    assert chirped == pytest.approx(1.2, abs=2e-3)


def test_sound_before_the_pictures_is_cut_and_kept(tmp_path):
    path = make(
        tmp_path / "in.mkv", "libx264", "pcm_s16le", times=np.arange(25, 50) / 25
    )
    whole, rate = read_audio(path)
    cut, _ = read_audio(path, start=probe(path).video.start)
    assert probe(path).start == 0.0
    assert whole.shape == (1, 2 * rate)
    np.testing.assert_array_equal(cut, whole[:, rate:])


def test_blocks_join_to_the_whole(tmp_path):
    path = make(tmp_path / "in.mkv", "libx264", "aac", channels=2)
    blocks = list(sound_blocks(path, block=777))
    whole, _ = read_audio(path)
    assert {block.shape[1] for block in blocks[:-1]} == {777}
    assert all(block.dtype == torch.float32 for block in blocks)
    np.testing.assert_array_equal(torch.cat(blocks, dim=1), whole)


def test_probe_tells_streams_and_sizes(tmp_path):
    info = probe(make(tmp_path / "in.mp4", "libx264", "aac", channels=6, rate=48000))
    assert (info.has_video, info.has_audio) == (True, True)
    assert (info.video.width, info.video.height, info.video.fps) == (64, 48, 25)
    assert (info.sample_rate, info.channels) == (48000, 6)
    assert info.duration == pytest.approx(2.0, abs=0.05)


def test_variable_rate_is_resampled_by_time_stamps(tmp_path):
    # One second at 10 frames a second, then one at 40.
    times = np.concatenate([np.arange(10) / 10, 1 + np.arange(40) / 40])
    path = make(tmp_path / "in.mkv", "libx264", "aac", times=times)
    assert has_variable_rate(path)
    light = [frame.mean() > 150 for frame in read_frames(path)]
    assert len(light) == pytest.approx(50, abs=1)
    # The flash lasts from 1.000 to 1.050 s: only frame 25 has its middle there.
    assert np.flatnonzero(light).tolist() == [25]
    assert not has_variable_rate(make(tmp_path / "even.mkv", "libx264", "aac"))


def test_a_stamp_after_hours_makes_no_million_frames(tmp_path):
    times = np.array([0, 0.04, 36000])
    path = make(tmp_path / "in.mkv", "libx264", "aac", times=times)
    frames = read_frames(path)
    with pytest.raises(PvsdError, match="in.mkv is damaged: .* jump by 10 hours"):
        for _ in range(100):
            next(frames)
    times[-1] = 8
    path = make(tmp_path / "held.mkv", "libx264", "aac", times=times)
    assert sum(1 for _ in read_frames(path)) == pytest.approx(201, abs=1)


def test_rotated_pictures_stand_upright(tmp_path):
    path = make(tmp_path / "in.mp4", "libx264", "aac")
    data = path.read_bytes()
    upright = b"".join(n.to_bytes(4, "big") for n in (65536, 0, 0, 0, 65536))
    turned = b"".join((n % 2**32).to_bytes(4, "big") for n in (0, 65536, 0, -65536, 0))
    begin = data.index(upright, data.index(b"tkhd"))
    path.write_bytes(data[:begin] + turned + data[begin + len(turned) :])
    assert next(read_frames(path)).shape == (64, 48, 3)
    output = tmp_path / "out.mp4"
    write_with_sound(path, sound_with_chirp(), RATE, output)
    assert probe(output).video.rotation == probe(path).video.rotation != 0


def test_odd_rates_and_many_channels(tmp_path):
    source = make(tmp_path / "in.mkv", "libx264", "pcm_s16le")
    output = tmp_path / "out.mp4"
    for rate, channels in [(11000, 1), (16000, 3), (48000, 8), (192000, 2)]:
        sound = sound_with_chirp(rate=rate, channels=channels)
        write_with_sound(source, sound, rate, output)
        assert probe(output).channels == channels
        assert measured(output) == pytest.approx(0, abs=2e-3)
    with pytest.raises(PvsdError, match="9 channels"):
        write_with_sound(source, np.zeros((9, 100)), RATE, output)
    assert probe(output).channels == 2  # the last good file is still there


def test_longer_and_shorter_sound_keep_all_pictures(tmp_path):
    source = make(tmp_path / "in.mp4", "libx264", "aac")
    for seconds in (0.0, 0.5, 4.0):
        output = tmp_path / "out.mkv"
        write_with_sound(source, np.zeros((1, int(seconds * RATE))), RATE, output)
        assert len(packets(output)) == 50


def test_a_codec_that_does_not_fit_is_a_sentence(tmp_path):
    source = make(tmp_path / "in.mp4", "libx264", "aac")
    for suffix in (".mpg", ".avi", ".webm"):
        with pytest.raises(PvsdError, match="h264.*in .mkv"):
            write_with_sound(source, sound_with_chirp(), RATE, tmp_path / f"o{suffix}")
    with pytest.raises(PvsdError, match="no suffix that can be written"):
        write_with_sound(source, sound_with_chirp(), RATE, tmp_path / "o.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_a_source_of_sound_that_fails_is_not_taken_for_the_disk(tmp_path):
    source = make(tmp_path / "in.mp4", "libx264", "aac")

    def broken():
        yield sound_with_chirp()[:, :1000]
        raise ValueError("the network")

    with pytest.raises(ValueError, match="the network"):
        write_with_sound(source, broken(), RATE, tmp_path / "out.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_subtitles_are_taken_along(tmp_path):
    text = "1\n00:00:00,500 --> 00:00:01,500\nhello\n"
    (tmp_path / "s.srt").write_text(text)
    plain, source = make(tmp_path / "p.mkv", "libx264", "aac"), tmp_path / "in.mkv"
    with (
        av.open(str(plain)) as a,
        av.open(str(plain)) as c,
        av.open(str(tmp_path / "s.srt")) as b,
        av.open(str(source), "w") as target,
    ):
        copies = [
            (one, target.add_stream_from_template(one))
            for one in (a.streams.video[0], c.streams.audio[0], b.streams.subtitles[0])
        ]
        for old, new in copies:
            for packet in old.container.demux(old):
                if packet.dts is not None or packet.size:
                    packet.stream = new
                    target.mux(packet)
    output = tmp_path / "out.mkv"
    write_with_sound(source, sound_with_chirp(), RATE, output)
    with av.open(str(output)) as made:
        words = [bytes(p) for p in made.demux(subtitles=0) if p.size]
    assert words == [b"hello"]


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_no_media_is_a_sentence(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(PvsdError, match="a.mp4"):
        probe(path)
    with pytest.raises(PvsdError, match="a.mp4"):
        list(read_frames(path))


def test_missing_streams_are_sentences(tmp_path):
    write_lips([(np.zeros((5, 8, 8, 3)), np.zeros((1, 0)))], RATE, tmp_path / "v.mkv")
    with pytest.raises(PvsdError, match="no sound"):
        read_audio(tmp_path / "v.mkv")
    sound = make(tmp_path / "in.mp4", "libx264", "aac")
    write_with_sound(sound, sound_with_chirp(), RATE, tmp_path / "a.m4a")
    assert not probe(tmp_path / "a.m4a").has_video
    with pytest.raises(PvsdError, match="no video"):
        list(read_frames(tmp_path / "a.m4a"))
    with pytest.raises(PvsdError, match="does not exist"):
        probe(tmp_path / "none.mp4")


def test_a_cut_short_file_does_not_crash(tmp_path):
    path = make(tmp_path / "in.mkv", "libx264", "aac")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert 10 < len(list(read_frames(path))) < 50
    assert 0.3 * RATE < read_audio(path)[0].shape[1] < 2 * RATE


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "mpg", "webm"])
def test_lips_become_a_video_with_sound(tmp_path, suffix):
    path, rng = tmp_path / f"lips.{suffix}", np.random.default_rng(0)
    shade = rng.uniform(0.1, 0.9, 50).astype(np.float32)
    frames = np.broadcast_to(shade[:, None, None, None], (50, 48, 96, 3))
    wave = sound_with_chirp()[0]
    chunks = [
        (frames[i : i + 10], wave[640 * i : 640 * (i + 10)]) for i in range(0, 50, 10)
    ]
    chunks.insert(0, (frames[:0], wave[:0]))
    write_lips(chunks, RATE, path)
    seen = np.array([frame.mean() / 255 for frame in read_frames(path)])
    assert (probe(path).video.width, probe(path).video.height) == (384, 192)
    assert len(seen) == 50
    np.testing.assert_allclose(seen, shade, atol=0.03)
    samples, rate = read_audio(path, start=probe(path).video.start)
    found = np.correlate(samples[0], chirp(rate), "valid").argmax() / rate
    assert found == pytest.approx(FLASH, abs=2e-3)


def test_no_frames_leave_no_file(tmp_path):
    with pytest.raises(PvsdError, match="no frames"):
        write_lips([], RATE, tmp_path / "lips.mp4")
    assert list(tmp_path.iterdir()) == []
