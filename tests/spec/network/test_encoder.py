"""The latency encoder: a table that all programs read alike."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder
from firstspike_spec.network.encoder import check_pixels

from ..naive_model import encode

ALL_PIXELS = np.arange(256, dtype=np.uint8)


def tables():
    """Lists of 2 .. 256 numbers in 1 .. 256 that do not rise, with or without empty steps."""
    values = st.lists(st.integers(1, 256), min_size=1, max_size=255, unique=True) | st.lists(st.integers(1, 256), max_size=255)
    return st.builds(lambda numbers, last: sorted([*numbers, last], reverse=True), values, st.integers(1, 255)).filter(
        lambda numbers: len(numbers) > 1
    )


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


def test_steps_may_be_empty():
    encoder = LatencyEncoder([256, 100, 100, 7, 7])
    assert sorted(set(encoder.encode(ALL_PIXELS).tolist())) == [1, 3, 5]
    assert encoder.encode(np.array([99, 100, 6, 7], np.uint8)).tolist() == [3, 1, 5, 3]


#: Steps, and the tables of docs/contract.md.
ROUNDED = {
    4: [213, 128, 43, 1],
    8: [237, 201, 164, 128, 92, 55, 19, 1],
    16: [247, 230, 213, 196, 179, 162, 145, 128, 111, 94, 77, 60, 43, 26, 9, 1],
}


@pytest.mark.parametrize("time_steps", ROUNDED)
def test_tables_that_give_the_linear_code_of_other_libraries(time_steps):
    """Both round ``(T - 1) (1 - p / 255)`` to the nearest step; their black pixels spike at the last step, ours never."""
    times = LatencyEncoder(ROUNDED[time_steps]).encode(ALL_PIXELS).tolist()
    assert times == [time_steps, *(round((time_steps - 1) * (1 - pixel / 255)) for pixel in range(1, 256))]


@pytest.mark.parametrize(
    ("time_steps", "thresholds"),
    [(4, [150, 47, 9, 1]), (8, [155, 57, 21, 8, 3, 1, 1, 1]), (16, [155, 57, 21, 8, 3, 2] + [1] * 10)],
)
def test_tables_that_give_a_logarithmic_code(time_steps, thresholds):
    """SpikingJelly's: ``T - 1 - ln(a x + 1)`` rounded, with ``a`` such that the darkest pixel spikes last."""
    scale = math.exp(time_steps - 1) - 1
    wanted = [round(time_steps - 1 - math.log(scale * pixel / 255 + 1)) for pixel in range(1, 256)]
    assert LatencyEncoder(thresholds).encode(ALL_PIXELS).tolist() == [time_steps, *wanted]


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
        ([9, 5, 6], InputError, r"must not rise, but thresholds\[1\] = 5 is followed by 6"),
        ([256, 256], InputError, r"the last encoder threshold must be in 1 \.\. 255, not 256"),
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


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        (bool, "make false and true 0 and 255"),
        (np.float32, "multiply them by 255 if they are 0 .. 1"),
        (np.int64, "convert values in 0 .. 255 with images.astype"),
        (complex, "scale and convert them"),
    ],
)
def test_pixels_of_another_type_are_refused_with_advice(dtype, advice):
    with pytest.raises(InputTypeError, match=rf"not of {np.dtype(dtype)}; {advice}"):
        check_pixels(np.zeros(3, dtype))
