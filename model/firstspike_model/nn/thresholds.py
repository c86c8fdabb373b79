"""Thresholds in whole numbers: the first that a potential reaches is the spike time of the level that it rounds to."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np


def spike_thresholds(kernel: np.ndarray, step: float, unit: float) -> np.ndarray:
    """Return the thresholds of a layer, int64, shape (T,), strictly falling, each at least 1.

    A potential ``V`` has the value ``V * unit``. The first ``t`` with ``V >= thresholds[t]`` is that of the level ``step *
    kernel[t]`` nearest to this value; of two equally near levels, the higher one. No threshold is reached where 0 is nearest.
    So a threshold is halfway between two levels, in units, rounded up; computed in fractions, so it is exact.

    If the unit is coarser than the levels, no potential rounds to some of them, and several thresholds would be equal. As
    thresholds must fall, each is then raised to at least 1 above the next, from the last to the first. A potential at which
    several coincide then spikes at the latest of their steps.

    Parameters
    ----------
    kernel : ndarray of int, shape (T,)
    step, unit : float
        Above 0.
    """
    return _falling(halfway_thresholds(kernel, step, unit))


def halfway_thresholds(kernel: np.ndarray, step: float, unit: float) -> list[int]:
    """Return the thresholds of `spike_thresholds` before equal ones are raised."""
    levels = [*map(int, kernel), 0]
    ratio = Fraction(step) / Fraction(unit) / 2
    return [math.ceil(ratio * (level + lower)) for level, lower in pairwise(levels)]


def output_thresholds(time_steps: int, highest: int, winning: np.ndarray | None = None) -> np.ndarray:
    """Return thresholds of the output layer: int64, shape (T,), strictly falling, each at least 1.

    They set the classes' latencies and no class, because all outputs share them.

    Parameters
    ----------
    time_steps : int
        ``T``.
    highest : int
        The highest possible potential.
    winning : ndarray of int, shape (images,), optional
        The largest potential of each image. An equal share of the images is then decided in each step, as far as these are
        different and above 0. Without it, thresholds divide 1 .. ``highest`` evenly.
    """
    steps = np.arange(1, time_steps + 1)
    if winning is None or len(winning) == 0:
        shares = [-(-max(highest, 1) * int(time_steps - step + 1) // time_steps) for step in steps]
        return _falling([*shares[:-1], 1])
    falling = np.sort(winning)[::-1]
    return _falling([int(falling[-(-len(falling) * int(step) // time_steps) - 1]) for step in steps])


def _falling(values: list[int]) -> np.ndarray:
    """Return values, each raised to at least 1 and to 1 above the next."""
    fallen = [max(1, values[-1])]
    for value in reversed(values[:-1]):
        fallen.append(max(value, fallen[-1] + 1))
    return np.array(fallen[::-1], np.int64)
