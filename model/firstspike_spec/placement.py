"""The placement of a hidden layer's neurons on lanes, so that the lanes share the work of each inference evenly."""

from dataclasses import dataclass

import numpy as np

from .layer import FULL_ACTIVITY, Layer

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
    sources, targets, weights : ndarray, shape (entries,)
        The connections, then the start row: the neurons that can fire before any spike has come, with the weight 0 and
        a source number behind that of the last source.
    """

    lanes: np.ndarray
    numbers: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    def bank_entries(self, bank_lanes: int) -> int:
        """Return the number of entries of the fullest bank."""
        return int(np.bincount(self.lanes[self.targets] // bank_lanes, minlength=1).max())

    def row_entries(self) -> int:
        """Return the number of entries of the longest row of a lane."""
        lanes = int(self.lanes.max()) + 1
        _rows, lengths = np.unique(self.sources * lanes + self.lanes[self.targets], return_counts=True)
        return int(lengths.max(initial=0))


def place(layer: Layer, lanes: int) -> Placement:
    """Return where the neurons of a hidden layer go: the same for every engine with that many lanes, on every machine."""
    starting = np.flatnonzero(layer.start_potentials >= layer.threshold)
    sources = np.concatenate([layer.taps_of_synapses, np.full(len(starting), layer.sources)])
    targets = np.concatenate([layer.row_targets, starting])
    owners, numbers = _assign(_likelihoods(layer), sources, targets, layer.targets, lanes)
    return Placement(
        lanes=owners,
        numbers=numbers,
        sources=sources,
        targets=targets,
        weights=np.concatenate([layer.row_weights, np.zeros(len(starting), layer.row_weights.dtype)]),
    )


def _likelihoods(layer: Layer) -> np.ndarray:
    """Return how likely each source spikes, and the start row's, which always does: int64, in units of 1 / `SURE`."""
    if layer.activity is None:
        likelihoods = np.full(layer.sources, UNKNOWN)
    else:
        likelihoods = layer.activity.astype(np.int64) * SURE // (FULL_ACTIVITY + 1) + RARE
    return np.append(likelihoods, SURE)


def _assign(
    likelihoods: np.ndarray, sources: np.ndarray, targets: np.ndarray, neurons: int, lanes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lane of each neuron, and its number within the lane.

    A lane falls behind in an inference whose spikes have many of their entries there. So it is each source's entries that are
    spread over the lanes. The neurons with most work are handed out first, each to the lane that costs least and has room;
    the cost is the sum, over the neuron's sources, of their likelihood times (`SPREAD` times the square of the number of
    entries that the source has in the lane already, plus the work that the lane has). The lower neuron and the lower lane
    come first among equals.

    No lane gets more neurons than it must, so the places depend on the number of lanes alone, not on their sizes. All numbers
    are whole and below 2**63, so the places do not depend on the machine either.
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
        entries[row, lane] += 1
        load[lane] += works[neuron]
        used[lane] += 1
    return owners, numbers
