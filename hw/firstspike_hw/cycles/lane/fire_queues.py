"""The fire queues of a hidden layer's lanes, side by side."""

from collections import deque

import numpy as np

from ...lane.fire_queue import FireQueue as Gateware
from ...lane.parameters import place_bits
from ..items import END, NOTHING, LaneStage
from ..latencies import ACCUMULATOR, HOLD

#: What an accumulator puts into its fire queue; 0 is nothing.
NEURON, STEP_END = 1, 2


class FireQueues:
    """Models `firstspike_hw.lane.fire_queue.FireQueue` and the stages after it.

    There is the spike merger's `LaneStage`, and one more, the lane's, where entries are late.

    Parameters
    ----------
    lane_neurons, lanes, streams : int
    late : int
        Cycles that operations take on their way to the accumulator.
    """

    def __init__(self, *, lane_neurons: int, lanes: int, streams: int, late: int):
        shape = (lanes, streams)
        places = 1 << place_bits(lane_neurons)
        self._most = places - Gateware.slack - late
        # Operations are done when they begin, so the queue also holds what is still on its way in the gateware.
        self._depth = 1 << (places + late + ACCUMULATOR).bit_length()
        self._queue = np.zeros(lanes * streams * self._depth, np.int32)
        self._queue_at = np.arange(lanes * streams) * self._depth
        self._next_put = np.zeros(lanes * streams, np.int64)
        self._next_fetch = np.zeros(shape, np.int64)
        self._coming = deque(np.zeros(shape, np.int8) for _ in range(late + ACCUMULATOR))
        self._ends_coming = np.zeros(shape, np.int8)
        self._ended, self._waiting = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._has, self._fetched, self._skip = (np.zeros(shape, bool) for _ in range(3))
        self._item = np.zeros(shape, np.int32)
        self._stages = [LaneStage(shape, np.int32) for _ in range(1 + (late > 0))]
        self._crowded = deque(np.zeros(shape, bool) for _ in range(HOLD))

    @property
    def hold(self) -> np.ndarray:
        """Where no operation begins in this cycle."""
        return self._crowded[0]

    @property
    def out(self) -> np.ndarray:
        """Spikes and ends on offer, int32."""
        return self._stages[-1].out

    def put(self, at: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Put an item into the queues of the lanes ``at``; return its places there."""
        places = self._next_put[at]
        self._next_put[at] = (places + 1) % self._depth
        self._queue[self._queue_at[at] + places] = items
        return places

    def mark(self, at: np.ndarray, places: np.ndarray, items: np.ndarray) -> None:
        """Set what places give if the step ends now: spikes, or nothing."""
        self._queue[self._queue_at[at] + places] = items

    def step(self, pushes: np.ndarray, taken: np.ndarray) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        pushes : ndarray of int8
            What the operations that begin now put into the queue.
        taken : ndarray of bool
            Whether the spike merger is ready.
        """
        comes = self._coming.popleft()
        self._coming.append(pushes)
        comes_end = comes == STEP_END

        item = self._item  # nothing, if there is none
        gone = self._has & (self._stages[0].ready | self._skip)
        self._skip = self._has & ~gone & (item == NOTHING)
        offers = [item, *(stage.out for stage in self._stages[:-1])]
        takes = [*(stage.ready for stage in self._stages[1:]), taken]
        for stage, offered, takes_it in zip(self._stages, offers, takes, strict=True):
            stage.step(offered, takes_it)
        fetch = (self._ended > (item & END)) & (gone | ~self._has)
        self._has = fetch | (self._has & ~gone)
        self._item = np.where(gone, NOTHING, item)
        at = np.flatnonzero(fetch)
        place = self._next_fetch.ravel()[at]
        self._item.ravel()[at] = self._queue[self._queue_at[at] + place]
        self._next_fetch.ravel()[at] = (place + 1) % self._depth

        self._crowded.popleft()
        ending = (self._ended > 0) | (self._ends_coming > 0) | (pushes == STEP_END)
        self._crowded.append((self._waiting + (comes != 0) > self._most) & ending)
        self._ended = self._ended + comes_end - (gone & (item & END != 0))
        self._waiting = self._waiting + (comes != 0) - self._fetched
        self._ends_coming = self._ends_coming + (pushes == STEP_END) - comes_end
        self._fetched = fetch
