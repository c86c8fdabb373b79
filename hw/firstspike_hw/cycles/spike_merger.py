"""The spike merger: the tree that merges the lanes of a hidden layer."""

import numpy as np

from ..layer.spike_merger import SpikeMerger as Gateware
from .items import ENDS, PORT_BITS, SPIKE_SHIFT, LaneStage, SkidBuffer


class SpikeMerger:
    """Models `firstspike_hw.layer.spike_merger.SpikeMerger`, without the stages at the lanes, which are in `FireQueues`.

    Parameters
    ----------
    lanes, spikes_per_token, streams : int

    Attributes
    ----------
    out : ndarray of int64, shape (streams,)
        Tokens.
    """

    def __init__(self, lanes: int, spikes_per_token: int, streams: int):
        self._levels: list[tuple[int, SkidBuffer | LaneStage]] = []  # inputs of each merge, and the stages after them
        levels = Gateware.levels(lanes, spikes_per_token)
        for level, bits in enumerate(levels):
            lanes = -(-lanes // (1 << bits))
            stage = SkidBuffer if level == len(levels) - 1 else LaneStage
            self._levels.append((1 << bits, stage((lanes, streams), np.int32)))
        self._skid_buffer = SkidBuffer((streams,), np.int64)

    @property
    def out(self) -> np.ndarray:
        """Tokens on offer."""
        return self._skid_buffer.out

    def step(self, items: np.ndarray, taken: np.ndarray) -> np.ndarray:
        """Go through a clock edge.

        Parameters
        ----------
        items : ndarray of int32, shape (lanes, streams)
            What the lanes offer.
        taken : ndarray of bool, shape (streams,)
            Whether the next layer is ready.

        Returns
        -------
        ndarray of bool, shape (lanes, streams)
            Which of them are taken in this cycle.
        """
        offered, ready = [], []
        for inputs, skid_buffer in self._levels:
            merged, takes = _merge(items, inputs, skid_buffer.ready)
            offered.append(merged)
            ready.append(takes)
            items = skid_buffer.out
        token, takes = _token(items, self._skid_buffer.ready)
        ready.append(takes)
        for (_inputs, skid_buffer), merged, takes in zip(self._levels, offered, ready[1:], strict=True):
            skid_buffer.step(merged, takes)
        self._skid_buffer.step(token, taken)
        return ready[0]


def _merge(items: np.ndarray, inputs: int, ready: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the output of each merge, and which of its inputs it takes if the next stage is ``ready``."""
    lanes, streams = items.shape
    nodes = len(ready)
    if lanes < nodes * inputs:  # a missing input has always ended
        items = np.concatenate([items, np.full((nodes * inputs - lanes, streams), ENDS, items.dtype)])
    groups = items.reshape(nodes, inputs, streams)
    merged = np.bitwise_and.reduce(groups, axis=1) & ENDS
    ended = merged != 0
    takes = np.empty(groups.shape, bool)
    free = ready
    spikes = groups > ENDS
    for number in range(inputs):
        takes[:, number] = free & (spikes[:, number] | ended)
        free = free & ~spikes[:, number]
    for number in reversed(range(inputs)):
        merged = np.where(spikes[:, number], groups[:, number], merged)
    return merged, takes.reshape(-1, streams)[:lanes]


def _token(roots: np.ndarray, ready: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the token of the tree's roots, and which of them are taken if the skid buffer is ``ready``."""
    ended = np.bitwise_and.reduce(roots, axis=0) & ENDS
    token = ended.astype(np.int64)
    for port, root in enumerate(roots):
        token |= (root.astype(np.int64) >> SPIKE_SHIFT) << (SPIKE_SHIFT + PORT_BITS * port)
    return token, ready & ((ended != 0) | (roots > ENDS))
