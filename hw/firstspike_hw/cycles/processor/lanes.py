"""How the lanes execute calls: the rows that wait, and the entries that are read."""

from collections import deque

import numpy as np

from .latencies import ADD, CALL_SLACK, FIND_ROW, FROM_LANES, TELL, TO_LANES
from .queues import Queues


class Lanes:
    """Models row finders, queues and entry readers of all lanes, and the registers between them and the dispatcher.

    Parameters
    ----------
    lengths : ndarray of int64, shape (rows, lanes)
        Entries of each row of each lane.
    queue_depth : int

    Attributes
    ----------
    room : bool
        All lanes have room, as the dispatcher sees it.
    working : bool
        A lane is working, as the sequencer sees it.
    busy : bool
        A lane has an entry left.
    additions : ndarray of int64, shape (lanes,)
        Entries that each lane has read.
    """

    def __init__(self, lengths: np.ndarray, queue_depth: int):
        self._lengths = lengths
        lanes = lengths.shape[1]
        self._queues = Queues(lanes, depth=queue_depth, slack=CALL_SLACK)
        self._left = np.zeros(lanes, np.int64)  # of the row under way
        self._none = np.zeros(lanes, bool)
        self._calls: deque[int | None] = deque([None] * TO_LANES)
        self._finder: deque[int | None] = deque([None] * FIND_ROW)
        self._rooms = deque([True] * FROM_LANES)
        self._workings = deque([False] * (TELL + FROM_LANES))
        self._active = 0  # cycles for which something is under way
        self.busy = False
        self.additions = np.zeros(lanes, np.int64)

    @property
    def room(self) -> bool:
        return self._rooms[0]

    @property
    def working(self) -> bool:
        return self._workings[0]

    def step(self, call: int | None, *, hold: bool) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        call : int, optional
            The row of a call that the dispatcher gives in this cycle.
        hold : bool
            No entry is read in this cycle.
        """
        self._calls.append(call)
        comes = self._calls.popleft()
        self._finder.append(comes)
        found = self._finder.popleft()
        if comes is not None:
            self._active = max(self._active, FIND_ROW + 1)

        if self.busy and not hold:
            reads = self._left > 0
            self.additions += reads
            if reads.any():
                self._active = max(self._active, ADD + 1)

        works = self.busy or self._active > 0
        self._workings.append(works)
        self._workings.popleft()
        self._rooms.append(self._queues.room)
        self._rooms.popleft()
        if works or not self._queues.room:
            self._go_on(comes is not None, found, hold)
        self._active = max(0, self._active - 1)

    def _go_on(self, announced: bool, found: int | None, hold: bool) -> None:
        """Let rows come to the queues, and from there to the readers."""
        waits = self._queues.out
        follows = self._none if hold else self._left <= 1
        self._queues.step(announced=announced, items=None if found is None else self._lengths[found], ready=follows)
        if not hold:
            self._left = np.where(follows, waits, self._left - 1)
        self.busy = bool(self._left.any()) or self._queues.holds
