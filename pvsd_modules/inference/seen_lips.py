"""Lips of the people in a video, for a denoiser that was made for drawn ones."""

from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pvsd_modules.alignment import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, frame_count
from pvsd_modules.inference.mouths import Mouth, Mouths
from pvsd_modules.inference.pending import HISTORY, Pending
from pvsd_modules.io.info import MediaInfo
from pvsd_modules.io.opening import open_media
from pvsd_modules.io.resampling import SincResampler
from pvsd_modules.io.shared import SharedFile
from pvsd_modules.io.sound_reading import sound_blocks, to_mono
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.metrics.mouth import correlation, mouth_opening
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.mouth_reader import MouthReader
from pvsd_modules.models.protocols import Detector

FADE = 4  # frames in which real and generated lips take turns
LEAST_FIT = 0.2  # correlation of a mouth's opening with that of the generated lips


class SeenLips(NamedTuple):
    """Real lips in the form of the mouth model.

    Arguments
    ---------
    weights : Tensor
        ``[frames, motions]``, 25 a second from the beginning of the sound.
    share : Tensor
        ``[frames]``, 0..1: how much the real lips count; 0 where no face is seen.
    """

    weights: Tensor
    share: Tensor

    def mixed(self, generated: Tensor, first: int) -> Tensor:
        """Real weights in place of generated ones where a mouth is seen.

        Arguments
        ---------
        generated : Tensor
            ``[batch, n, motions]``, of the frames from ``first`` on.
        first : int

        Returns
        -------
        Tensor
            Of the same shape.
        """
        count = generated.shape[1]
        missing = max(0, first + count - len(self.share))
        share = functional.pad(self.share, (0, missing))[first : first + count]
        weights = functional.pad(self.weights, (0, 0, 0, missing))
        share = share[:, None].to(generated)
        real = weights[first : first + count].to(generated)
        return share * real + (1 - share) * generated


@torch.no_grad()
def see_lips(
    info: MediaInfo,
    detector: Detector,
    reader: MouthReader,
    student: OpenLipGenerator,
) -> SeenLips | None:
    """Reads the lips of a video.

    Of several faces the one counts whose mouth opens as the sound says; a face whose
    mouth does not (a listener, a picture on the wall) is not used.

    Arguments
    ---------
    info : MediaInfo
        With pictures and sound.
    detector : Detector
    reader : MouthReader
    student : OpenLipGenerator
        Generates the lips of the sound, and draws what was read.

    Returns
    -------
    SeenLips or None
        None where no mouth is seen that fits the sound.
    """
    mouths, student_mouth = Mouths(detector, reader), _GeneratedMouth(info, student)
    assert info.video is not None
    streams = [info.video.stream, info.audio.stream]
    with open_media(info.path) as container:
        shared = SharedFile(container, info, streams)
        blocks = sound_blocks(info, shared=shared)
        for index, picture in enumerate(read_frames(info, FPS, info.start, shared)):
            mouths.look(picture)
            if index % FPS == 0:  # about as much sound
                for block in islice(blocks, 1):
                    student_mouth.hear(block)
        for block in blocks:
            student_mouth.hear(block)
    seen = mouths.end()
    if not seen:
        return None
    weights = torch.zeros(mouths.count, reader.sizes["motions"])
    owner = torch.full((mouths.count,), -1)
    openings = student_mouth.openings()
    fits = [_fit(mouth, openings, student) for mouth in seen]
    for number in sorted(range(len(seen)), key=lambda k: -fits[k]):
        if fits[number] >= LEAST_FIT:
            mouth = seen[number]
            place = slice(mouth.first, mouth.first + len(mouth.weights))
            free = owner[place] < 0
            weights[place][free] = mouth.weights[free]
            owner[place][free] = number
    return SeenLips(weights, _shares(owner)) if bool((owner >= 0).any()) else None


class _GeneratedMouth:
    """How far the mouth is open that the student generates of a file's sound."""

    def __init__(self, info: MediaInfo, student: OpenLipGenerator):
        self.student, self.past = student, None
        self.resampler = SincResampler(info.sample_rate, SAMPLE_RATE)
        self.pending = Pending(SAMPLES_PER_FRAME, 1, student.neutral)
        self.samples = 0
        self.parts: list[Tensor] = []

    def hear(self, block: Tensor) -> None:
        """Takes the next block, ``[channels, n]``."""
        self._take(self.resampler.feed(to_mono(block)[None]))

    def _take(self, wav: Tensor) -> None:
        self.samples += wav.shape[1]
        self._draw(self.pending.take(wav.to(self.student.neutral.device)))

    def _draw(self, samples: Tensor) -> None:
        if samples.shape[1] > HISTORY:
            codes, self.past = self.student.encode(samples, self.past)
            self.parts.append(mouth_opening(self.student.draw(codes))[0].cpu())

    def openings(self) -> Tensor:
        """``[frames]``, once the whole sound was heard."""
        self._take(self.resampler.flush())
        late = self.student.lookahead_frames
        whole = self.samples // SAMPLES_PER_FRAME
        self._draw(self.pending.end(frame_count(self.samples) + late - whole))
        return torch.cat(self.parts)[late:]


def _fit(mouth: Mouth, sound: Tensor, student: OpenLipGenerator) -> float:
    """Correlation of the opening of a seen mouth with that of the sound's."""
    drawn = student.draw(mouth.weights.to(student.neutral.device))
    expected = sound[mouth.first :][: len(drawn)]
    return float(correlation(mouth_opening(drawn).cpu()[: len(expected)], expected))


def _shares(owner: Tensor) -> Tensor:
    """Shares that rise and fall inside the stretches in which one face is seen.

    Between two faces, and between a face and none, the generated lips are shown for a
    moment, so that nothing jumps.

    Arguments
    ---------
    owner : Tensor
        ``[frames]``: number of the face, -1 for none.

    Returns
    -------
    Tensor
        ``[frames]``, 0..1.
    """
    inside = (owner >= 0).float()
    inside[1:][owner[1:] != owner[:-1]] = 0.0
    inside = -functional.max_pool1d(-inside[None], 2 * FADE + 1, 1, FADE)[0]
    window = torch.hann_window(2 * FADE + 3, periodic=False)[1:-1]
    padded = functional.pad(inside[None, None], (FADE, FADE), mode="replicate")
    return functional.conv1d(padded, (window / window.sum())[None, None])[0, 0]


def share_of_real_lips(seen: SeenLips | None) -> str:
    """A sentence on how much of a file real lips were seen for."""
    if seen is None:
        return "No mouth that fits the sound was seen: all lips are generated."
    share = float(seen.share.mean())
    return f"Real lips were seen in {100 * share:.0f} % of the video."
