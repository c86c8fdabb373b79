"""The sources of a layer as they lie in the lanes of the layer before, and the rows that they lead to."""

from dataclasses import dataclass

import numpy as np

from ..network.layer import Layer
from ..network.map_layout import MapLayout


@dataclass(frozen=True)
class LaneSources:
    """The sources that a lane of the layer before can have, as many as the fullest one.

    Attributes
    ----------
    lanes : int
        Of the layer before.
    numbers : ndarray of int64, shape (channels * positions,)
        Of each source, by channel and position, within the lane.
    places : int
        Numbers that there are.
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
        """Return the neurons of a hidden layer that lies in so many lanes."""
        layout, channels = MapLayout(layer.maps), -(-layer.channels // lanes)
        return cls(lanes, layout.numbers(np.arange(channels)), layout.lane_places(channels))


def rows_and_bases(layer: Layer, sources: LaneSources) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of each number of a lane of sources, within that lane, and its base."""
    if layer.maps.is_flat:
        return sources.numbers, np.zeros_like(sources.numbers)
    per_channel = layer.maps.height * layer.maps.width  # inputs may have several channels in their one lane
    return MapLayout(layer.maps).rows_and_bases(len(sources.numbers) // per_channel)
