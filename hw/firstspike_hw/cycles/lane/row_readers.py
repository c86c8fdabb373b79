"""The row readers of a hidden layer's lanes, side by side."""

from collections import deque

import numpy as np

from ...lane.parameters import TOKEN_SLACK
from ..items import ENDS, sources
from ..latencies import QUEUE, ROOM
from .memories import LENGTH_BITS, LENGTH_MASK, Rows

# In a queue, the end that follows a token's rows is in the bits above the first of them.
_END_SHIFT = 60
_ROW_MASK = (1 << _END_SHIFT) - 1


class RowReaders:
    """Models `firstspike_hw.lane.row_reader.RowReader`.

    Parameters
    ----------
    rows : Rows
    group_of_lane : ndarray of int, shape (lanes,)
    spikes_per_token, queue_depth, streams : int

    Attributes
    ----------
    under_way : ndarray of bool
        An operation begins, unless it is held.
    address : ndarray of int64
        Of its entry.
    end : ndarray of int64
        The end that it is; 0 for an entry.
    entries : ndarray of int64, shape (streams,)
        Entries that wait or are under way, in all lanes.
    """

    def __init__(self, rows: Rows, group_of_lane: np.ndarray, *, spikes_per_token: int, queue_depth: int, streams: int):
        lanes, addresses = rows.rows.shape
        shape = lanes, streams
        self._rows, self._group_of_lane, self._depth, self._ports = (
            rows.rows,
            group_of_lane,
            queue_depth,
            range(spikes_per_token),
        )
        self._row_at = np.arange(lanes)[:, None] * addresses
        self._queues = [np.zeros(lanes * streams * queue_depth, np.int64) for _ in self._ports]
        self._queue_at = np.arange(lanes * streams) * queue_depth
        self._written, self._read = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._head = [np.zeros(shape, np.int64) for _ in self._ports]
        self._head_end = np.zeros(shape, np.int64)
        self._waits = [np.zeros(shape, bool) for _ in range(spikes_per_token + 1)]  # by row; then the end
        self._left = np.zeros(shape, np.int64)
        self._told = deque(np.zeros(shape, np.int64) for _ in range(QUEUE))
        self._rooms = deque(np.ones(shape, bool) for _ in range(ROOM))
        self.under_way = np.zeros(shape, bool)
        self.address, self.end = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.entries = np.zeros(streams, np.int64)

    @property
    def room(self) -> np.ndarray:
        """Whether each lane has room for a token, as the lane group sees it."""
        return self._rooms[0]

    def step(self, tokens: np.ndarray, hold: np.ndarray) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        tokens : ndarray of int64, shape (groups, streams)
            Tokens that come from the groups' pointers.
        hold : ndarray of bool
            Nothing moves in this cycle, except into the queues.
        """
        goes = ~hold
        rests = self.under_way & (self.end == ENDS)
        begins = goes & (~self.under_way | ((self._left == 0) & ~rests))

        # The first that waits begins.
        waits, several, chosen = self._waits[0], np.zeros_like(hold), [self._waits[0]]
        for following in self._waits[1:]:
            chosen.append(following & ~waits)
            several = several | (following & waits)
            waits = waits | following
        reads = goes & ~several & (begins | ~waits)
        row = self._head[0] if len(self._ports) == 1 else np.where(chosen[1], self._head[1], self._head[0])
        no_row = chosen[-1] | ~waits
        self.address = np.where(begins, row >> LENGTH_BITS, self.address + goes)
        self._left = np.where(begins, np.where(no_row, 0, (row & LENGTH_MASK) - 1), self._left - goes)
        self.under_way = np.where(begins, waits, self.under_way & ~(rests & goes))
        self.end = np.where(begins, self._head_end * chosen[-1], self.end)
        stays = ~begins & ~reads
        later = begins & ~reads
        self._waits = [wait & (stays | (later & ~choice)) for wait, choice in zip(self._waits, chosen, strict=True)]

        self._rooms.append(self._written - self._read <= self._depth - TOKEN_SLACK)
        self._rooms.popleft()
        self._told.append(self._written)
        loads = reads & (self._told.popleft() > self._read)
        self._load(np.flatnonzero(loads))
        self._read += loads
        if tokens.any():
            self._take(tokens)

    def _load(self, at: np.ndarray) -> None:
        """Move the oldest token of the queue to the head."""
        place = self._queue_at[at] + self._read.ravel()[at] % self._depth
        for port in self._ports:
            row = self._queues[port][place]
            if port == 0:
                end = row >> _END_SHIFT
                row &= _ROW_MASK
                self._head_end.ravel()[at] = end
                self._waits[-1].ravel()[at] = end != 0
            self._head[port].ravel()[at] = row
            self._waits[port].ravel()[at] = row != 0

    def _take(self, tokens: np.ndarray) -> None:
        """Keep the rows of tokens that each lane has, and their ends."""
        ends = (tokens & ENDS) << _END_SHIFT
        came = []
        for port in self._ports:
            came.append(self._rows.take(self._row_at + sources(tokens, port)[self._group_of_lane]))
            self.entries = self.entries + (came[port] & LENGTH_MASK).sum(axis=0)
        came[0] |= ends[self._group_of_lane]
        keeps = came[0] != 0 if len(came) == 1 else (came[0] | came[1]) != 0
        at = np.flatnonzero(keeps)
        place = self._queue_at[at] + self._written.ravel()[at] % self._depth
        for queue, words in zip(self._queues, came, strict=True):
            queue[place] = words.ravel()[at]
        self._written = self._written + keeps
        if (self._written - self._read).max() > self._depth:
            raise RuntimeError("a lane's queue has overflowed: TOKEN_SLACK is too small")

    def began(self, hold: np.ndarray) -> np.ndarray:
        """Return where an operation begins in this cycle, and count the entries among them as done."""
        valid = self.under_way & ~hold
        self.entries = self.entries - (valid & (self.end == 0)).sum(axis=0)
        return valid
