"""LSE-D and LSE-C: lip-sync error by SyncNet.

Defined by Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip
Generation In The Wild", ACM Multimedia 2020, on the distances of Chung & Zisserman
2016. The sound is prepared as for the published weights: 13 mel cepstral
coefficients a hundredth of a second, of 25 ms of 16-bit samples. The pictures are
whole faces of 224 x 224, blue before green before red, 0..255; what is drawn here
are lower halves of 48 x 96, so an upper half is put above them, the video's own or
a drawn one, and the whole is enlarged. Figures compare systems that were scored with
the same upper halves and crops; they are not those of a tracker's crops.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from pvsd_modules.alignment import FACE_SIZE, HOP, SAMPLE_RATE, STEPS_PER_FRAME
from pvsd_modules.evaluation.syncnet import COLUMNS, PICTURES, SyncNet
from pvsd_modules.models.paper.neutral_face import neutral_face

REACH = 15  # frames that the sound is shifted by, to and fro
_WINDOW, _FFT, _BANDS, _CEPSTRA, _LIFTER = 400, 512, 26, 13, 22
_SIDE = 224
_AT_ONCE = 25  # windows of pictures, for the sake of memory
_TINY = torch.finfo(torch.float64).eps


def lip_sync_error(
    network: SyncNet, lips: Tensor, wav: Tensor, upper: Tensor | None = None
) -> dict[str, float | None]:
    """How well drawn or filmed lips go with a sound.

    Arguments
    ---------
    network : SyncNet
        In evaluation mode.
    lips : Tensor
        ``[frames, 48, 96, 3]``, 0..1.
    wav : Tensor
        ``[time]``, 16 kHz: the clean speech.
    upper : Tensor or None
        Upper half of a face, ``[48, 96, 3]``; None for a drawn one.

    Returns
    -------
    dict
        ``lse_d``: the distance at the best shift, less is better; ``lse_c``: the
        median over shifts less that, more is better. None where the clip is
        shorter than six frames.
    """
    cepstra = mel_cepstra(wav)  # [13, columns]
    frames = min(len(lips), len(wav) // (HOP * STEPS_PER_FRAME))
    count = frames - PICTURES  # the published tool leaves the last window out
    if count < 1:
        return {"lse_d": None, "lse_c": None}
    windows = torch.stack(
        [
            cepstra[:, k * STEPS_PER_FRAME : k * STEPS_PER_FRAME + COLUMNS]
            for k in range(count)
        ]
    )
    with torch.no_grad():
        sound = network.embed_sound(windows[:, None].float())  # [count, 1024]
        seen = []
        for first in range(0, count, _AT_ONCE):
            last = min(first + _AT_ONCE, count) + PICTURES - 1
            seen.append(network.embed_pictures(whole_faces(lips[first:last], upper)))
    distances = shifted_distances(torch.cat(seen), sound)
    best = distances.min()
    return {"lse_d": float(best), "lse_c": float(distances.median() - best)}


def shifted_distances(seen: Tensor, sound: Tensor, reach: int = REACH) -> Tensor:
    """Mean distance of pictures and sound at each shift, ``[2 reach + 1]``.

    Arguments
    ---------
    seen, sound : Tensor
        ``[windows, 1024]``. Beyond the ends of the sound stand zeros, as in the
        published tool.
    reach : int
        Windows of 40 ms.
    """
    padded = functional.pad(sound, (0, 0, reach, reach))
    return torch.stack(
        [
            functional.pairwise_distance(seen, padded[k : k + len(seen)]).mean()
            for k in range(2 * reach + 1)
        ]
    )


def whole_faces(lips: Tensor, upper: Tensor | None = None) -> Tensor:
    """The pictures of SyncNet, ``[frames, 3, 224, 224]``, BGR, 0..255, of lips and of
    the upper half of a face, as `lip_sync_error` takes them."""
    if upper is None:
        upper = neutral_face()[: FACE_SIZE // 2]
    faces = torch.cat([upper.expand_as(lips), lips], 1)  # [frames, 96, 96, 3]
    faces = 255 * faces.flip(-1).permute(0, 3, 1, 2)  # [frames, 3, 96, 96]
    return functional.interpolate(faces, (_SIDE, _SIDE), mode="bilinear")


def mel_cepstra(wav: Tensor) -> Tensor:
    """Mel frequency cepstral coefficients (Davis & Mermelstein 1980), 100 a second.

    Pre-emphasis of 0.97, windows of 25 ms without a taper, 26 triangles from 0 to 8 kHz
    whose corners lie on bins of a 512-point FFT, orthonormal DCT, a sine lifter of 22,
    and the logarithm of the window's energy in place of the first: ``[time]``, -1..1,
    to float64 ``[13, columns]``.
    """
    samples = (wav.double() * 32768).round().clamp(-32768, 32767)
    emphasised = samples - 0.97 * functional.pad(samples, (1, 0))[:-1]
    steps = max(0, math.ceil((len(wav) - _WINDOW) / HOP))
    padded = functional.pad(emphasised, (0, steps * HOP + _WINDOW - len(wav)))
    windows = padded.unfold(0, _WINDOW, HOP)  # [columns, 400]
    power = torch.fft.rfft(windows, _FFT).abs().square() / _FFT  # [columns, 257]
    energy = power.sum(1).clamp(min=_TINY)
    bands = (power @ _triangles().T).clamp(min=_TINY).log()  # [columns, 26]
    order = torch.arange(_CEPSTRA, dtype=torch.float64)
    centres = (torch.arange(_BANDS, dtype=torch.float64) + 0.5) / _BANDS
    cosines = torch.cos(math.pi * order[:, None] * centres) * math.sqrt(2 / _BANDS)
    lifter = 1 + _LIFTER / 2 * torch.sin(math.pi * order / _LIFTER)
    cepstra = lifter[:, None] * (cosines @ bands.T)  # [13, columns]
    cepstra[0] = energy.log()
    return cepstra


def _triangles() -> Tensor:
    """The mel filters, ``[26, 257]``."""
    top = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    mel = torch.linspace(0, top, _BANDS + 2, dtype=torch.float64)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    corner = ((_FFT + 1) * hertz / SAMPLE_RATE).floor()
    bins = torch.arange(_FFT // 2 + 1, dtype=torch.float64)
    left, centre, right = (corner[i : i + _BANDS, None] for i in range(3))
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0)
