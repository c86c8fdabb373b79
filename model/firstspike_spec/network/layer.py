"""A layer of a step-by-step network: integrate-and-fire neurons and their connections."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..common.checks import array_of, whole_array, whole_number
from ..common.errors import InputError
from .connections import Connections, rows_of, signed_bits
from .maps import Maps

MAX_POTENTIAL_BITS = 32

#: Integers up to this magnitude are exact in float32, whose matrix product is many times faster than numpy's integer one.
EXACT_IN_FLOAT32 = 1 << 24


@dataclass(frozen=True, eq=False, init=False)
class Layer(Connections):
    """A sparsely connected layer of integrate-and-fire neurons, fully connected or a convolution.

    Parameters
    ----------
    row_starts, row_targets, row_weights, weight_bits, activity, maps
        As for `Connections`; the sources are those of the layer before.
    initial_potentials : array_like of int, shape (channels,)
        ``b``: the potential of each target channel's neurons before the first step, a signed number of 32 bits.
    threshold : int
        ``theta``, 1 .. 2147483647.
    potential_bits : int, optional
        Width of the potential minus the threshold, the number that the hardware keeps. By default the narrowest one that
        can neither wrap nor saturate (`required_potential_bits`); at most 32.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind, out of range, or does not fit the others; the message names the place.
    """

    initial_potentials: np.ndarray
    threshold: int
    potential_bits: int

    def __init__(
        self,
        row_starts: ArrayLike,
        row_targets: ArrayLike,
        row_weights: ArrayLike,
        initial_potentials: ArrayLike,
        threshold: int,
        weight_bits: int,
        potential_bits: int | None = None,
        activity: ArrayLike | None = None,
        maps: Maps | None = None,
    ) -> None:
        limit = 1 << 31
        self._put("threshold", whole_number(threshold, "threshold", 1, limit - 1))
        self._put("initial_potentials", whole_array(initial_potentials, "initial_potentials", -limit, limit - 1, np.int32))
        super().__init__(row_starts, row_targets, row_weights, len(self.initial_potentials), weight_bits, activity, maps)

        low, high = (int(end) + self.threshold for end in (self.potential_range[0].min(), self.potential_range[1].max()))
        whole_number(low, "the lowest potential", -limit, limit - 1)
        whole_number(high, "the highest potential", -limit, limit - 1)
        self._put("potential_bits", checked_potential_bits(potential_bits, self.required_potential_bits))

    @classmethod
    def from_dense(
        cls,
        weights: ArrayLike,
        initial_potentials: ArrayLike,
        threshold: int,
        weight_bits: int,
        potential_bits: int | None = None,
        activity: ArrayLike | None = None,
        maps: Maps | None = None,
    ) -> "Layer":
        """Return the layer with the non-zero entries of a matrix of weights.

        Parameters
        ----------
        weights : array_like of int, shape (channels, taps)
            ``w[j, i]``: through tap ``i`` (without maps, from source ``i``) to target channel ``j``; 0 for no connection.
        initial_potentials, threshold, weight_bits, potential_bits, activity, maps
            As for `Layer`.

        Raises
        ------
        InputTypeError, InputError
            If ``weights`` are not a matrix of integers, or as for `Layer`.
        """
        rows = rows_of(weights)
        shape = array_of(initial_potentials, "initial_potentials").shape
        if shape != (rows.channels,):
            raise InputError(
                f"initial_potentials must have the shape ({rows.channels},), one for each row of weights, not {shape}"
            )
        return cls(
            rows.starts,
            rows.targets,
            rows.weights,
            initial_potentials,
            threshold,
            weight_bits,
            potential_bits,
            activity,
            maps,
        )

    @cached_property
    def neuron_initial_potentials(self) -> np.ndarray:
        """The potential of each neuron before the first step: int64, shape (targets,)."""
        return self.initial_potentials.astype(np.int64).repeat(self.maps.positions)

    @cached_property
    def potential_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest value that ``V - theta`` of each neuron can take, two arrays of shape (targets,).

        Each source spikes at most once and in any order, so the extremes are the initial potential plus all negative, and
        plus all positive weights.
        """
        initial = self.neuron_initial_potentials - self.threshold
        negative, positive = self.largest_sums
        return initial + negative, initial + positive

    @cached_property
    def largest_sum(self) -> int:
        """A bound on the magnitude of the threshold, of every potential ``V``, and of every partial sum on the way to it."""
        negative, positive = self.largest_sums
        return max(self.threshold, int((np.abs(self.neuron_initial_potentials) + np.maximum(positive, -negative)).max()))

    @property
    def required_potential_bits(self) -> int:
        """Width of the narrowest signed number that holds every value of `potential_range`."""
        low, high = self.potential_range
        return signed_bits(int(low.min()), int(high.max()))


def checked_potential_bits(stated: int | None, wanted: int) -> int:
    """Return the width of a potential: the one that is stated, or by default the one that is wanted.

    Raises
    ------
    InputTypeError, InputError
        If the stated one is not in 1 .. 32, or narrower than ``wanted``.
    """
    bits = whole_number(wanted if stated is None else stated, "potential_bits", 1, MAX_POTENTIAL_BITS)
    if bits < wanted:
        raise InputError(f"potential_bits = {bits} is too narrow: with these weights the worst case needs {wanted} bits")
    return bits
