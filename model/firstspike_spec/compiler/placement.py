"""The placement of a hidden layer's neurons on lanes, so that the lanes share the work of each inference evenly."""

from dataclasses import dataclass, replace

import numpy as np

from ..network.layer import FULL_ACTIVITY, Layer, signed_bits
from ..network.map_layout import MapLayout

#: Units of `_likelihoods` in one spike an inference.
SURE = 64

#: Likelihood of a source whose activity nobody has measured.
UNKNOWN = SURE // 2

#: Added to each measured one: rows of sources that hardly ever spike take room too, and are to be spread as well.
RARE = SURE // 32

#: What the square of a row's length costs, against a weight that the lane adds in an inference.
SPREAD = 64


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the neurons and the connections of a hidden layer go.

    Attributes
    ----------
    lanes, numbers : ndarray of int64, shape (targets,)
        Of each neuron: its lane, and its number within the lane.
    rows, entry_lanes, entry_numbers, weights : ndarray, shape (entries,)
        The connections, then the start row: the neurons that can fire before any spike has come, with the weight 0. Of each
        entry: its row (that of the start row stands behind the last one), its lane, the number there, less the source's
        base, and the weight.
    empty : EmptyPlaces or None
        The places of a convolution that have no neuron.
    """

    lanes: np.ndarray
    numbers: np.ndarray
    rows: np.ndarray
    entry_lanes: np.ndarray
    entry_numbers: np.ndarray
    weights: np.ndarray
    empty: "EmptyPlaces | None" = None

    @property
    def empty_bits(self) -> int:
        """Width that the potentials of the empty places need; 0 if there are none."""
        return self.empty.potential_bits if self.empty else 0

    def bank_entries(self, bank_lanes: int) -> int:
        """Return the number of entries of the fullest bank."""
        return int(np.bincount(self.entry_lanes // bank_lanes, minlength=1).max())

    def row_entries(self) -> int:
        """Return the number of entries of the longest row of a lane."""
        lanes = int(self.lanes.max()) + 1
        _rows, lengths = np.unique(self.rows * lanes + self.entry_lanes, return_counts=True)
        return int(lengths.max(initial=0))


@dataclass(frozen=True, eq=False)
class EmptyPlaces:
    """What comes to the places of a layer's lanes that have no neuron, where kernels reach beyond the maps.

    They start so low that they never fire, and no lower, so that they do not wrap.

    Attributes
    ----------
    lowest, highest : ndarray of int64, shape (lanes, places)
        The sum of all negative, and of all positive weights that can come to each place; 0 where there is a neuron.
    """

    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def of(cls, layer: Layer, placement: Placement) -> "EmptyPlaces":
        """Return the empty places of a layer, in its lanes with neurons."""
        layout = MapLayout(layer.maps)
        lanes, places = int(placement.lanes.max()) + 1, int(placement.numbers.max()) + 1
        rows = []  # entries, and where the row's sources have their bases, with how many of them each
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
        """Number of places of a lane that anything comes to."""
        return self.lowest.shape[1]

    def starts(self, lane: int) -> np.ndarray:
        """Return the initial potential minus the threshold of each empty place of a lane."""
        return -1 - self.highest[lane] if lane < len(self.highest) else np.full(self.places, -1)

    @property
    def potential_bits(self) -> int:
        """Width that holds every sum of an empty place."""
        return signed_bits(int((self.lowest - 1 - self.highest).min()), -1)


def place(layer: Layer, lanes: int) -> Placement:
    """Return where the neurons of a hidden layer go: the same for every engine with that many lanes, on every machine.

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
    """Return the placement of a hidden layer whose target channels have been given lanes, and numbers there.

    Parameters
    ----------
    layer : Layer
    owners, slots : ndarray of int64, shape (channels,)
        The lane of each target channel, and its number among those of the lane.
    """
    layout, positions = MapLayout(layer.maps), layer.maps.positions
    lanes, numbers = owners.repeat(positions), layout.numbers(slots)
    # A row that no source has is nobody's.
    rows = layout.row_of_tap[layer.taps_of_synapses]
    used = np.isin(rows, layout.row_of_source)
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
    """Return how many spikes of each row's sources are likely in an inference, and of the start row's, which always has one.

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

    A lane falls behind in an inference whose spikes have many of their entries there. So it is each source's entries that are
    spread over the lanes. The neurons with most work are handed out first, each to the lane that costs least and has room;
    the cost is the sum, over the neuron's sources, of their likelihood times (`SPREAD` times the square of the number of
    entries that the source has in the lane already, plus the work that the lane has). The lower neuron and the lower lane
    come first among equals. With maps, "neuron" is a target channel here, and "source" a row.

    No lane gets more neurons than it must, so the places depend on the number of lanes alone, not on their sizes. All numbers
    are whole, so the places do not depend on the machine either. They stay below 2**63 but for kernels of hundreds of taps in
    a lane of a hundred channels, where the cost wraps around and the work may be shared out badly.
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
