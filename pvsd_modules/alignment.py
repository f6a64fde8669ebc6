"""The one clock of the package: how samples, lip frames and spectra line up.

Audio runs at 16 kHz and lips at 25 frames a second, so frame ``k`` belongs to
the samples ``[640 k, 640 (k + 1))``. A network that draws frame ``k`` looks at
the 0.2 s of audio around it, ``[640 k - 1280, 640 k + 1920)``, and a spectrum
is taken every 160 samples, four to a frame. Every other module imports these
numbers from here.
"""

import torch

SAMPLE_RATE = 16000  # samples a second
FPS = 25  # lip frames a second
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS  # 640
HOP = 160  # samples between two spectra
STEPS_PER_FRAME = SAMPLES_PER_FRAME // HOP  # 4 spectra a lip frame
LIP_HEIGHT = 48  # rows of the lower half of a 96 x 96 face
LIP_WIDTH = 96
FACE_SIZE = 96

WINDOW_BEFORE = 1280  # samples of context before a frame's first sample
WINDOW_SAMPLES = 3200  # 0.2 s, centred on the middle of the frame
WINDOW_AFTER = WINDOW_SAMPLES - WINDOW_BEFORE - SAMPLES_PER_FRAME  # 1280


def frame_count(samples: int) -> int:
    """Number of lip frames of a signal at 16 kHz, ``ceil(samples / 640)``: the last one
    may be begun only.

    Example
    -------
    >>> frame_count(640), frame_count(641), frame_count(0)
    (1, 2, 0)
    """
    return -(-int(samples) // SAMPLES_PER_FRAME)


def lip_windows(wav: torch.Tensor) -> torch.Tensor:
    """Cuts the 0.2 s of audio that each lip frame is drawn from.

    Arguments
    ---------
    wav : torch.Tensor
        Audio of shape ``[batch, samples]``.

    Returns
    -------
    torch.Tensor
        ``[batch, frame_count(samples), 3200]``; window ``k`` holds the samples
        ``[640 k - 1280, 640 k + 1920)``, with zeros outside of the signal.

    Example
    -------
    >>> lip_windows(torch.zeros(2, 1000)).shape
    torch.Size([2, 2, 3200])
    """
    batch, samples = wav.shape
    frames = frame_count(samples)
    if frames == 0:
        return wav.new_zeros(batch, 0, WINDOW_SAMPLES)
    whole = frames * SAMPLES_PER_FRAME
    padded = torch.nn.functional.pad(
        wav, (WINDOW_BEFORE, whole - samples + WINDOW_AFTER)
    )  # [batch, 1280 + 640 frames + 1280]
    return padded.unfold(1, WINDOW_SAMPLES, SAMPLES_PER_FRAME)
