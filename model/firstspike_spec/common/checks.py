"""Checks of values from outside, each with one clear error message."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import InputError, InputTypeError
from .text import quoted


def whole_number(value: object, name: str, low: int, high: int) -> int:
    """Return ``value`` as an ``int`` in ``low .. high``, or raise an error.

    Raises
    ------
    InputTypeError
        If ``value`` is not an integer (``bool`` and ``float`` are not).
    InputError
        If it is outside ``low .. high``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InputTypeError(f"{name} must be a whole number, not {quoted(value)}")
    if not low <= value <= high:
        raise InputError(f"{name} must be in {low} .. {high}, not {quoted(int(value))}")
    return int(value)


def array_of(values: object, name: str) -> np.ndarray:
    """Return values as an array of any type, or raise `InputError` if they cannot form one."""
    try:
        return np.asarray(values)
    except (ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{name} must be an array, or lists of one length, not {quoted(values)}") from error


def whole_array(
    values: object, name: str, low: int, high: int, dtype: type[np.integer], length: int | None = None
) -> np.ndarray:
    """Return a one-dimensional, read-only array of integers in ``low .. high``.

    Parameters
    ----------
    values : array_like of int
        Any integer type; floats, objects and booleans are refused, even if all their values are integers.
    name : str
        What errors call it.
    low, high : int
        The range that every element must be in.
    dtype : numpy integer type
        The type of the result; it must hold ``low .. high``.
    length : int, optional
        The required length.

    Raises
    ------
    InputTypeError
        If ``values`` are not integers.
    InputError
        If their number of dimensions, length or range is wrong.
    """
    array = array_of(values, name)
    if array.size == 0 and array.ndim == 1 and isinstance(values, Sequence):
        array = array.astype(dtype)
    if array.dtype.kind not in "iu":
        raise InputTypeError(f"{name} must be integers, not an array of type {array.dtype}")
    if array.ndim != 1 or (length is not None and array.shape != (length,)):
        wanted = "one dimension" if length is None else f"the shape ({length},)"
        raise InputError(f"{name} must have {wanted}, not the shape {array.shape}")
    outside = (array < low) | (array > high)
    if outside.any():
        at = int(np.argmax(outside))
        raise InputError(f"{name}[{at}] must be in {low} .. {high}, not {array[at]}")
    array = array.astype(dtype)  # always a copy: the caller's array stays writable
    array.setflags(write=False)
    return array


def falling_array(values: object, name: str, low: int, high: int) -> np.ndarray:
    """Return a one-dimensional, read-only array of int32 in ``low .. high``, each number below the one before.

    Raises
    ------
    InputTypeError, InputError
        If the values are not such numbers; the message names the first place.
    """
    array = whole_array(values, name, low, high, np.int32)
    rising = np.flatnonzero(np.diff(array) >= 0)
    if len(rising):
        at = int(rising[0])
        raise InputError(f"{name} must fall, but {name}[{at}] = {array[at]} is followed by {array[at + 1]}")
    return array


def sequence(values: object, name: str) -> tuple[Any, ...]:
    """Return values as a tuple, or raise `InputTypeError` if they are not a sequence; a string does not count."""
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str | bytes):
        raise InputTypeError(f"{name} must be a list, not {quoted(values)}")
    return tuple(values)
