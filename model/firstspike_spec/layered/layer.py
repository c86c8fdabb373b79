"""A layer of a layered network: neurons that take in all spikes of their sources, then fire once."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..common.checks import falling_array, sequence, whole_array, whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..network.connections import signed_bits
from ..network.layer import checked_potential_bits
from ..network.maps import MAX_POOLING, Maps
from ..network.sizes import Size
from .kernels import MAX_STEPS, MIN_STEPS
from .projection import Projection

#: Most projections of a layer.
MAX_PROJECTIONS = 8


@dataclass(frozen=True, eq=False, init=False)
class LayeredLayer:
    """A layer with one or more projections, a table of falling thresholds, and perhaps max pooling.

    The potential of a neuron is its initial potential plus, over all projections and all their sources that spiked, the
    weight times what the source's spike counts. The neuron spikes at the first step whose threshold the potential reaches.

    Parameters
    ----------
    projections : sequence of Projection
        1 .. 8, with the same target channels and positions.
    initial_potentials : array_like of int, shape (channels,)
        A signed number of 32 bits for each target channel.
    thresholds : array_like of int, shape (T,)
        2 .. 32 numbers in 1 .. 2147483647, each below the one before.
    max_pooling : int
        1 .. 8, at most the sides of the layer's maps: the earliest spike of each square of this side passes. Squares do not
        overlap; what is left at the right and lower edges is dropped.
    potential_bits : int, optional
        Width of the potential. By default the narrowest that holds every partial sum in any order; at most 32. The network
        knows what a spike counts, and so checks it.

    Raises
    ------
    InputTypeError, InputError
        If a part is of the wrong kind, out of range, or does not fit the others.
    """

    projections: tuple[Projection, ...]
    initial_potentials: np.ndarray
    thresholds: np.ndarray
    max_pooling: int
    potential_bits: int | None

    def __init__(
        self,
        projections: Sequence[Projection],
        initial_potentials: ArrayLike,
        thresholds: ArrayLike,
        max_pooling: int = 1,
        potential_bits: int | None = None,
    ) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)  # the class is frozen

        limit = 1 << 31
        found = sequence(projections, "projections")
        whole_number(len(found), "number of projections", 1, MAX_PROJECTIONS)
        for projection in found:
            if not isinstance(projection, Projection):
                raise InputTypeError(f"projections must be a list of Projection, not of {quoted(projection)}")
        put("projections", found)
        for projection in found[1:]:
            if projection.target_shape != self.target_shape:
                mine, theirs = (" x ".join(map(str, shape)) for shape in (self.target_shape, projection.target_shape))
                raise InputError(
                    f"all projections of a layer must have neurons of the same shape, but the one from source "
                    f"{found[0].source} has {mine}, and the one from source {projection.source} has {theirs}"
                )
        put(
            "initial_potentials",
            whole_array(initial_potentials, "initial_potentials", -limit, limit - 1, np.int32, found[0].channels),
        )
        put("thresholds", falling_array(thresholds, "thresholds", 1, limit - 1))
        whole_number(len(self.thresholds), "number of thresholds (time steps)", MIN_STEPS, MAX_STEPS)
        most = min(MAX_POOLING, max(1, min(self.target_shape[1:])))
        put("max_pooling", whole_number(max_pooling, "max_pooling", 1, most))
        put("potential_bits", None if potential_bits is None else checked_potential_bits(potential_bits, 1))

    @property
    def maps(self) -> Maps:
        """The maps of the first projection; all have the same positions."""
        return self.projections[0].maps

    @property
    def channels(self) -> int:
        """Number of target channels; without maps, of neurons."""
        return self.projections[0].channels

    @property
    def target_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the neurons, before max pooling."""
        return self.projections[0].target_shape

    @property
    def targets(self) -> int:
        """Number of neurons, before max pooling."""
        return self.projections[0].targets

    @property
    def spike_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the layer's spikes, after max pooling."""
        channels, height, width = self.target_shape
        return channels, height // self.max_pooling, width // self.max_pooling

    @property
    def spikes(self) -> int:
        """Most spikes that the layer sends in an inference: the number of neurons, or of squares of them."""
        return math.prod(self.spike_shape)

    @property
    def time_steps(self) -> int:
        """``T``, the number of thresholds."""
        return len(self.thresholds)

    @property
    def synapses(self) -> int:
        """Number of connections kept; in convolutions, of weights of the kernels."""
        return sum(projection.synapses for projection in self.projections)

    @property
    def possible_synapses(self) -> int:
        """Number of connections, kept or not; in convolutions, of weights of the kernels."""
        return sum(projection.possible_synapses for projection in self.projections)

    @property
    def connectivity(self) -> float:
        """Share of the possible connections that is kept, 0 .. 1."""
        return self.synapses / self.possible_synapses

    @property
    def size(self) -> Size:
        """What the layer counts for the limits of a network."""
        return joined_size(Size.of(part.channels, part.synapses, part.maps) for part in self.projections)

    @cached_property
    def neuron_initial_potentials(self) -> np.ndarray:
        """The initial potential of each neuron: int64, shape (targets,)."""
        return self.initial_potentials.astype(np.int64).repeat(self.maps.positions)

    def potential_range(self, highest: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest and the highest partial sum of each neuron, two arrays of int64, shape (targets,).

        Sums may be formed in any order, so the extremes are the initial potential plus all that is negative, and plus all that
        is positive.

        Parameters
        ----------
        highest : sequence of int
            The most that a spike of each source counts, the input first.
        """
        negative, positive = self._largest_sums(highest)
        return self.neuron_initial_potentials + negative, self.neuron_initial_potentials + positive

    def largest_sum(self, highest: Sequence[int]) -> int:
        """Return a bound, plus 1, on the magnitude of each potential, and of each partial sum with or without the initial one.

        Parameters
        ----------
        highest : sequence of int
            As for `potential_range`.
        """
        negative, positive = self._largest_sums(highest)
        return 1 + int((np.abs(self.neuron_initial_potentials) + np.maximum(positive, -negative)).max())

    def _largest_sums(self, highest: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the most that the spikes of all sources can add: two of int64, shape (targets,)."""
        low, high = np.zeros(self.targets, np.int64), np.zeros(self.targets, np.int64)
        for projection in self.projections:
            negative, positive = projection.largest_sums
            low += negative * highest[projection.source]
            high += positive * highest[projection.source]
        return low, high

    def required_potential_bits(self, highest: Sequence[int]) -> int:
        """Return the width of the narrowest signed number that holds every value of `potential_range`."""
        low, high = self.potential_range(highest)
        return signed_bits(int(low.min()), int(high.max()))


def joined_size(projections: Iterable[Size]) -> Size:
    """Return the size of a layer from those of its projections, which all lead to the same neurons."""
    neurons, *others = zip(*projections, strict=True)
    return Size(max(neurons), *map(sum, others))
