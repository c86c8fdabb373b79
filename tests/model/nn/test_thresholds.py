"""Thresholds in whole numbers give every potential the spike time of the level that it rounds to."""

from fractions import Fraction

import numpy as np
import pytest

from firstspike_model.nn import base_two_kernel, linear_kernel
from firstspike_model.nn.thresholds import output_thresholds, spike_thresholds


def rounded(potential: int, kernel, step: float, unit: float) -> int:
    """The spike time of the level nearest to ``potential * unit``, of two the higher one, by looking at all in fractions."""
    value = Fraction(unit) * potential / Fraction(step)
    levels = [*map(int, kernel), 0]
    return min(range(len(levels)), key=lambda t: (abs(value - levels[t]), -levels[t]))


def first_reached(potential: int, thresholds) -> int:
    return next((t for t, threshold in enumerate(thresholds) if potential >= threshold), len(thresholds))


@pytest.mark.parametrize("kernel", [linear_kernel(4), linear_kernel(16), base_two_kernel(5), [13, 6, 5, 1]], ids=str)
@pytest.mark.parametrize("unit", [1.0, 0.5, 0.25, 0.1, 0.037, 1 / 3])
@pytest.mark.parametrize("step", [1.0, 1.5, 3.3])
def test_every_potential_rounds_to_its_spike_time(kernel, unit, step):
    thresholds = spike_thresholds(np.array(kernel), step, unit)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[-1] >= 1
    highest = int(1.2 * int(kernel[0]) * step / unit) + 2
    times = [first_reached(potential, thresholds) for potential in range(-20, highest)]
    assert times == [rounded(potential, kernel, step, unit) for potential in range(-20, highest)]
    assert set(times) == set(range(len(kernel) + 1))


def test_thresholds_fall_where_the_unit_is_coarser_than_the_levels():
    """Halves are 0.5, 1.5, 2.5 and 3.5 steps: in units of 3 steps 1, 1, 1 and 2, raised to 1, 2, 3 and 4."""
    assert spike_thresholds(linear_kernel(4), 1.0, 3.0).tolist() == [4, 3, 2, 1]
    # In units of 1.5 steps 1, 1, 2 and 3. So a potential of 1, which rounds to 1.5 steps, spikes at the latest step.
    thresholds = spike_thresholds(linear_kernel(4), 1.0, 1.5)
    assert thresholds.tolist() == [4, 3, 2, 1]
    assert first_reached(1, thresholds) == 3
    # Where nothing coincides, nothing is raised.
    assert spike_thresholds(linear_kernel(4), 1.0, 0.9).tolist() == [4, 3, 2, 1]


def test_output_thresholds_share_the_images():
    winning = np.random.default_rng(0).permutation(np.arange(5, 10_005))[:800]
    thresholds = output_thresholds(8, 12_000, winning)
    times = [first_reached(potential, thresholds) for potential in winning]
    assert np.bincount(times, minlength=9).tolist() == [100] * 8 + [0]
    assert (np.diff(thresholds) < 0).all()


@pytest.mark.parametrize(
    "winning", [np.zeros(5, np.int64), np.full(9, 3), np.array([-4, -2, 7]), np.array([], np.int64), None]
)
def test_output_thresholds_always_fall(winning):
    for highest in (-7, 0, 1, 3, 1000):
        thresholds = output_thresholds(6, highest, winning)
        assert (np.diff(thresholds) < 0).all()
        assert thresholds[-1] >= 1


def test_output_thresholds_divide_what_is_possible():
    assert output_thresholds(4, 1000).tolist() == [1000, 750, 500, 1]
