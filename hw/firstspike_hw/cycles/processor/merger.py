"""The merger of the lanes' totals."""

import numpy as np

from .latencies import merger_levels
from .queues import NOTHING

_INPUTS = 4


class Merger:
    """Models `firstspike_hw.processor.shared.merger.Merger`.

    Parameters
    ----------
    lanes : int

    Attributes
    ----------
    out : int
        On offer; `queues.NOTHING` if nothing is.
    busy : bool
        Something was in it a cycle ago.
    """

    def __init__(self, lanes: int):
        self._lanes, self._stages = lanes, []
        nodes = lanes
        for _level in range(merger_levels(lanes) - 1):
            nodes = -(-nodes // _INPUTS)
            self._stages.append(np.zeros(nodes, np.int64))
        self._nothing = np.zeros(lanes, bool)
        self._kept = NOTHING
        self._holds = False
        self.out = NOTHING
        self.busy = False

    def step(self, offered: np.ndarray, *, taken: bool) -> np.ndarray:
        """Go through a clock edge.

        Parameters
        ----------
        offered : ndarray of int64, shape (lanes,)
            What the lanes offer.
        taken : bool
            What it offers itself is taken.

        Returns
        -------
        ndarray of bool, shape (lanes,)
            Which of the lanes' totals are taken in this cycle.
        """
        self.busy = self._holds
        if not self._holds and not offered.any():
            return self._nothing
        # From the root to the lanes: what each stage is offered, and which of it is taken.
        inputs = [offered, *self._stages]
        merged, takes = _merge(inputs[-1], np.array([self._kept == NOTHING]))
        for level in reversed(range(len(self._stages))):
            stage = self._stages[level]
            following, takes_following = _merge(inputs[level], stage == NOTHING)
            self._stages[level] = np.where(stage == NOTHING, following, np.where(takes, NOTHING, stage))
            takes = takes_following
        came = self._kept or int(merged[0])
        if taken or self.out == NOTHING:
            self.out, self._kept = came, NOTHING
        else:
            self._kept = came
        self._holds = self.out != NOTHING or any(stage.any() for stage in self._stages)
        return takes


def _merge(items: np.ndarray, ready: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first item of each node's inputs, and which inputs are taken where the node is ``ready``."""
    padded = np.zeros(len(ready) * _INPUTS, np.int64)
    padded[: len(items)] = items
    of_nodes = padded.reshape(-1, _INPUTS)
    first = np.arange(0, len(padded), _INPUTS) + (of_nodes != NOTHING).argmax(axis=1)
    merged = padded[first]
    taken = np.zeros(len(padded), bool)
    taken[first] = ready & (merged != NOTHING)
    return merged, taken[: len(items)]
