"""Kernels: what a spike counts, by its step."""

import numpy as np
from numpy.typing import ArrayLike

from ..common.checks import falling_array, whole_number

MIN_STEPS, MAX_STEPS = 2, 32

#: The most that a spike counts: 16 bits.
MAX_VALUE = (1 << 16) - 1


def linear_kernel(time_steps: int) -> np.ndarray:
    """Return the linear kernel ``k[t] = T - t``, int32, shape (T,).

    Raises
    ------
    InputTypeError, InputError
        If ``time_steps`` is not in 2 .. 32.
    """
    return np.arange(whole_number(time_steps, "time_steps", MIN_STEPS, MAX_STEPS), 0, -1, dtype=np.int32)


def base_two_kernel(time_steps: int) -> np.ndarray:
    """Return the kernel of powers of two ``k[t] = 2 ** (T - 1 - t)``, int32, shape (T,).

    Raises
    ------
    InputTypeError, InputError
        If ``time_steps`` is not in 2 .. 16: a spike counts at most 65535.
    """
    most = MAX_VALUE.bit_length()
    steps = whole_number(time_steps, "time_steps of a kernel of powers of two", MIN_STEPS, most)
    return (1 << np.arange(steps)[::-1]).astype(np.int32)


def checked_kernel(values: ArrayLike, name: str) -> np.ndarray:
    """Return a kernel as a read-only array, int32, shape (T,).

    Parameters
    ----------
    values : array_like of int, shape (T,)
        2 .. 32 numbers in 1 .. 65535, each below the one before.
    name : str
        What errors call it.

    Raises
    ------
    InputTypeError, InputError
        If they are not such numbers.
    """
    kernel = falling_array(values, name, 1, MAX_VALUE)
    whole_number(len(kernel), f"number of steps of the {name}", MIN_STEPS, MAX_STEPS)
    return kernel
