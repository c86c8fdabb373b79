"""The sources of a layer as they lie in the lanes of the layer before, and the address table that leads to their rows."""

from dataclasses import dataclass

import numpy as np

from ..network.layer import Layer
from ..network.map_layout import MapLayout
from .shapes import AddressTableShape


@dataclass(frozen=True)
class LaneSources:
    """The sources that a lane of the layer before can hold. All lanes are described by the fullest one.

    Attributes
    ----------
    lanes : int
        Lanes of the layer before.
    numbers : ndarray of int64, shape (channels * positions,)
        The number of each source within the lane, by the lane's channels and their positions.
    places : int
        Numbers within a lane, with or without a source.
    """

    lanes: int
    numbers: np.ndarray
    places: int

    @classmethod
    def inputs(cls, count: int) -> "LaneSources":
        """Return the inputs, all of them in one lane."""
        return cls(1, np.arange(count), count)

    @classmethod
    def of(cls, layer: Layer, lanes: int) -> "LaneSources":
        """Return the neurons of a hidden layer in ``lanes`` lanes."""
        layout, channels = MapLayout(layer.maps), -(-layer.channels // lanes)
        return cls(lanes, layout.numbers(np.arange(channels)), layout.lane_places(channels))

    @property
    def lane_bits(self) -> int:
        """Width of a lane's number; 0 for one lane."""
        return (self.lanes - 1).bit_length()


def rows_and_bases(layer: Layer, sources: LaneSources) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each of ``sources.numbers`` among those of its lane, -1 if no neuron sees it, and its base.

    Returns
    -------
    rows, bases : ndarray of int64, shape of ``sources.numbers``
    """
    if layer.maps.is_flat:
        return sources.numbers, np.zeros_like(sources.numbers)
    per_channel = layer.maps.height * layer.maps.width  # inputs may have several channels in their one lane
    return MapLayout(layer.maps).rows_and_bases(len(sources.numbers) // per_channel)


def smallest_address_table(layer: Layer, sources: LaneSources) -> AddressTableShape:
    """Return the smallest address table that leads to a layer's rows."""
    rows, bases = rows_and_bases(layer, sources)
    highest = max(0, int(rows.max())) << sources.lane_bits | (sources.lanes - 1)
    row_bits = max(1, (highest + 1).bit_length() - sources.lane_bits)  # no source has the row of all ones
    return AddressTableShape(sources.places, sources.lane_bits, row_bits, int(bases.max()).bit_length())
