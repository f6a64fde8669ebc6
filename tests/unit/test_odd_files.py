"""Files of all kinds keep what they hold: each kind of loss has its test."""

import struct
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile
import torch

from pvsd_modules.errors import PvsdError
from pvsd_modules.io import wav as wav_module
from pvsd_modules.io.containers import CONTAINERS, nearest_output
from pvsd_modules.io.encoding import encoding_of
from pvsd_modules.io.media import AudioTrack, MediaInfo, probe_audio
from pvsd_modules.io.sound_reading import read_audio, sound_blocks
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.io.wav import WavLayout, WavWriter
from pvsd_modules.io.writing import write_media

RATE = 48000


def tones(channels=1, seconds=0.5, rate=RATE):
    """A tone of its own in each channel, float32."""
    time = np.arange(round(seconds * rate)) / rate
    rows = [0.3 * np.sin(2 * np.pi * (200 + 130 * k) * time) for k in range(channels)]
    return np.stack(rows).astype(np.float32)


def order(samples, rate=RATE):
    """Which of `tones` is in each channel, None where there is hardly any sound."""
    found = []
    for channel in np.asarray(samples):
        spectrum = np.abs(np.fft.rfft(channel[4000:12192] * np.hanning(8192)))
        peak = round((spectrum.argmax() * rate / 8192 - 200) / 130)
        found.append(peak if channel.std() > 0.01 else None)
    return found


def wav(path, samples, codec="pcm_s16le", layout="", chunks=(), rate=RATE):
    with path.open("wb") as file:
        writer = WavWriter(file, codec, rate, len(samples), layout, chunks)
        writer.add(samples)
        writer.close()
    return path


def rewritten(source, output):
    """The file with its own sound, and what was noted."""
    info = probe_audio(source)
    sound = {k: sound_blocks(info.select(k + 1)) for k in range(len(info.tracks))}
    notes = write_media(info, sound, output).notes
    return probe_audio(output), [*info.notes, *notes]


def video(path, codec="aac", samples=None, **streams):
    """Half a second of pictures with sound of a codec, written by our own hands."""
    samples = tones() if samples is None else samples
    base = path.with_name("base.mkv")
    write_lips([(np.zeros((13, 16, 16, 3)), np.zeros((1, 0)))], RATE, base)
    with av.open(str(base)) as origin, av.open(str(path), "w") as target:
        copy = target.add_stream_from_template(origin.streams.video[0])
        sounds = [target.add_stream(codec, rate=RATE, layout="mono") for _ in range(2)]
        for stream, language in zip(sounds, ("eng", "fra"), strict=True):
            stream.metadata["language"] = language
        for packet in origin.demux(origin.streams.video[0]):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
        for k, stream in enumerate(sounds):
            frame = av.AudioFrame.from_ndarray(
                (samples * (k + 1) / 2).reshape(1, -1), "flt", "mono"
            )
            frame.sample_rate = RATE
            target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    return path


# --- all of the sound -------------------------------------------------------------


def test_joined_files_are_read_to_the_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", tones()[0], RATE)
    for name in ("a.flac", "a.ogg", "a.opus", "a.mp3", "a.aac"):
        part, both = tmp_path / name, tmp_path / f"joined_{name}"
        rewritten(tmp_path / "a.wav", part)
        both.write_bytes(part.read_bytes() * 2)
        single, rate = read_audio(part)
        joined, _ = read_audio(both)
        assert abs(joined.shape[1] - 2 * single.shape[1]) < 0.05 * rate, name
        if name in ("a.flac", "a.ogg", "a.opus"):
            assert joined.shape[1] == 2 * single.shape[1]
            assert torch.allclose(joined[:, single.shape[1] :], single, atol=1e-3)


