"""The clock: frames, windows and hops."""

import pytest
import torch

from pvsd_modules import alignment
from pvsd_modules.alignment import frame_count, lip_windows


def test_the_constants_agree():
    assert alignment.SAMPLE_RATE == alignment.FPS * alignment.SAMPLES_PER_FRAME
    assert alignment.SAMPLES_PER_FRAME == alignment.STEPS_PER_FRAME * alignment.HOP
    assert 2 * alignment.LIP_HEIGHT == alignment.LIP_WIDTH == alignment.FACE_SIZE
    assert alignment.WINDOW_BEFORE == alignment.WINDOW_AFTER == 1280


@pytest.mark.parametrize(
    "samples, frames", [(0, 0), (1, 1), (640, 1), (641, 2), (16000, 25), (16001, 26)]
)
def test_frame_count(samples, frames):
    assert frame_count(samples) == frames
    assert lip_windows(torch.zeros(2, samples)).shape == (2, frames, 3200)


def test_windows_hold_the_samples_around_their_frame():
    wav = torch.arange(1.0, 4001)[None].repeat(2, 1)
    wav[1] *= -1
    windows = lip_windows(wav)
    for frame in range(windows.shape[1]):
        for place in (0, 1279, 1280, 1919, 1920, 3199):
            sample = 640 * frame - 1280 + place
            wanted = sample + 1 if 0 <= sample < 4000 else 0
            assert windows[0, frame, place] == wanted
            assert windows[1, frame, place] == -wanted


def test_a_longer_signal_has_the_same_first_windows():
    wav = torch.rand(1, 6400)
    assert torch.equal(lip_windows(wav[:, :3200])[:, :3], lip_windows(wav)[:, :3])
