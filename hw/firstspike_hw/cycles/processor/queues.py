"""Queues whose items are announced before they come."""

from collections import deque

import numpy as np

#: No item: the place of one that is declined, and what an empty queue gives.
NOTHING = 0


class Queues:
    """The queues of all lanes (`firstspike_hw.processor.lane.queue.Queue`), side by side. Items are whole numbers above 0.

    Parameters
    ----------
    lanes, depth, slack : int

    Attributes
    ----------
    out : ndarray of int64, shape (lanes,)
        On offer.
    room : bool
        Every queue has room.
    """

    def __init__(self, lanes: int, *, depth: int, slack: int):
        self._depth, self._most = depth, depth - slack - 1
        self._places = np.zeros(lanes * depth, np.int64)
        self._first_places = np.arange(lanes) * depth
        self._put, self._got, self._reserved = (np.zeros(lanes, np.int64) for _ in range(3))
        self.out = np.zeros(lanes, np.int64)
        self.room = True

    @property
    def holds(self) -> bool:
        """Whether an item waits in any of them."""
        return bool(self.out.any() or (self._put > self._got).any())

    def step(self, *, announced: bool, items: np.ndarray | None, ready: np.ndarray) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        announced : bool
            An item may come to each of them later.
        items : ndarray of int64, shape (lanes,), optional
            What comes of the oldest announcement that is still open; `NOTHING` where it is declined.
        ready : ndarray of bool, shape (lanes,)
            What is on offer is taken.
        """
        goes = (self._put > self._got) & (ready | (self.out == NOTHING))
        oldest = self._places[self._first_places + self._got % self._depth]
        self.out = np.where(goes, oldest, np.where(ready, NOTHING, self.out))
        self._got += goes
        self.room = bool((self._reserved < self._most).all())
        self._reserved -= goes
        self._reserved += announced
        if items is not None:
            pushed = items != NOTHING
            self._places[self._first_places + self._put % self._depth] = items
            self._put += pushed
            self._reserved -= ~pushed


class Queue:
    """A single queue, as `Queues`, of anything but `NOTHING`."""

    def __init__(self, *, depth: int, slack: int):
        self._most = depth - slack - 1
        self._waiting: deque[int] = deque()
        self._reserved = 0
        self.out = NOTHING
        self.room = True

    @property
    def holds(self) -> bool:
        """Whether an item waits."""
        return bool(self.out or self._waiting)

    def step(self, *, announced: bool, item: int | None, ready: bool) -> None:
        """Go through a clock edge."""
        self.room = self._reserved < self._most
        if ready or self.out == NOTHING:
            goes = bool(self._waiting)
            self.out = self._waiting.popleft() if goes else NOTHING
            self._reserved -= goes
        self._reserved += announced
        if item == NOTHING:
            self._reserved -= 1
        elif item is not None:
            self._waiting.append(item)