def test_chained_ogg_may_change_rate_channels_and_codec(tmp_path):
    wav(tmp_path / "mono.wav", tones())
    wav(tmp_path / "stereo.wav", tones(2, rate=24000), rate=24000)
    rewritten(tmp_path / "mono.wav", tmp_path / "a.ogg")
    rewritten(tmp_path / "stereo.wav", tmp_path / "b.ogg")
    rewritten(tmp_path / "mono.wav", tmp_path / "c.opus")
    names = ("a.ogg", "b.ogg", "c.opus")
    data = b"".join((tmp_path / name).read_bytes() for name in names)
    (tmp_path / "chained.ogg").write_bytes(data)
    samples, rate = read_audio(tmp_path / "chained.ogg")
    assert samples.shape == (1, 3 * RATE // 2) and rate == RATE
    assert samples[0, RATE // 2 :].std() > 0.1


def test_joined_transport_streams_stay_in_sync(tmp_path):
    info, _ = rewritten(video(tmp_path / "a.mkv"), tmp_path / "a.ts")
    (tmp_path / "b.ts").write_bytes((tmp_path / "a.ts").read_bytes() * 3)
    single, joined = (read_audio(tmp_path / name)[0] for name in ("a.ts", "b.ts"))
    assert joined.shape[1] > 2.9 * single.shape[1]
    _, notes = rewritten(tmp_path / "b.ts", tmp_path / "c.ts")
    assert notes == []
    with av.open(str(tmp_path / "c.ts")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 39


@pytest.mark.parametrize(
    "kind, mark, before, size",
    [
        ("WAV", b"data", 4, b"\0\0\0\0"),
        ("WAV", b"data", 4, b"\xff\xff\xff\xff"),
        ("WAV", b"data", 4, b"\x00\xf0\xff\x7f"),
        ("RF64", b"ds64", 8, b"\0" * 24),
        ("W64", b"data", 16, b"\0" * 8),
        ("AU", b".snd", 8, b"\xff\xff\xff\xff"),
        ("CAF", b"data", 4, b"\xff" * 8),
    ],
)
def test_unfinished_headers_are_read_to_the_end(tmp_path, kind, mark, before, size):
    path = tmp_path / "a.bin"
    soundfile.write(path, tones()[0], RATE, "PCM_16", format=kind)
    data = bytearray(path.read_bytes())
    place = data.index(mark) + before
    data[place : place + len(size)] = size
    path.write_bytes(data)
    samples, _ = read_audio(path)
    assert np.allclose(samples[0], tones()[0], atol=1e-4)


@pytest.mark.parametrize(
    "name", "a.wav a.flac a.mp3 a.ogg a.opus a.aiff a.caf a.w64 a.mka a.mp4".split()
)
def test_cut_files_are_read_with_a_note(tmp_path, name):
    whole = tmp_path / name
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 4 * RATE))
    wav(tmp_path / "source.wav", noise.astype(np.float32))
    if name == "a.mp4":  # with its index in front
        rewritten(video(tmp_path / "v.mkv"), whole)
    else:
        rewritten(tmp_path / "source.wav", whole)
    assert probe_audio(whole).notes == []
    data, cut = whole.read_bytes(), tmp_path / f"cut_{name}"
    cut.write_bytes(data[: len(data) * 7 // 10])
    info, notes = rewritten(cut, tmp_path / f"again_{name}")
    assert any("cut short" in note for note in notes)
    assert 0.2 < info.duration / probe_audio(whole).duration < 0.98


# --- channels ---------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["5.0", "5.1", "5.1(side)", "6.1", "7.1", "quad"])
def test_channels_keep_their_places(tmp_path, layout):
    channels = av.AudioLayout(layout).nb_channels
    source = wav(tmp_path / "a.wav", tones(channels), layout=layout)
    low = layout in ("5.1", "7.1", "5.1(side)")  # codecs may cut the bass channel off
    for name in "wav flac opus ogg m4a aiff caf w64 wv mka".split():
        info, _ = rewritten(source, tmp_path / f"b.{name}")
        found = order(read_audio(info)[0])
        wanted = list(range(channels))
        if low and name in ("ogg", "m4a", "opus"):
            found[3] = wanted[3]
        assert found == wanted, name
    assert probe_audio(tmp_path / "b.wav").audio.layout == layout
    assert probe_audio(tmp_path / "b.flac").audio.layout == layout


def test_the_order_of_vorbis_is_that_of_the_standard(tmp_path):
    """libsndfile gives the channels as they are stored."""
    source = wav(tmp_path / "a.wav", tones(5), layout="5.0")
    for name in ("b.ogg", "b.opus"):
        rewritten(source, tmp_path / name)
        stored = soundfile.read(tmp_path / name)[0].T
        assert order(stored) == [0, 2, 1, 3, 4]


def test_masks_of_stereo_and_odd_layouts_survive(tmp_path):
    for layout, mask in [("stereo", 3), ("3 channels (FL+FC+LFE)", 13), ("7.1", 0x63F)]:
        channels = av.AudioLayout(layout).nb_channels
        wav(tmp_path / "a.wav", tones(channels), layout=layout)
        rewritten(tmp_path / "a.wav", tmp_path / "b.wav")
        data = (tmp_path / "b.wav").read_bytes()
        place = data.index(b"fmt ")
        tag, found = struct.unpack("<H18xI", data[place + 8 : place + 32])
        assert (tag, found) == (0xFFFE, mask)
    info, _ = rewritten(wav(tmp_path / "a.wav", tones(12)), tmp_path / "b.wav")
    assert info.channels == 12 and order(read_audio(info)[0]) == list(range(12))


# --- depth and codec --------------------------------------------------------------


@pytest.mark.parametrize(
    "name, codec",
    [("a.mov", "pcm_s24le"), ("a.mkv", "pcm_s24le"), ("a.mov", "pcm_f32le")]
    + [("a.mkv", "flac"), ("a.mov", "alac"), ("a.mp4", "alac"), ("a.mkv", "ac3")]
    + [
        ("a.mkv", "libopus"),
        ("a.mp4", "aac"),
        ("a.mkv", "mp2"),
        ("a.mov", "pcm_s16be"),
    ],
)
def test_codec_and_depth_of_videos_stay(tmp_path, name, codec):
    samples = tones() + np.float32(1e-5)
    source = tmp_path / name
    wav(tmp_path / "s.wav", samples, "pcm_s24le")
    made, _ = rewritten(video(tmp_path / "v.mkv"), source)
    track = replace(made.audio, codec=codec.removeprefix("lib"), bits=32)
    changed = replace(made, tracks=(track, *made.tracks[1:]))
    sound = {0: [torch.from_numpy(samples)], 1: sound_blocks(made.select(2))}
    write_media(changed, sound, tmp_path / f"first_{name}")
    first = probe_audio(tmp_path / f"first_{name}").select(1)
    info, _ = rewritten(first.path, tmp_path / f"second_{name}")
    info = info.select(1)
    assert info.audio.codec == first.audio.codec == codec.removeprefix("lib")
    if info.audio.bits:
        back = read_audio(info)[0][0, : samples.shape[1]]
        depth = 2**-16 if "16" in codec else 2**-23
        assert np.abs(back.numpy() - samples[0, : len(back)]).max() <= depth


@pytest.mark.parametrize(
    "name, codec",
    [(f"b.{suffix}", codec) for suffix in ("wav", "caf", "aiff", "w64", "au")
     for codec in ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw")]
    + [("b.flac", "pcm_s24le"), ("b.wv", "pcm_s24le"), ("b.tta", "pcm_s24le")],
)  # fmt: skip
def test_samples_of_uncompressed_files_stay_exact(tmp_path, name, codec):
    source = wav(tmp_path / "a.wav", tones(2), codec)
    info, notes = rewritten(source, tmp_path / name)
    assert torch.equal(read_audio(info)[0], read_audio(source)[0])
    assert notes == []


# --- all else ---------------------------------------------------------------------


def test_long_wav_files_get_sizes_of_64_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(wav_module, "_LIMIT", 1000)
    chunks = [(b"bext", bytes(602))]
    path = wav(tmp_path / "a.wav", tones(2), "pcm_s24le", chunks=chunks)
    assert path.read_bytes()[:4] == b"RF64"
    assert soundfile.info(path).format == "RF64"
    assert soundfile.info(path).frames == probe_audio(path).samples == RATE // 2
    assert WavLayout(path).chunks == chunks
    info, notes = rewritten(path, tmp_path / "b.wav")
    assert info.samples == RATE // 2 and notes == []


def test_chunks_of_wav_files_survive_or_are_named(tmp_path):
    chunks = [(b"bext", b"x" * 602), (b"iXML", b"<BWFXML/>"), (b"cue ", bytes(4))]
    text = b"INAM\x06\0\0\0Title\0"
    chunks.append((b"LIST", b"INFO" + text))
    source = wav(tmp_path / "a.wav", tones(), chunks=chunks)
    _, notes = rewritten(source, tmp_path / "b.wav")
    assert WavLayout(tmp_path / "b.wav").chunks == chunks and notes == []
    _, notes = rewritten(source, tmp_path / "b.flac")
    assert any("bext, cue, iXML" in note for note in notes)
    assert probe_audio(tmp_path / "b.flac").tags["title"] == "Title"


@pytest.mark.parametrize(
    "name", "b.mp3 b.flac b.ogg b.opus b.m4a b.aiff b.caf b.wav b.mka b.wma".split()
)
def test_tags_of_any_letters_survive_between_formats(tmp_path, name):
    source = wav(tmp_path / "a.wav", tones())
    info = probe_audio(source)
    tags = {"title": "Тест – 日本語 ✓", "artist": "Björk", "odd_one": "1234"}
    wanted = MediaInfo(info.path, "flac", info.tracks, tags=tags)
    notes = write_media(wanted, {0: sound_blocks(info)}, tmp_path / name).notes
    made = probe_audio(tmp_path / name)
    kept = {key.lower(): text for key, text in made.tags.items()}
    assert kept["title"] == tags["title"] and kept["artist"] == tags["artist"]
    named = any("odd_one" in note for note in notes)
    assert named != ("1234" in kept.values())


def test_tracks_languages_chapters_subtitles_and_attachments_survive(tmp_path):
    source, rich = video(tmp_path / "a.mkv"), tmp_path / "rich.mkv"
    (tmp_path / "s.srt").write_text("1\n00:00:00,100 --> 00:00:00,400\nhello\n")
    with (
        av.open(str(source)) as a,
        av.open(str(tmp_path / "s.srt")) as b,
        av.open(str(rich), "w") as target,
    ):
        target.metadata["title"] = "Film"
        copies = {one.index: target.add_stream_from_template(one) for one in a.streams}
        for one in a.streams.audio:
            copies[one.index].metadata.update(one.metadata)
        text = target.add_stream_from_template(b.streams.subtitles[0])
        text.metadata["language"] = "ger"
        target.add_attachment("font.ttf", "application/x-truetype-font", b"font")
        chapter = {"id": 1, "start": 0, "end": 200, "time_base": av.time_base and None}
        chapter["time_base"] = next(iter(a.streams)).time_base
        target.set_chapters([{**chapter, "metadata": {"title": "One"}}])
        for packet in a.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
        for packet in b.demux():
            if packet.size:
                packet.stream = text
                target.mux(packet)
    info, notes = rewritten(rich, tmp_path / "b.mkv")
    assert notes == []
    assert [track.language for track in info.tracks] == ["eng", "fra"]
    assert sorted(info.others) == ["attachment", "subtitle"] and info.chapters == 1
    assert info.tags["title"] == "Film"
    levels = [float(read_audio(info.select(k))[0].std()) for k in (1, 2)]
    assert levels[1] == pytest.approx(2 * levels[0], rel=0.05)
    # A format that cannot hold them says so.
    _, notes = rewritten(rich, tmp_path / "b.ts")
    text = " ".join(notes)
    assert all(word in text for word in ("subtitle", "attachment", "hapters"))
    _, notes = rewritten(rich, tmp_path / "b.wav")
    assert any("one audio track: of 2, track 1 is written" in note for note in notes)


def test_one_chosen_track_is_new_and_the_others_stay(tmp_path):
    info = probe_audio(video(tmp_path / "a.mkv"))
    silence = [torch.zeros(1, RATE // 2)]
    write_media(info, {1: silence}, tmp_path / "b.mkv")
    made = probe_audio(tmp_path / "b.mkv")
    levels = [float(read_audio(made.select(k))[0].std()) for k in (1, 2)]
    assert levels[0] > 0.05 and levels[1] < 1e-3
    with pytest.raises(PvsdError, match="no audio track 3: it has 2"):
        info.select(3)


def test_cover_art_survives_or_is_named(tmp_path):
    wav(tmp_path / "a.wav", tones())
    picture = tmp_path / "cover.png"
    with av.open(str(picture), "w", format="image2") as target:
        stream = target.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    rewritten(tmp_path / "a.wav", tmp_path / "a.flac")
    with (
        av.open(str(tmp_path / "a.flac")) as a,
        av.open(str(picture)) as b,
        av.open(str(tmp_path / "c.flac"), "w") as target,
    ):
        sound = target.add_stream_from_template(a.streams[0])
        cover = target.add_stream_from_template(b.streams[0])
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in (*b.demux(), *a.demux()):
            if packet.size:
                packet.stream = cover if packet.stream is b.streams[0] else sound
                target.mux(packet)
    assert probe_audio(tmp_path / "c.flac").others == ("cover",)
    for name in ("d.flac", "d.mp3", "d.m4a", "d.mka", "d.opus", "d.ogg"):
        info, notes = rewritten(tmp_path / "c.flac", tmp_path / name)
        assert info.others == ("cover",) and notes == [], name
    for name in ("d.wav", "d.aiff", "d.wma"):
        _, notes = rewritten(tmp_path / "c.flac", tmp_path / name)
        assert any("cover art" in note for note in notes), name


@pytest.mark.parametrize(
    "name, has_video, written",
    [("a.wav", False, "a.wav"), ("a.amr", False, "a.m4a"), ("a.ape", False, "a.wav")]
    + [("a.ogv", True, "a.mkv"), ("a.vob", True, "a.mpg"), ("a", False, "a.m4a")],
)
def test_what_cannot_be_written_goes_to_the_nearest_format(name, has_video, written):
    path, note = nearest_output(name, has_video)
    assert path.name == written and bool(note) == (name != written)


@pytest.mark.parametrize("suffix", [k for k, v in CONTAINERS.items() if not v.pictures])
def test_every_sound_format_can_be_written(tmp_path, suffix):
    info, _ = rewritten(wav(tmp_path / "a.wav", tones()), tmp_path / f"b{suffix}")
    samples, rate = read_audio(info)
    assert rate == RATE and abs(samples.shape[1] - RATE // 2) <= 2048
    assert order(samples) == [0]


def test_another_codec_in_a_file_of_the_same_kind_is_noted(tmp_path):
    soundfile.write(tmp_path / "a.wav", tones()[0], RATE, "MS_ADPCM")
    _, notes = rewritten(tmp_path / "a.wav", tmp_path / "b.wav")
    assert "The sound is stored as pcm_s16le, not as adpcm_ms." in notes
    _, notes = rewritten(tmp_path / "a.wav", tmp_path / "b.flac")
    assert not any("stored as" in note for note in notes)
    (note,) = encoding_of(AudioTrack(0, RATE, 1, 0, codec="mp3"), "b.avi").notes
    assert note == "The sound is stored as pcm_s16le, not as mp3."


def test_a_rate_without_speech_is_refused(tmp_path):
    wav(tmp_path / "a.wav", tones(), rate=7)
    with pytest.raises(PvsdError, match="7 Hz"):
        probe_audio(tmp_path / "a.wav")
