"""The dispatcher: from spikes to calls."""

from collections import deque
from collections.abc import Sequence

from .latencies import CALLS_DEPTH, CALLS_SLACK, MAKE_CALL, START_READING
from .queues import Queue
from .spike_ring import RingReader, SpikeRing
from .work import Integration


class Dispatcher:
    """Models `firstspike_hw.processor.shared.dispatcher.Dispatcher`, with an input whose words are all there.

    Parameters
    ----------
    inputs : sequence of int
        The image's input spikes, in their order.
    ring : SpikeRing
        Those of layers.

    Attributes
    ----------
    call : int
        The row of the call on offer, plus 1; 0 if none is.
    begins : bool
        The reading of a source starts in this cycle.
    busy : bool
        An INTEGRATE is under way.
    source : int
        The one that is read.
    read : bool
        A spike was read in the last cycle.
    """

    def __init__(self, inputs: Sequence[int], ring: SpikeRing):
        self._inputs, self._ring = inputs, ring
        self._input_reader = RingReader()
        self._queue = Queue(depth=CALLS_DEPTH, slack=CALLS_SLACK)
        self._calls: deque[int | None] = deque([None] * MAKE_CALL)
        self._integration: Integration | None = None
        self._wait = 0
        self._reading = False
        self.read = False

    @property
    def call(self) -> int:
        return self._queue.out

    @property
    def begins(self) -> bool:
        return self._wait == 1

    @property
    def busy(self) -> bool:
        return self._wait > 0 or self._reading or self._queue.holds or any(call is not None for call in self._calls)

    @property
    def source(self) -> int:
        return self._integration.source if self._integration else 0

    @property
    def waits_for_room(self) -> bool:
        """Whether there are spikes to read, but no room for their calls."""
        return self._reader.reads and not self._queue.room and self._reader.at != self._limit

    @property
    def follows(self) -> bool:
        """Whether it reads a layer that still fires."""
        return self.source > 0 and self._ring.reader.reads and self._ring.follows

    @property
    def frees_nothing(self) -> bool:
        """Whether it reads a layer that still fires, and frees no places of the ring."""
        return self.follows and self._integration is not None and not self._integration.release

    @property
    def _reader(self) -> RingReader:
        return self._ring.reader if self.source else self._input_reader

    @property
    def _limit(self) -> int:
        return self._ring.limit if self.source else len(self._inputs) + 1

    def start(self, integration: Integration) -> None:
        """Begin an INTEGRATE with the next cycle."""
        self._integration, self._wait = integration, START_READING

    def step(self, *, room: bool, spike: int | None) -> None:
        """Go through a clock edge.

        Parameters
        ----------
        room : bool
            The lanes have room: they take the call on offer.
        spike : int, optional
            What is written into the ring.
        """
        integration, reader, starts = self._integration, self._reader, self.begins
        at_end, place = not reader.reads, reader.place
        words = self._ring.words if self.source else self._inputs
        item = None
        if place is not None and place < len(words) and integration is not None:
            item = integration.rows[words[place] - 1]
        self._calls.append(item)
        item_of_queue = self._calls.popleft()
        go = self._queue.room
        self._queue.step(announced=item is not None, item=item_of_queue, ready=room)

        # An input ends with a word of its own.
        read_input = self._input_reader.step(go=go, limit=len(self._inputs) + 1, ends=place == len(self._inputs))
        read_spike = self._ring.step(source=self.source, go=go, spike=spike)
        self.read = read_input or read_spike

        self._reading = starts or (self._reading and not at_end)
        self._wait = max(0, self._wait - 1)
        if starts and integration is not None:
            if integration.source:
                self._ring.start(integration.source, release=integration.release)
            else:
                self._input_reader.start(0)
