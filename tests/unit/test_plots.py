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


def test_lip_rows_show_the_teacher_above_the_student(tmp_path):
    red = torch.tensor([1.0, 0, 0]).expand(30, 48, 96, 3)
    blue = torch.tensor([0, 0, 1.0]).expand(25, 48, 96, 3)
    rows = {"teacher": red, "student": blue}
    plots.save_lip_rows(rows, tmp_path / "new" / "strip.png")
    picture = pixels(tmp_path / "new" / "strip.png")
    assert share(picture, (1, 0, 0)) > 0.25 and share(picture, (0, 0, 1)) > 0.25
    is_red, is_blue = (picture.argmax(-1) == k for k in (0, 2))
    coloured = picture.max(-1) - picture.min(-1) > 0.9
    reds, blues = ((x & coloured).any(1).nonzero()[0] for x in (is_red, is_blue))
    assert reds.max() < blues.min()
    assert picture.shape[1] > 5 * picture.shape[0]


def test_spectrograms_share_one_scale(tmp_path):
    noise = 0.3 * torch.randn(8000)
    signals = {"noisy": noise, "enhanced": 1e-6 * noise, "clean": noise}
    plots.save_spectrograms(signals, tmp_path / "a.png")
    thirds = np.array_split(pixels(tmp_path / "a.png")[:, 100:700], 3)
    dark = [share(third, (0, 0, 0)) for third in thirds]
    assert dark[1] > 0.5 and dark[0] < 0.1 and dark[2] < 0.1


def test_spectrograms_of_different_lengths_and_of_one_sample(tmp_path):
    plots.save_spectrograms(
        {"a": torch.zeros(1), "b": torch.rand(1, 5000)}, tmp_path / "a.png", rate=8000
    )
    assert pixels(tmp_path / "a.png").std() > 0


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(ValueError):
        plots.save_lip_rows({"lips": torch.zeros(0, 48, 96, 3)}, tmp_path / "a.png")
