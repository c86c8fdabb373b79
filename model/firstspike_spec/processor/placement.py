"""The placement of layers on the processor's lanes: which lane has which units, so that the lanes share work and memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..layered.layer import LayeredLayer
from ..layered.network import LayeredNetwork
from ..network.base import image_maps
from .instructions import FIRE
from .layout import Entries, LayerLayout

#: The numbers of slots that a processor knows.
SLOTS = (1, 2, 4)

#: Most units of a lane that one FIRE can name.
_MOST_UNITS = (1 << FIRE[0].width("units")) - 1


def slot_choices(layer: LayeredLayer) -> tuple[int, ...]:
    """Return the numbers of slots that a layer can have: only convolutions have several, and no more than rows of windows."""
    rows = layer.spike_shape[1]
    return tuple(slots for slots in SLOTS if slots == 1 or (layer.maps.is_convolution and slots <= rows))


class LayerUnits:
    """A layer's units, with their entries.

    Parameters
    ----------
    layout : LayerLayout

    Attributes
    ----------
    first_rows : list of int
        The first row of each projection among the rows of the layer.
    rows : int
    entries : Entries
        Of all projections, with the rows of the layer.
    counts : ndarray of int64, shape (units,)
        Number of entries of each unit.
    works : ndarray of int64, shape (units,)
        Additions that an inference is expected to make for each unit, in units of 1 / `FULL_ACTIVITY`.
    spikes : int
        Spikes that the layer is expected to read in an inference, in the same units.
    """

    def __init__(self, layout: LayerLayout):
        self.layout = layout
        self.first_rows: list[int] = []
        self.rows = self.spikes = 0
        parts, expected = [], []
        for part in layout.projections:
            rows, *others = part.entries(layout.slots, layout.pitch)
            parts.append((rows + self.rows, *others))
            expected.append(part.expected_spikes())
            self.first_rows.append(self.rows)
            self.rows += part.rows
            self.spikes += int(part.activity.sum())
        self.entries = Entries(*map(np.concatenate, zip(*parts, strict=True)))
        self.counts = np.bincount(self.entries.units, minlength=layout.units)
        self.works = np.zeros(layout.units, np.int64)
        np.add.at(self.works, self.entries.units, np.concatenate(expected)[self.entries.rows])


class NetworkUnits:
    """The units of all layers of a network, for any number of slots; each is computed once.

    Parameters
    ----------
    network : LayeredNetwork
    """

    def __init__(self, network: LayeredNetwork):
        self.network = network
        self.shapes = [image_maps(network.input_shape), *(layer.spike_shape for layer in network.layers)]
        self._found: dict[tuple[int, int], LayerUnits] = {}

    def layout(self, index: int, slots: int) -> LayerLayout:
        """Return the layout of a layer."""
        return LayerLayout(self.network.layers[index], self.shapes, slots)

    def of(self, index: int, slots: int) -> LayerUnits:
        """Return the units of a layer."""
        if (index, slots) not in self._found:
            self._found[index, slots] = LayerUnits(self.layout(index, slots))
        return self._found[index, slots]

    def potentials_at_once(self, lanes: int) -> int:
        """Return the potentials of a lane with which every layer has one tile, and one slot."""
        layouts = [self.layout(index, 1) for index in range(len(self.network.layers))]
        return max(layout.places(-(-layout.units // lanes)) for layout in layouts)

    def fewest_slots(self, potentials: int) -> list[int]:
        """Return the smallest number of slots of each layer with which a unit fits a lane.

        If there is none, it is the number with the smallest units.
        """
        chosen = []
        for index, layer in enumerate(self.network.layers):
            places = {slots: self.layout(index, slots).places(1) for slots in slot_choices(layer)}
            fitting = [slots for slots, needed in places.items() if needed <= potentials]
            chosen.append(fitting[0] if fitting else min(places, key=places.__getitem__))
        return chosen


@dataclass(frozen=True, eq=False)
class LayerPlacement:
    """Where the units of a layer go.

    Attributes
    ----------
    units : LayerUnits
    tiles : tuple of ndarray of int64, each of shape (lanes, most units of a lane)
        The units of each lane in the order in which they lie there, -1 where it has fewer. A layer whose units do not fit the
        potentials has several tiles, which are computed one after the other.
    """

    units: LayerUnits
    tiles: tuple[np.ndarray, ...]

    @property
    def layout(self) -> LayerLayout:
        """Where the neurons of a unit lie."""
        return self.units.layout

    def owners(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the tile, the lane and the number in the lane of each unit: three of int64, shape (units,)."""
        owners = np.empty((3, self.layout.units), np.int64)
        for number, tile in enumerate(self.tiles):
            lanes, places = np.nonzero(tile >= 0)
            owners[:, tile[lanes, places]] = np.full(len(lanes), number), lanes, places
        return owners[0], owners[1], owners[2]

    def channels_and_slots(self, number: int) -> np.ndarray:
        """Return the target channel and the slot of the units of a tile, -1 for none: int64, shape (lanes, units, 2)."""
        tile = self.tiles[number]
        return np.where(tile[..., None] >= 0, np.stack(np.divmod(tile, self.layout.slots), axis=-1), -1)

    @property
    def cycles(self) -> int:
        """Cycles that an inference is expected to take, in units of 1 / `FULL_ACTIVITY`.

        A tile takes as long as its busiest lane adds, or as its spikes are read, one a cycle.
        """
        lanes = [np.where(tile >= 0, self.units.works[tile], 0).sum(axis=1) for tile in self.tiles]
        return sum(max(self.units.spikes, int(work.max())) for work in lanes)

    @property
    def row_entries(self) -> int:
        """Entries of a lane's longest row."""
        tiles, lanes, _places = (part[self.units.entries.units] for part in self.owners())
        places = (tiles * len(self.tiles[0]) + lanes) * self.units.rows + self.units.entries.rows
        _found, lengths = np.unique(places, return_counts=True)
        return int(lengths.max(initial=0))


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the units of all layers of a network go.

    Attributes
    ----------
    layers : tuple of LayerPlacement
    lane_entries : ndarray of int64, shape (lanes,)
        Number of entries of each lane, without headers.
    """

    layers: tuple[LayerPlacement, ...]
    lane_entries: np.ndarray

    @property
    def cycles(self) -> int:
        """Cycles that an inference is expected to take, in units of 1 / `FULL_ACTIVITY`."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def headers(self) -> int:
        """Units that each lane has a header for, in all tiles together."""
        return sum(tile.shape[1] for layer in self.layers for tile in layer.tiles)

    def channels_and_slots(self) -> tuple[np.ndarray, ...]:
        """Return `LayerPlacement.channels_and_slots` of all tiles of all layers."""
        return tuple(layer.channels_and_slots(number) for layer in self.layers for number in range(len(layer.tiles)))


