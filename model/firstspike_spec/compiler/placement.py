"""The placement of a hidden layer's neurons on lanes, so that the lanes share the work of each inference evenly."""

from dataclasses import dataclass, field, replace

import numpy as np

from ..network.connections import FULL_ACTIVITY, signed_bits
from ..network.layer import Layer
from ..network.map_layout import MapLayout

#: `_likelihoods` are in units of 1 / `SURE`: the value for one spike in every inference.
SURE = 64

#: Likelihood of a source whose activity has not been measured.
UNKNOWN = SURE // 2

#: Added to each measured likelihood: the rows of sources that hardly ever spike take room too, and should also be spread.
RARE = SURE // 32

#: Cost of the square of a row's length, relative to the cost of one weight that the lane adds in an inference.
SPREAD = 64


@dataclass(frozen=True, eq=False)
class EmptyPlaces:
    """The places of a layer's lanes that have no neuron, where kernels reach beyond the maps.

    They start so low that they never fire, and just high enough that they never wrap.

    Attributes
    ----------
    lowest, highest : ndarray of int64, shape (lanes, places)
        The sum of all negative, and of all positive weights that can be added at each place; 0 where there is a neuron.
        No places at all in a fully connected layer.
    """

    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def none(cls) -> "EmptyPlaces":
        """Return the empty places of a fully connected layer."""
        return cls(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.int64))

    @classmethod
    def of(cls, layer: Layer, placement: "Placement") -> "EmptyPlaces":
        """Return the empty places of a convolution, in its lanes with neurons."""
        layout = MapLayout(layer.maps)
        lanes, places = int(placement.lanes.max()) + 1, int(placement.numbers.max()) + 1
        rows = []  # of each row: its entries, the bases of its sources, and the number of sources with each base
        for row in range(layout.rows):
            found, counts = np.unique(layout.base_of_source[layout.row_of_source == row], return_counts=True)
            entries = np.flatnonzero(placement.rows == row)
            if len(found) and len(entries):
                rows.append((entries, found, counts))
                places = max(places, int(placement.entry_numbers[entries].max() + found.max()) + 1)
        sums = []
        for weights in (np.minimum(placement.weights, 0), np.maximum(placement.weights, 0)):
            total = np.zeros((lanes, places), np.int64)
            for entries, found, counts in rows:
                at = placement.entry_lanes[entries][:, None], placement.entry_numbers[entries][:, None] + found
                np.add.at(total, at, weights[entries][:, None].astype(np.int64) * counts)
            total[placement.lanes, placement.numbers] = 0
            sums.append(total)
        return cls(*sums)

    @property
    def places(self) -> int:
        """Number of places of a lane that weights can be added at, with or without a neuron."""
        return self.lowest.shape[1]

    def initial_potentials(self, lane: int) -> np.ndarray:
        """Return the initial potential minus the threshold of each empty place of a lane, shape (places,)."""
        return -1 - self.highest[lane] if lane < len(self.highest) else np.full(self.places, -1)

    @property
    def potential_bits(self) -> int:
        """Width of the narrowest potential that holds every sum of an empty place; 0 if there are no places."""
        return signed_bits(int((self.lowest - 1 - self.highest).min()), -1) if self.lowest.size else 0


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the neurons and the connections of a hidden layer go.

    Attributes
    ----------
    lanes, numbers : ndarray of int64, shape (targets,)
        Of each neuron: its lane, and its number within the lane.
    rows, entry_lanes, entry_numbers, weights : ndarray, shape (entries,)
        The connections, then the entries of the start row, which are the neurons that can fire before any spike has come, with
        weight 0. Of each entry: its row (the start row's number follows the last one), its lane, its neuron's number in the
        lane, less the source's base, and its weight.
    empty : EmptyPlaces
        The places of a convolution that have no neuron.
    """

    lanes: np.ndarray
    numbers: np.ndarray
    rows: np.ndarray
    entry_lanes: np.ndarray
    entry_numbers: np.ndarray
    weights: np.ndarray
    empty: EmptyPlaces = field(default_factory=EmptyPlaces.none)

    def bank_entries(self, bank_lanes: int) -> int:
        """Return the number of entries of the fullest bank."""
        return int(np.bincount(self.entry_lanes // bank_lanes, minlength=1).max())

    def row_entries(self) -> int:
        """Return the number of entries of the longest row of a lane."""
        lanes = int(self.lanes.max()) + 1
        _rows, lengths = np.unique(self.rows * lanes + self.entry_lanes, return_counts=True)
        return int(lengths.max(initial=0))


def place(layer: Layer, lanes: int) -> Placement:
    """Return where the neurons of a hidden layer go. It is the same for every engine with that many lanes, on every machine.

    The neurons of a target channel stay together.
    """
    layout = MapLayout(layer.maps)
    likelihoods = _likelihoods(layer, layout)
    starting = np.flatnonzero(layer.initial_potentials >= layer.threshold)
    owners, slots = _assign(
        likelihoods,
        np.concatenate([layout.row_of_tap[layer.taps_of_synapses], np.full(len(starting), len(likelihoods) - 1)]),
        np.concatenate([layer.row_targets, starting]),
        layer.channels,
        lanes,
    )
    return arrange(layer, owners, slots)


def arrange(layer: Layer, owners: np.ndarray, slots: np.ndarray) -> Placement:
    """Return the placement of a hidden layer whose target channels already have a lane and a number there.

    Parameters
    ----------
    layer : Layer
    owners, slots : ndarray of int64, shape (channels,)
        The lane of each target channel, and its number among the channels of the lane.
    """
    layout, positions = MapLayout(layer.maps), layer.maps.positions
    lanes, numbers = owners.repeat(positions), layout.numbers(slots)
    rows = layout.row_of_tap[layer.taps_of_synapses]
    used = np.isin(rows, layout.row_of_source)  # a row without sources is left out
    rows, channels, weights = rows[used], layer.row_targets[used], layer.row_weights[used]
    offsets = layout.offset_of_tap[layer.taps_of_synapses[used]]
    starting = np.flatnonzero(layer.neuron_initial_potentials >= layer.threshold)
    placement = Placement(
        lanes=lanes,
        numbers=numbers,
        rows=np.concatenate([rows, np.full(len(starting), layout.rows)]),
        entry_lanes=np.concatenate([owners[channels], lanes[starting]]),
        entry_numbers=np.concatenate([slots[channels] * layout.channel_places + offsets, numbers[starting]]),
        weights=np.concatenate([weights, np.zeros(len(starting), weights.dtype)]),
    )
    return replace(placement, empty=EmptyPlaces.of(layer, placement)) if layer.maps.is_convolution else placement


def _likelihoods(layer: Layer, layout: MapLayout) -> np.ndarray:
    """Return the expected number of spikes of each row's sources in an inference; the start row always has one.

    In units of 1 / `SURE`: int64, shape (rows + 1,). A row with a source has more than 0.
    """
    if layer.activity is None:
        of_sources = np.full(layer.sources, UNKNOWN)
    else:
        of_sources = layer.activity.astype(np.int64) * SURE // (FULL_ACTIVITY + 1) + RARE
    seen = layout.row_of_source >= 0
    likelihoods = np.zeros(layout.rows, np.int64)
    np.add.at(likelihoods, layout.row_of_source[seen], of_sources[seen])
    return np.append(likelihoods, SURE)


def _assign(
    likelihoods: np.ndarray, sources: np.ndarray, targets: np.ndarray, neurons: int, lanes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lane of each neuron, and its number within the lane.

    A lane falls behind in an inference in which many entries of the spiking sources are in this lane. So the entries of each
    source are spread over the lanes. The neurons with most work are assigned first, each to the lane with the lowest cost that
    has room. The cost is the sum, over the neuron's sources, of their likelihood times (`SPREAD` times the squared number
    of entries that the source already has in the lane, plus the work that the lane already has). Ties go to the lower neuron
    and the lower lane. With maps, "neuron" means a target channel here, and "source" a row.

    No lane gets more neurons than it must, so the placement depends only on the number of lanes, not on their sizes. All
    numbers are integers, so it does not depend on the machine either. They stay below 2**63, except for kernels of hundreds
    of taps in a lane of a hundred channels: there the cost wraps, and the work may be shared out badly.
    """
    room = -(-neurons // lanes)
    order = np.argsort(targets, kind="stable")
    rows = np.split(sources[order], np.cumsum(np.bincount(targets, minlength=neurons))[:-1])
    works = np.array([likelihoods[row].sum() for row in rows])
    entries = np.zeros((len(likelihoods), lanes), np.int64)
    load, used = np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    owners, numbers = np.empty(neurons, np.int64), np.empty(neurons, np.int64)
    for neuron in np.argsort(-works, kind="stable"):
        row = rows[neuron]
        cost = likelihoods[row] @ (SPREAD * SURE * entries[row] ** 2 + load)
        lane = int(np.argmin(np.where(used < room, cost, np.iinfo(np.int64).max)))
        owners[neuron], numbers[neuron] = lane, used[lane]
        np.add.at(entries, (row, lane), 1)  # a row of a convolution can have several entries for a channel
        load[lane] += works[neuron]
        used[lane] += 1
    return owners, numbers
