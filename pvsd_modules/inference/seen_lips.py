"""Lips of the people in a video, for a denoiser that was made for drawn ones."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pvsd_modules.alignment import LIP_HEIGHT, SAMPLES_PER_FRAME, frame_count
from pvsd_modules.faces.tracking import crop_face, face_tracks, find_faces, smooth_track
from pvsd_modules.io.info import MediaInfo
from pvsd_modules.io.sound_reading import read_mono
from pvsd_modules.io.video_reading import read_frames
from pvsd_modules.metrics.mouth import correlation, mouth_opening
from pvsd_modules.models.open.lip_generator import OpenLipGenerator
from pvsd_modules.models.open.mouth_reader import MouthReader
from pvsd_modules.models.protocols import Detector

# In frames, of which there are 25 a second.
EVERY = 5  # from one look for faces to the next
LONGEST_GAP = 2 * EVERY  # without the face, which is interpolated
SHORTEST = 25  # of a face that is worth reading
FADE = 4  # in which real and generated lips take turns
LEAST_FIT = 0.2  # correlation of a mouth's opening with that of the generated lips
BLOCK = 1000  # that are read at once


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


class _Mouth:
    """One face: where it is, and what the reader has read off its mouth so far."""

    def __init__(self, track: dict[int, np.ndarray], reader: MouthReader):
        self.first, self.last = min(track), max(track)
        shifted = {index - self.first: box for index, box in track.items()}
        self.boxes = smooth_track(shifted, self.last - self.first + 1)
        self.reader = reader
        self.crops: list[np.ndarray] = []
        self.known = 0  # frames at the beginning of `crops` that were read before
        self.parts: list[Tensor] = []

    def look(self, index: int, picture: np.ndarray) -> None:
        """Takes a frame, if it shows this face."""
        if not self.first <= index <= self.last:
            return
        face = crop_face(picture, self.boxes[index - self.first])
        self.crops.append(face[LIP_HEIGHT:])
        if len(self.crops) >= BLOCK + 2 * self.reader.context:
            self._read(len(self.crops) - self.reader.context)
        if index == self.last:
            self._read(len(self.crops))

    def _read(self, end: int) -> None:
        """Reads the frames up to ``end``; their neighbours are kept."""
        device = next(self.reader.parameters()).device
        lips = torch.from_numpy(np.stack(self.crops)).to(device).float() / 255
        weights = self.reader(lips[None])[0]
        self.parts.append(weights[self.known : end].float().cpu())
        kept = max(0, end - self.reader.context)
        del self.crops[:kept]
        self.known = end - kept

    @property
    def weights(self) -> Tensor:
        """``[frames, motions]``."""
        return torch.cat(self.parts)


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
    found, count = find_faces(read_frames(info, start=info.start), detector, EVERY)
    mouths = [
        _Mouth(part, reader)
        for track in face_tracks(found)
        for part in _unbroken(track)
        if max(part) - min(part) >= SHORTEST
    ]
    if not mouths:
        return None
    for index, picture in enumerate(read_frames(info, start=info.start)):
        for mouth in mouths:
            mouth.look(index, picture)
    sound = _openings_of_sound(info, student)
    weights = torch.zeros(count, reader.sizes["motions"])
    owner = torch.full((count,), -1)
    fits = [_fit(mouth, sound, student) for mouth in mouths]
    for number in sorted(range(len(mouths)), key=lambda k: -fits[k]):
        if fits[number] >= LEAST_FIT:
            mouth = mouths[number]
            place = slice(mouth.first, mouth.first + len(mouth.weights))
            free = owner[place] < 0
            weights[place][free] = mouth.weights[free]
            owner[place][free] = number
    return SeenLips(weights, _shares(owner)) if bool((owner >= 0).any()) else None


def _openings_of_sound(info: MediaInfo, student: OpenLipGenerator) -> Tensor:
    """How far the mouth is open that the student generates, ``[frames]``."""
    wav = read_mono(info)[None].to(student.neutral.device)
    frames = frame_count(wav.shape[1]) + student.lookahead_frames
    wav = functional.pad(wav, (320, frames * SAMPLES_PER_FRAME - wav.shape[1]))
    openings, past = [], None
    for begin in range(0, frames, BLOCK):
        end = min(begin + BLOCK, frames)
        part = wav[:, begin * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME + 320]
        codes, past = student.encode(part, past)
        openings.append(mouth_opening(student.draw(codes))[0].cpu())
    return torch.cat(openings)[student.lookahead_frames :]


def _fit(mouth: _Mouth, sound: Tensor, student: OpenLipGenerator) -> float:
    """Correlation of the opening of a seen mouth with that of the sound's."""
    drawn = student.draw(mouth.weights.to(student.neutral.device))
    expected = sound[mouth.first :][: len(drawn)]
    return float(correlation(mouth_opening(drawn).cpu()[: len(expected)], expected))


def _unbroken(track: dict[int, np.ndarray]) -> list[dict[int, np.ndarray]]:
    """A track, cut where the face was away for long."""
    parts: list[dict[int, np.ndarray]] = []
    before = None
    for index in sorted(track):
        if before is None or index - before > LONGEST_GAP:
            parts.append({})
        parts[-1][index] = track[index]
        before = index
    return parts


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