def place_network(units: NetworkUnits, slots: Sequence[int], lanes: int, potentials: int) -> Placement:
    """Return where the units of all layers go. It is the same on every machine.

    Parameters
    ----------
    units : NetworkUnits
    slots : sequence of int
        Of each layer.
    lanes, potentials : int
        Sizes of the processor. A layer of which not even one unit fits is placed as if it did.
    """
    lane_entries = np.zeros(lanes, np.int64)
    layers = tuple(_place_layer(units.of(index, count), lane_entries, potentials) for index, count in enumerate(slots))
    return Placement(layers, lane_entries)


def _place_layer(units: LayerUnits, lane_entries: np.ndarray, potentials: int) -> LayerPlacement:
    """Place a layer with as few tiles as possible, and add the entries of its units to ``lane_entries``.

    Tiles are of one size. Units of like work are in the same tile, so that its lanes end together.
    """
    layout, lanes = units.layout, len(lane_entries)
    most = max(1, min(_MOST_UNITS, (potentials - layout.lead) // layout.unit_places))
    per_lane = -(-layout.units // lanes)
    tiles = -(-per_lane // most)
    size = -(-per_lane // tiles) * lanes
    order = np.lexsort((-units.counts, -units.works))
    return LayerPlacement(
        units, tuple(_deal(units, order[first : first + size], lane_entries) for first in range(0, layout.units, size))
    )


def _deal(units: LayerUnits, chosen: np.ndarray, lane_entries: np.ndarray) -> np.ndarray:
    """Return the units of each lane of a tile; no lane has more than it must.

    Each unit in turn, those with most work first, goes to the lane with the lowest cost. The cost is the lane's work in this
    tile plus its entries of the whole network so far, each as a share of what an average lane gets in this tile.
    """
    lanes = len(lane_entries)
    tile = np.full((lanes, -(-len(chosen) // lanes)), -1)
    used, work = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    average_work, average_entries = (max(1, int(part[chosen].sum())) / lanes for part in (units.works, units.counts))
    for unit in chosen:
        cost = work / average_work + lane_entries / average_entries
        lane = int(np.argmin(np.where(used < tile.shape[1], cost, np.inf)))
        tile[lane, used[lane]] = unit
        used[lane] += 1
        work[lane] += units.works[unit]
        lane_entries[lane] += units.counts[unit]
    return tile
