"""The accumulators of a hidden layer's lanes, side by side."""

import numpy as np

from ..items import LAST, NOTHING
from .fire_queues import NEURON, STEP_END, FireQueues
from .memories import ENTRY_BITS, ENTRY_MASK, Rows

# A neuron's state: flags, below the number of the step of its last operation.
_SPIKED, _PLACED, _STEP = 1, 2, 4


class Accumulators:
    """Models `firstspike_hw.lane.accumulator.Accumulator`.

    Each operation is done when it begins; its effect on the fire queue comes in the same cycle as in the gateware.

    Parameters
    ----------
    rows : Rows
    fire_queues : FireQueues
    lane_neurons, lanes, streams : int

    Attributes
    ----------
    operations : ndarray of int64, shape (streams,)
        Weights other than 0 added.
    """

    def __init__(self, rows: Rows, fire_queues: FireQueues, *, lane_neurons: int, lanes: int, streams: int):
        self._rows, self._fire_queues, self._streams = rows, fire_queues, streams
        cells = lane_neurons * lanes * streams
        self._potentials = np.zeros(cells, np.int32)
        self._states = np.full(cells, -_STEP, np.int32)
        self._places = np.zeros(cells, np.int32)
        self._now, self._began = (np.zeros(lanes * streams, np.int32) for _ in range(2))  # steps, and the inference's first
        self.operations = np.zeros(streams, np.int64)

    def step(self, valid: np.ndarray, address: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Do the operations that begin; return what each lane puts into its fire queue (0 for nothing)."""
        ends = valid & (end != 0)
        at = np.flatnonzero(valid & ~ends)
        pushes = (ends * STEP_END).astype(np.int8)
        if len(at):
            pushes.ravel()[self._add(at, address.ravel()[at])] = NEURON
        at = np.flatnonzero(ends)
        if len(at):
            end = end.ravel()[at]
            self._fire_queues.put(at, end)
            self._now[at] += _STEP
            self._began[at] = np.where(end & LAST, self._now[at], self._began[at])
        return pushes

    def _add(self, at: np.ndarray, entries: np.ndarray) -> np.ndarray:
        """Add the entries' weights in the lanes ``at``; return the lanes that put a neuron into the fire queue."""
        rows = self._rows
        neurons = rows.neurons[entries & ENTRY_MASK] + (entries >> ENTRY_BITS)
        cells = neurons * len(self._now) + at  # by number within the lane, then lane, then stream
        places = cells // self._streams
        now = self._now[at]
        potentials, states = self._potentials[cells], self._states[cells]
        of_inference, of_step = states >= self._began[at], states >= now
        spiked = of_inference & ((states & _SPIKED != 0) | (~of_step & (potentials >= 0)))
        placed = of_step & (states & _PLACED != 0)

        weights = rows.weights[entries & ENTRY_MASK]
        potentials = np.where(of_inference, potentials, rows.initial_potentials[places]) + weights
        above = potentials >= 0
        takes = above & ~spiked & ~placed
        self._potentials[cells] = potentials
        self._states[cells] = now + spiked * np.int32(_SPIKED) + (placed | takes) * np.int32(_PLACED)
        self.operations += np.bincount(at[weights != 0] % len(self.operations), minlength=len(self.operations))

        taking = np.flatnonzero(takes)
        self._places[cells[taking]] = self._fire_queues.put(at[taking], rows.spikes[places[taking]])
        falls = np.flatnonzero(placed)
        self._fire_queues.mark(
            at[falls], self._places[cells[falls]], np.where(above[falls], rows.spikes[places[falls]], NOTHING)
        )
        return at[taking]
