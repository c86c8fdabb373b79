"""Connections: sparse integer weights, and how they lie over maps."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..common.checks import array_of, whole_array, whole_number
from ..common.errors import InputError, InputTypeError
from .map_layout import MapLayout
from .maps import MAX_NEURONS, Maps, check_maps

MAX_WEIGHT_BITS = 16

#: The activity of a source that spikes in every inference.
FULL_ACTIVITY = (1 << 16) - 1

#: Most possible connections of a layer, kept or not: the golden model holds them as a matrix.
MAX_CONNECTIONS = 1 << 26

#: Most entries of kernels in one matrix while sums of weights are computed.
_KERNEL_ENTRIES = 1 << 21


def signed_bits(low: int, high: int) -> int:
    """Return the width of the narrowest two's-complement number that holds ``low .. high``."""
    return 1 + max((-1 - low if low < 0 else low).bit_length(), (-1 - high if high < 0 else high).bit_length())


@dataclass(frozen=True, eq=False, init=False)
class Connections:
    """The connections from some sources to the neurons of a layer, all to all or as a convolution; a base class.

    The connections are stored as compressed sparse rows by source (CSR), as the hardware reads them; with maps, by tap. Row
    ``i`` holds the target channels of tap ``i`` in ``row_targets[row_starts[i] : row_starts[i + 1]]``, in rising order, and
    their weights at the same places of ``row_weights``. A pruned connection has no entry, so no stored weight is zero.
    Without maps, a tap is a source and a target channel is a neuron. With maps, `Maps` defines which neurons see which
    sources through which tap. A neuron's number is that of its target channel times ``maps.positions``, plus its position,
    row by row.

    Parameters
    ----------
    row_starts : array_like of int, shape (taps + 1,)
    row_targets : array_like of int, shape (synapses,)
        Each in ``0 .. channels - 1``.
    row_weights : array_like of int, shape (synapses,)
        Each a non-zero signed number of ``weight_bits``.
    channels : int
        Number of target channels; without maps, of neurons.
    weight_bits : int
        1 .. 16.
    activity : array_like of int, shape (sources,), optional
        Share of inferences in which each source spikes, in a step-by-step network no later than the decision step, in units
        of 1/65535: 0 .. 65535. `firstspike_spec.profile` measures it. It changes no result and does not count in a network's
        digest; the compiler uses it to balance the work of the lanes.
    maps : Maps, optional
        How sources and neurons lie; by default `Maps.flat`.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind, out of range, or does not fit the others; the message names the place.
    """

    row_starts: np.ndarray
    row_targets: np.ndarray
    row_weights: np.ndarray
    channels: int = field(init=False)
    weight_bits: int
    activity: np.ndarray | None
    maps: Maps

    def __init__(
        self,
        row_starts: ArrayLike,
        row_targets: ArrayLike,
        row_weights: ArrayLike,
        channels: int,
        weight_bits: int,
        activity: ArrayLike | None = None,
        maps: Maps | None = None,
    ) -> None:
        self._put("weight_bits", whole_number(weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS))
        self._put("channels", whole_number(channels, "number of neurons", 1, MAX_NEURONS))
        self._put("row_targets", whole_array(row_targets, "row_targets", 0, self.channels - 1, np.int32))
        half = 1 << (self.weight_bits - 1)
        self._put("row_weights", whole_array(row_weights, "row_weights", -half, half - 1, np.int16, self.synapses))
        self._put("row_starts", whole_array(row_starts, "row_starts", 0, self.synapses, np.int64))
        taps = whole_number(len(self.row_starts) - 1, "number of sources", 1, MAX_NEURONS)
        whole_number(taps * self.channels, "number of possible connections", 1, MAX_CONNECTIONS)
        self._put("maps", Maps.flat(taps) if maps is None else check_maps(maps))
        if self.maps.taps != taps:
            raise InputError(f"row_starts must be one more than the maps' taps, {self.maps.taps + 1}, not {taps + 1}")
        whole_number(self.targets, "number of neurons", 1, MAX_NEURONS)
        self._check_rows()
        if activity is not None:
            activity = whole_array(activity, "activity", 0, FULL_ACTIVITY, np.uint16, self.sources)
        self._put("activity", activity)

    def _put(self, name: str, value: object) -> None:
        """Set an attribute while the object is made; the class is frozen."""
        object.__setattr__(self, name, value)

    def _check_rows(self) -> None:
        starts = self.row_starts
        if starts[0] != 0 or starts[-1] != self.synapses:
            raise InputError(
                f"row_starts must run from 0 to the number of synapses, {self.synapses}, not from {starts[0]} to {starts[-1]}"
            )
        falling = np.flatnonzero(np.diff(starts) < 0)
        if len(falling):
            raise InputError(f"row_starts must not fall, but falls after source {falling[0]}")
        unsorted = np.flatnonzero((np.diff(self.row_targets) <= 0) & (np.diff(self.taps_of_synapses) == 0))
        if len(unsorted):
            at = int(unsorted[0])
            raise InputError(
                f"the targets of source {self.taps_of_synapses[at]} must strictly rise, "
                f"but {self.row_targets[at]} is followed by {self.row_targets[at + 1]}"
            )
        zero = np.flatnonzero(self.row_weights == 0)
        if len(zero):
            raise InputError(f"row_weights[{zero[0]}] is 0: a pruned connection has no entry; leave it out")

    def dense(self) -> np.ndarray:
        """Return the matrix of weights ``w[j, i]``, int32, shape (channels, taps)."""
        weights = np.zeros((self.channels, self.maps.taps), np.int32)
        weights[self.row_targets, self.taps_of_synapses] = self.row_weights
        return weights

    @property
    def sources(self) -> int:
        """Number of source neurons."""
        return self.maps.sources

    @property
    def targets(self) -> int:
        """Number of neurons of this layer."""
        return self.channels * self.maps.positions

    @property
    def target_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of this layer's neurons."""
        return self.channels, self.maps.target_height, self.maps.target_width

    @property
    def synapses(self) -> int:
        """Number of connections kept; in a convolution, of weights of the kernels."""
        return len(self.row_targets)

    @property
    def possible_synapses(self) -> int:
        """Number of connections, kept or not; in a convolution, of weights of the kernels."""
        return self.channels * self.maps.taps

    @property
    def connectivity(self) -> float:
        """Share of the possible connections that is kept, 0 .. 1."""
        return self.synapses / self.possible_synapses

    @cached_property
    def row_lengths(self) -> np.ndarray:
        """Number of connections that each tap has, shape (taps,)."""
        return np.diff(self.row_starts)

    @cached_property
    def operations(self) -> np.ndarray:
        """Number of weights that a spike of each source reads and adds, int64, shape (sources,).

        In a convolution that is a whole row, all weights of the source's channel and phase. Some of them belong to places
        beyond the map's edges, which have no neuron.
        """
        layout = MapLayout(self.maps)
        lengths = np.zeros(layout.rows, np.int64)
        np.add.at(lengths, layout.row_of_tap, self.row_lengths)
        return np.where(layout.row_of_source >= 0, lengths[layout.row_of_source], 0)

    @cached_property
    def taps_of_synapses(self) -> np.ndarray:
        """The tap of each entry, shape (synapses,); without maps, its source."""
        return np.repeat(np.arange(self.maps.taps), self.row_lengths)

    @property
    def expected_operations(self) -> float | None:
        """Weights that an inference with early exit adds on average, or ``None`` without `activity`."""
        return None if self.activity is None else float(self.operations @ (self.activity / FULL_ACTIVITY))

    @cached_property
    def largest_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum of the negative, and of the positive weights that can reach each neuron: two of int64, shape (targets,)."""
        return self._sums(np.minimum(self.row_weights, 0)), self._sums(np.maximum(self.row_weights, 0))

    def _sums(self, weights: np.ndarray) -> np.ndarray:
        """Return, for each neuron, the sum of ``weights`` times the most spikes that their taps can count."""
        if self.maps.is_convolution:
            return self._kernel_sums(weights)
        counts = self.maps.counts[0].astype(np.int64)[self.taps_of_synapses]
        # Whole numbers far below 2 ** 53, so exact in the float64 of `bincount`.
        return np.bincount(self.row_targets, counts * weights, self.channels).astype(np.int64)

    def _kernel_sums(self, weights: np.ndarray) -> np.ndarray:
        """Return `_sums` of a convolution."""
        order = np.argsort(self.row_targets, kind="stable")
        targets, taps, weights = self.row_targets[order], self.taps_of_synapses[order], weights[order]
        counts = self.maps.counts.T.astype(np.float64)
        total = np.empty((self.channels, self.maps.positions), np.int64)
        block = max(1, _KERNEL_ENTRIES // self.maps.taps)
        for first in range(0, self.channels, block):
            begin, end = np.searchsorted(targets, (first, first + block))
            kernels = np.zeros((min(block, self.channels - first), self.maps.taps))
            kernels[targets[begin:end] - first, taps[begin:end]] = weights[begin:end]
            total[first : first + block] = kernels @ counts  # exact: far below 2 ** 53
        return total.reshape(-1)


class Rows(NamedTuple):
    """Compressed sparse rows, as `Connections` has them, and the number of target channels."""

    starts: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    channels: int


def rows_of(weights: ArrayLike) -> Rows:
    """Return the rows of the non-zero entries of a matrix of weights.

    Parameters
    ----------
    weights : array_like of int, shape (channels, taps)

    Raises
    ------
    InputTypeError, InputError
        If ``weights`` are not a matrix of integers.
    """
    matrix = array_of(weights, "weights")
    if matrix.dtype.kind not in "iu":
        raise InputTypeError(f"weights must be integers, not an array of type {matrix.dtype}")
    if matrix.ndim != 2:
        raise InputError(f"weights must have the shape (targets, sources), not {matrix.shape}")
    taps, channels = np.nonzero(matrix.T)
    starts = np.concatenate([[0], np.cumsum(np.bincount(taps, minlength=matrix.shape[1]))])
    return Rows(starts, channels, matrix[channels, taps], len(matrix))
