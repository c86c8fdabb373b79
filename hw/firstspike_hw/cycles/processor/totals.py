"""How the lanes execute the steps of FIRE, up to the totals that they fire."""

from collections import deque

import numpy as np

from .fire_sequencer import NO_STEP
from .latencies import FROM_LANES, STEP_TOTAL, STEP_TURN, TELL, TO_LANES, TOTALS_DEPTH, TOTALS_SLACK
from .queues import Queues


class Totals:
    """Models all lanes' window units and queues of totals, and the registers between them and the fire sequencer.

    Parameters
    ----------
    lanes : int

    Attributes
    ----------
    out : ndarray of int64, shape (lanes,)
        The totals on offer.
    holds : bool
        A step has its turn among the entries in this cycle.
    crowded : bool
        A lane is crowded, as the fire sequencer sees it.
    firing : bool
        A lane is firing, as the sequencer sees it.
    """

    def __init__(self, lanes: int):
        self._queues = Queues(lanes, depth=TOTALS_DEPTH, slack=TOTALS_SLACK)
        self._windows = np.zeros((0, lanes), np.int64)
        self._steps = deque([NO_STEP] * TO_LANES)
        self._turns = deque([NO_STEP] * STEP_TURN)
        self._closed = deque([NO_STEP] * STEP_TOTAL)
        self._crowded = deque([False] * FROM_LANES)
        self._firings = deque([False] * (TELL + FROM_LANES))
        self._active = 0  # cycles for which a step is under way
        self._busy = False

    @property
    def out(self) -> np.ndarray:
        return self._queues.out

    @property
    def holds(self) -> bool:
        return self._turns[0] != NO_STEP

    @property
    def crowded(self) -> bool:
        return self._crowded[0]

    @property
    def firing(self) -> bool:
        return self._firings[0]

    def start(self, windows: np.ndarray) -> None:
        """Begin a FIRE: what each lane fires for each window, shape (windows, lanes), `queues.NOTHING` where it drops it."""
        self._windows = windows

    def step(self, step: int, taken: np.ndarray) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        step : int
            What the fire sequencer gives in this cycle.
        taken : ndarray of bool, shape (lanes,)
            The totals on offer that are taken.
        """
        self._steps.append(step)
        comes = self._steps.popleft()
        self._turns.append(comes)
        self._turns.popleft()
        self._closed.append(comes)
        closed = self._closed.popleft()
        if comes != NO_STEP:
            self._active = STEP_TOTAL + 1

        fires = self._busy or self._active > 0
        self._firings.append(fires)
        self._firings.popleft()
        self._crowded.append(not self._queues.room)
        self._crowded.popleft()
        if fires or not self._queues.room:
            items = self._windows[closed] if closed >= 0 else None
            self._queues.step(announced=comes >= 0, items=items, ready=taken)
            self._busy = self._queues.holds
        self._active = max(0, self._active - 1)
