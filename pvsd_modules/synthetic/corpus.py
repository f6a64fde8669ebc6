"""A synthetic audio-visual corpus in the layouts of LRS3 and VGGSound.

For tests, examples and trying out a set-up without any data: drawn faces whose
mouths follow babbled, speech-like sound. It teaches a network nothing about real
speech. Everything is a function of speakers and seeds.
"""

from pathlib import Path

import numpy as np
import soundfile

from pvsd_modules.alignment import SAMPLE_RATE
from pvsd_modules.io.video_writing import write_lips
from pvsd_modules.synthetic.face import face_frames
from pvsd_modules.synthetic.noise import NOISE_KINDS, noise_like
from pvsd_modules.synthetic.speech import Utterance, speech_like, utter

__all__ = [
    "NOISE_KINDS",
    "face_frames",
    "noise_like",
    "speech_like",
    "utter",
    "write_clip",
    "write_corpus",
    "write_noises",
    "write_pairs",
]

# VGGSound's labels of sounds like the synthetic ones.
_LABELS = {
    "white": "waterfall burbling",
    "pink": "wind noise",
    "hum": "vacuum cleaner cleaning floors",
    "babble": "people babbling",
    "clatter": "typing on typewriter",
}


def write_clip(
    path: str | Path, seconds: float, speaker: int = 0, seed: int = 0, size: int = 160
) -> Utterance:
    """Write one talking-face video and, beside it, its text in LRS3's form.

    ``speaker`` and ``seed`` say who speaks and what is said, ``size`` is the side of
    the pictures in pixels; a clip has at least one frame of 40 ms. Returns what was
    spoken, before any coding.
    """
    path, said = Path(path), utter(seconds, speaker, seed)
    pictures = face_frames(said.opening, speaker, size)
    chunks = ((picture[None], said.wave[:0]) for picture in pictures)
    write_lips(_with_sound(chunks, said.wave), SAMPLE_RATE, path, enlarge=1)
    lines = [f"Text:  {' '.join(word.text for word in said.words)}", "Conf:  5", ""]
    lines += ["WORD START END ASDSCORE"]
    lines += [f"{w.text} {w.start:.2f} {w.end:.2f} 9.9" for w in said.words]
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return said


def _with_sound(chunks, wave):
    yield from chunks
    yield np.zeros((0, 2, 2, 3), np.uint8), wave


def write_corpus(
    root: str | Path,
    speakers: int = 4,
    clips: int = 2,
    seconds: float = 2.0,
    seed: int = 0,
    size: int = 160,
) -> list[Path]:
    """Write talking-face videos as ``root/{pretrain,trainval,test}/speaker/clip.mp4``.

    As in LRS3, speakers of test, the last quarter of them, appear nowhere else, while
    pretrain and trainval share theirs; each clip has its text beside it. ``clips`` are
    those of each speaker in each of his splits; those of pretrain last half as long
    again.
    """
    root, videos = Path(root), []
    tested = max(1, speakers // 4)
    for speaker in range(speakers):
        is_test = speaker >= speakers - tested
        splits = ["test"] if is_test else ["pretrain", "trainval"]
        for place, split in enumerate(splits):
            length = seconds * (1.5 if split == "pretrain" else 1.0)
            for clip in range(clips):
                number = place * clips + clip + 1
                path = root / split / f"speaker{speaker:04d}" / f"{number:05d}.mp4"
                write_clip(path, length, speaker, seed * 1000 + number, size)
                videos.append(path)
    return videos


def write_noises(
    root: str | Path,
    count: int = 5,
    seconds: float = 3.0,
    seed: int = 0,
    suffix: str = ".wav",
) -> list[Path]:
    """Write noise recordings in VGGSound's flat layout, with its table of labels.

    The files are called ``<video id>_<start, six digits><suffix>``; the table,
    ``vggsound.csv``, has id, start, label and split in each line and no heading. Kinds
    take turns, every fourth is for test. An .mp4 has a grey picture, as VGGSound's
    files are videos.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    recordings, table = [], []
    for number in range(count):
        kind = NOISE_KINDS[number % len(NOISE_KINDS)]
        wave = noise_like(seconds, kind, seed * 1000 + number)
        name, start = f"synth{number:06d}", 10 * number
        path = root / f"{name}_{start:06d}{suffix}"
        if suffix == ".wav":
            soundfile.write(path, wave, SAMPLE_RATE, subtype="PCM_16")
        else:
            frames = np.full((round(seconds * 25), 32, 32, 3), 128, np.uint8)
            write_lips([(frames, wave)], SAMPLE_RATE, path, enlarge=1)
        split = "test" if number % 4 == 3 else "train"
        table.append(f'{name},{start},"{_LABELS[kind]}",{split}')
        recordings.append(path)
    text = "\n".join(table) + "\n"
    (root / "vggsound.csv").write_text(text, encoding="utf-8")
    return recordings


def write_pairs(
    root: str | Path, speakers: int = 5, clips: int = 2, seconds: float = 1.2
) -> Path:
    """Write noisy recordings and the clean ones beside them, as VoiceBank-DEMAND.

    ``{clean,noisy}_trainset_28spk_wav`` hold all speakers (p226, p287, ...) but the
    last, the folders of the ``testset`` hold the last one; ``log_testset.txt`` has
    name, noise and SNR of each test recording.
    """
    root, log = Path(root), []
    names = ["p226", "p287", *(f"p{300 + k}" for k in range(speakers - 3)), "p232"]
    for speaker, name in enumerate(names):
        part = "testset" if name == names[-1] else "trainset_28spk"
        for clip in range(clips):
            kind = NOISE_KINDS[clip % len(NOISE_KINDS)]
            clean = speech_like(seconds, speaker, clip)[0]
            noise = noise_like(seconds, kind, clip)
            snr = (2.5, 7.5, 12.5, 17.5)[clip % 4]
            power = np.square(clean).mean() / np.square(noise).mean()
            noise = noise * np.sqrt(power / 10 ** (snr / 10))
            file = f"{name}_{clip + 1:03d}"
            for state, wave in (("clean", clean), ("noisy", clean + noise)):
                path = root / f"{state}_{part}_wav" / f"{file}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                scaled = 0.5 * wave  # the sum stays within full scale
                soundfile.write(path, scaled, SAMPLE_RATE, subtype="PCM_16")
            if part == "testset":
                log.append(f"{file} {kind} {snr}")
    text = "\n".join(log) + "\n"
    (root / "log_testset.txt").write_text(text, encoding="utf-8")
    return root
