"""The face is found, followed, smoothed and cropped; detectors fail with sentences."""

import builtins

import numpy as np
import pytest

from pvsd_modules.errors import PvsdError
from pvsd_modules.faces import detectors
from pvsd_modules.faces.tracking import (
    crop_face,
    crop_faces,
    find_faces,
    longest_gap,
    main_track,
    smooth_track,
    write_crops,
)
from pvsd_modules.synthetic.face import face_frames


def box(x, y, side):
    return np.array([x, y, x + side, y + side], dtype=float)


def test_haar_finds_the_drawn_face_from_forehead_to_chin():
    haar = detectors.HaarDetector()
    for speaker in range(3):
        for picture in face_frames([0.0, 0.5, 1.0], speaker, size=160):
            (found,) = haar(picture)
            left, top, right, bottom = found / 160
            assert 0.18 < left < 0.30 and 0.70 < right < 0.82
            assert 0.22 < top < 0.40 and 0.85 < bottom < 1.0
    (large,) = haar(picture.repeat(6, 0).repeat(6, 1))
    np.testing.assert_allclose(large / 6, found, atol=8)
    assert haar(np.full((160, 160, 3), 99, np.uint8)).shape == (0, 4)


def test_the_mouth_is_in_the_lower_half_of_the_crop():
    shut, wide = face_frames([0.0, 1.0], speaker=1)
    (found,) = detectors.HaarDetector()(shut)
    one, other = (crop_face(picture, found).astype(float) for picture in (shut, wide))
    changed = np.abs(one - other).sum(axis=(1, 2))
    rows = np.arange(96)
    assert changed[:48].sum() < 0.01 * changed.sum()
    assert 0.6 < (rows * changed).sum() / changed.sum() / 96 < 0.85


def test_detect_every_looks_at_fewer_frames():
    frames = [np.zeros((20, 20, 3), np.uint8)] * 11
    looked = []

    def detector(picture):
        looked.append(picture)
        return [[1, 2, 3, 4]]

    found, count = find_faces(iter(frames), detector, every=5)
    assert (sorted(found), count, len(looked)) == ([0, 5, 10], 11, 3)
    assert found[5].shape == (1, 4)


def test_the_track_stays_with_one_person():
    # A face of side 40 moves; one of 30 stands by; one of 60 flashes by for a frame.
    found = {}
    for k in range(20):
        boxes = [box(100, 10, 30), box(10 + k, 20, 40)]
        if k == 10:
            boxes.insert(0, box(160, 90, 60))
        if k % 2:
            boxes.reverse()
        found[k] = np.array(boxes)
    track = main_track(found)
    assert sorted(track) == list(range(20))
    for k, seen in track.items():
        np.testing.assert_array_equal(seen, box(10 + k, 20, 40))
    assert main_track({0: np.zeros((0, 4)), 1: np.zeros((0, 4))}) == {}


def test_missed_frames_are_interpolated_and_outliers_dropped():
    track = {k: box(2.0 * k, 5, 40) for k in range(0, 50, 2)}
    del track[20], track[22]
    track[30] = box(200, 200, 10)
    boxes = smooth_track(track, 53)
    assert boxes.shape == (53, 4)
    middle = np.arange(8, 44)
    expected = np.stack([box(2.0 * k, 5, 40) for k in middle])
    np.testing.assert_allclose(boxes[middle], expected, atol=2.5)
    np.testing.assert_allclose(boxes[-1], boxes[-2], atol=0.5)


def test_trembling_is_stilled():
    rng = np.random.default_rng(0)
    track = {k: box(50, 50, 40) + rng.normal(0, 2, 4) for k in range(100)}
    rough = np.stack([track[k] for k in range(100)])
    smooth = smooth_track(track, 100)
    assert (
        np.abs(np.diff(smooth, axis=0)).mean()
        < np.abs(np.diff(rough, axis=0)).mean() / 8
    )


def test_longest_gap_counts_frames_looked_at():
    found = dict.fromkeys(range(0, 50, 5))
    assert longest_gap(found, dict.fromkeys([0, 5, 25, 45])) == 3
    assert longest_gap(found, {}) == 10


def test_crop_is_exact_to_fractions_of_a_pixel():
    ramp = np.arange(0, 250, 2, dtype=np.uint8)[None, :, None].repeat(125, 0)
    ramp = ramp.repeat(3, 2)
    face = crop_face(ramp, np.array([20.0, 20.0, 116.0, 116.0])).astype(float)
    np.testing.assert_allclose(face[50, :, 0], np.arange(40, 232, 2), atol=1.01)
    moved = crop_face(ramp, np.array([20.5, 20.0, 116.5, 116.0])).astype(float)
    assert 0.9 < (moved - face).mean() < 1.1


def test_shrinking_averages_instead_of_aliasing():
    board = (np.indices((960, 960)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = np.repeat(board[..., None], 3, axis=2)
    face = crop_face(picture, np.array([0.0, 0.0, 960.0, 900.0])).astype(float)
    assert np.abs(face[8:-8, 8:-8] - 127.5).max() < 30


def test_a_box_beyond_the_picture_repeats_the_border():
    picture = np.full((50, 50, 3), 200, np.uint8)
    face = crop_face(picture, np.array([-30.0, -30.0, 80.0, 80.0]))
    assert face.shape == (96, 96, 3)
    assert (face == 200).all()


def test_crops_are_written_in_order(tmp_path):
    import cv2

    frames = [
        np.full((40, 40, 3), (10 * k, 0, 255 - 10 * k), np.uint8) for k in range(12)
    ]
    crops = crop_faces(iter(frames), np.tile([0.0, 0, 40, 40], (12, 1)))
    assert write_crops(crops, tmp_path) == 12
    for k in (0, 11):
        red = cv2.imread(str(tmp_path / f"{k}.jpg"))[..., 2].mean()
        assert red == pytest.approx(10 * k, abs=4)


def test_make_detector_knows_its_words():
    assert detectors.make_detector("centre") is detectors.centre_detector
    assert isinstance(detectors.make_detector("haar"), detectors.HaarDetector)
    with pytest.raises(PvsdError, match="haar, s3fd or centre"):
        detectors.make_detector("viola")


def test_absent_s3fd_weights_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(PvsdError) as caught:
        detectors.make_detector("s3fd")
    wanted = tmp_path / "hub" / "checkpoints" / "s3fd-619a316812.pth"
    assert str(wanted) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    pytest.importorskip("face_alignment")
    wanted.parent.mkdir(parents=True)
    wanted.write_text("<html>moved</html>")
    with pytest.raises(PvsdError, match="s3fd-619a316812.pth.*whole"):
        detectors.make_detector("s3fd")


def test_s3fd_runs_the_weights_that_are_there(tmp_path, monkeypatch):
    pytest.importorskip("face_alignment")
    import torch
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    path = tmp_path / "hub" / "checkpoints" / "s3fd-619a316812.pth"
    path.parent.mkdir(parents=True)
    torch.save(s3fd().state_dict(), path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = detectors.make_detector("s3fd")(np.zeros((64, 64, 3), np.uint8))
    assert found.ndim == 2 and found.shape[1] == 4


def test_a_missing_libgl_is_a_sentence(monkeypatch):
    usual = builtins.__import__

    def without(name, *rest, **named):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return usual(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PvsdError, match="libGL"):
        detectors.HaarDetector()
