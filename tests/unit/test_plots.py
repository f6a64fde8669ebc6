"""Pictures hold what they were given: checked in the pixels of the PNG."""

import matplotlib.image
import numpy as np
import pytest
import torch

from pvsd_modules import plots


def pixels(path):
    return matplotlib.image.imread(path)[:, :, :3]


def share(picture, colour):
    """Part of a picture that has a colour."""
    return float((np.abs(picture - np.array(colour)).max(-1) < 0.02).mean())


def test_lip_strip_shows_the_teacher_above_the_student(tmp_path):
    red = torch.tensor([1.0, 0, 0]).expand(30, 48, 96, 3)
    blue = torch.tensor([0, 0, 1.0]).expand(25, 48, 96, 3)
    plots.save_lip_strip(red, blue, tmp_path / "new" / "strip.png")
    picture = pixels(tmp_path / "new" / "strip.png")
    upper, lower = np.array_split(picture, 2)
    assert share(upper, (1, 0, 0)) > 0.4 and share(upper, (0, 0, 1)) == 0
    assert share(lower, (0, 0, 1)) > 0.4 and share(lower, (1, 0, 0)) < 0.01
    assert picture.shape[1] > 5 * picture.shape[0]


def test_spectrograms_share_one_scale(tmp_path):
    noise = 0.3 * torch.randn(8000)
    plots.save_spectrogram_triple(noise, 1e-6 * noise, noise, tmp_path / "a.png")
    thirds = np.array_split(pixels(tmp_path / "a.png")[:, 100:700], 3)
    dark = [share(third, (0, 0, 0)) for third in thirds]
    assert dark[1] > 0.5 and dark[0] < 0.1 and dark[2] < 0.1


def test_spectrograms_of_different_lengths_and_of_one_sample(tmp_path):
    plots.save_spectrograms(
        {"a": torch.zeros(1), "b": torch.rand(1, 5000)}, tmp_path / "a.png", rate=8000
    )
    assert pixels(tmp_path / "a.png").std() > 0


def test_contact_sheet_takes_bytes_and_floats(tmp_path):
    green = np.zeros((40, 30, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
    pictures = [green, torch.tensor([0, 1.0, 0]).expand(20, 60, 3)] * 4
    plots.save_contact_sheet(
        pictures, tmp_path / "a.png", labels=list("abcdefgh"), columns=4
    )
    assert share(pixels(tmp_path / "a.png"), (0, 1, 0)) > 0.3


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(ValueError):
        plots.save_contact_sheet([], tmp_path / "a.png")
    with pytest.raises(ValueError):
        plots.save_lip_strip(torch.zeros(0, 48, 96, 3), torch.zeros(3, 48, 96, 3), "a")
