"""Kernels by their formulas."""

import numpy as np
import pytest

from firstspike_spec import InputError, InputTypeError, base_two_kernel, linear_kernel


@pytest.mark.parametrize("steps", [2, 5, 32])
def test_linear(steps):
    assert linear_kernel(steps).tolist() == [steps - step for step in range(steps)]
    assert linear_kernel(steps).dtype == np.int32


@pytest.mark.parametrize("steps", [2, 5, 16])
def test_powers_of_two(steps):
    assert base_two_kernel(steps).tolist() == [2 ** (steps - 1 - step) for step in range(steps)]
    assert base_two_kernel(steps).dtype == np.int32


@pytest.mark.parametrize(("kernel", "most"), [(linear_kernel, 32), (base_two_kernel, 16)])
def test_numbers_of_steps(kernel, most):
    for steps in (1, most + 1):
        with pytest.raises(InputError, match=rf"time_steps.* must be in 2 .. {most}, not {steps}"):
            kernel(steps)
    with pytest.raises(InputTypeError, match=r"time_steps.* must be a whole number, not 4.0"):
        kernel(4.0)
