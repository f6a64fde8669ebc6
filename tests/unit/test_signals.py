"""Signals of any kind become float32 rows, or are refused in a sentence."""

import numpy as np
import pytest
import torch

from pvsd_modules.inference.signals import (
    LIMIT,
    as_float,
    as_rows,
    cleaned,
    like_input,
    sample_counts,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([-32768, 16384], np.int16), [-1.0, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1.0, 0.5]),
        (np.array([0, 192], np.uint8), [-1.0, 0.5]),
        (np.array([-128, 64], np.int8), [-1.0, 0.5]),
        (np.array([-1.0, 0.5], np.float64), [-1.0, 0.5]),
        (np.array([-1.0, 0.5], np.float16), [-1.0, 0.5]),
        (np.array([-1.0, 0.5], ">f4"), [-1.0, 0.5]),
        (np.array([0.5, -1.0], np.float32)[::-1], [-1.0, 0.5]),
        (torch.tensor([-32768, 16384], dtype=torch.int16), [-1.0, 0.5]),
        (torch.tensor([-1.0, 0.5], dtype=torch.bfloat16), [-1.0, 0.5]),
    ],
)
def test_full_scale_is_one(given, expected):
    found = as_float(given)
    assert found.dtype == torch.float32 and found.tolist() == expected


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(3, np.int64), torch.zeros(3, dtype=torch.int64), np.zeros(3, bool),
        np.zeros(3, complex), np.array(["a"]), torch.zeros(3, dtype=torch.complex64),
    ],
)  # fmt: skip
def test_numbers_without_a_full_scale_are_refused(given):
    with pytest.raises(TypeError, match="has no full scale"):
        as_float(given)


@pytest.mark.parametrize("shape", [(48000, 2), (2, 3, 100), ()])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[time"):
        as_rows(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 5), (32, 5), (40, 1000)])
def test_results_have_the_kind_of_the_input(shape):
    for signal in (torch.zeros(shape), np.zeros(shape)):
        result = like_input(as_rows(signal), signal)
        assert type(result) is type(signal) and result.shape == signal.shape


def test_nothing_invalid_and_nothing_boundless_passes():
    rows = torch.tensor([[1.0, float("nan"), float("inf"), -1e38, 2.0]])
    found, invalid = cleaned(rows)
    assert found.tolist() == [[1.0, 0.0, 0.0, -LIMIT, 2.0]] and invalid == 2


@pytest.mark.parametrize(
    "lengths",
    [[1.0], [1.0, 0.5, 0.5], [1.0, 0.0], [1.0, 1.5], [1.0, float("nan")], 1.0],
)
def test_lengths_are_checked(lengths):
    with pytest.raises(ValueError, match="lengths"):
        sample_counts(torch.tensor(lengths), torch.zeros(2, 100))


def test_lengths_are_relative():
    rows = torch.zeros(3, 1000)
    found = sample_counts(torch.tensor([1.0, 0.5, 0.0001]), rows)
    assert found.tolist() == [1000, 500, 1]
    assert sample_counts(None, rows).tolist() == [1000] * 3
