"""The latency encoder: a table that no two programs can read differently."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder

from .naive_model import encode

ALL_PIXELS = np.arange(256, dtype=np.uint8)


def tables():
    """Strictly decreasing lists of 2 .. 256 numbers in 1 .. 256."""
    values = st.lists(st.integers(1, 256), min_size=2, max_size=256, unique=True)
    return values.map(lambda numbers: sorted(numbers, reverse=True))


@given(tables())
def test_every_pixel_value_against_a_loop(thresholds):
    encoder = LatencyEncoder(thresholds)
    expected = [encode(pixel, thresholds) for pixel in range(256)]
    got = encoder.encode(ALL_PIXELS)
    assert got.tolist() == expected
    assert got.dtype == np.int16
    assert encoder.time_steps == len(thresholds)
    assert encoder.table.tolist() == expected


@pytest.mark.parametrize("time_steps", [2, 3, 4, 7, 8, 16, 100, 255, 256])
def test_linear_tables_divide_the_range_evenly(time_steps):
    for dimmest in {1, (257 - time_steps + 1) // 2, 257 - time_steps}:
        thresholds = LatencyEncoder.linear(time_steps, dimmest).thresholds
        assert thresholds[-1] == dimmest
        widths = -np.diff(np.concatenate([[256], thresholds]))
        assert widths.sum() == 256 - dimmest
        assert np.ptp(widths) <= 1


def test_256_steps_give_each_pixel_value_its_own():
    encoder = LatencyEncoder.linear(256)
    assert encoder.encode(ALL_PIXELS).tolist() == [256, *range(255, 0, -1)]


def test_a_dark_pixel_never_spikes():
    assert LatencyEncoder([200, 1]).encode(np.zeros((2, 3), np.uint8)).tolist() == [[2, 2, 2]] * 2


def test_the_table_is_a_read_only_copy():
    table = np.array([9, 4])
    encoder = LatencyEncoder(table)
    table[0] = 1
    assert encoder.thresholds.tolist() == [9, 4]
    with pytest.raises(ValueError, match="read-only"):
        encoder.thresholds[0] = 1


@pytest.mark.parametrize(
    ("thresholds", "error", "message"),
    [
        ([5, 5], InputError, r"must strictly decrease, but thresholds\[0\] = 5 is followed by 5"),
        ([9, 5, 6], InputError, r"must strictly decrease, but thresholds\[1\] = 5 is followed by 6"),
        ([1, 0], InputError, r"encoder thresholds\[1\] must be in 1 .. 256, not 0"),
        ([257, 1], InputError, r"encoder thresholds\[0\] must be in 1 .. 256, not 257"),
        ([1], InputError, r"number of encoder thresholds \(time steps\) must be in 2 .. 256, not 1"),
        ([], InputError, r"number of encoder thresholds \(time steps\) must be in 2 .. 256, not 0"),
        ([[2, 1]], InputError, r"must have one dimension, not the shape \(1, 2\)"),
        ([2.0, 1.0], InputTypeError, "encoder thresholds must be integers, not an array of type float64"),
        ([True, False], InputTypeError, "must be integers, not an array of type bool"),
        (None, InputTypeError, "must be integers, not an array of type object"),
        ("21", InputTypeError, "must be integers, not an array of type <U2"),
    ],
)
def test_bad_tables(thresholds, error, message):
    with pytest.raises(error, match=message):
        LatencyEncoder(thresholds)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1,), InputError, "time_steps must be in 2 .. 256, not 1"),
        ((257,), InputError, "time_steps must be in 2 .. 256, not 257"),
        ((4.0,), InputTypeError, "time_steps must be a whole number, not 4.0"),
        ((True,), InputTypeError, "time_steps must be a whole number, not True"),
        ((4, 0), InputError, "dimmest must be in 1 .. 253, not 0"),
        ((4, 254), InputError, "dimmest must be in 1 .. 253, not 254"),
    ],
)
def test_bad_arguments_of_linear(arguments, error, message):
    with pytest.raises(error, match=message):
        LatencyEncoder.linear(*arguments)


@pytest.mark.parametrize("pixels", [np.zeros(3), np.zeros(3, np.int16), [0, 1], 5])
def test_bad_pixels(pixels):
    with pytest.raises(InputTypeError, match=r"images must be an array of uint8 \(0 .. 255\), not of"):
        LatencyEncoder.linear(4).encode(pixels)
