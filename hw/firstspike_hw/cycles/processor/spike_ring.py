"""The memories of spikes, and what reads them."""

from collections import deque

from .latencies import READ_SPIKE, RECORD


class RingReader:
    """Models how `firstspike_hw.processor.shared.spike_ring.SpikeRing` reads; places are numbered on and on.

    Attributes
    ----------
    at, given : int
        The place that is read next, and the one after the last that has been given.
    reads : bool
        Not all words have been given yet.
    """

    def __init__(self) -> None:
        self.at = self.given = 0
        self.reads = False
        self._on_way: deque[int | None] = deque([None] * READ_SPIKE)

    @property
    def place(self) -> int | None:
        """The place whose word is given in this cycle."""
        return self._on_way[0] if self.reads else None

    def start(self, first: int) -> None:
        """Read from a place on, with the next cycle."""
        self.at = self.given = first
        self.reads = True
        self._on_way = deque([None] * READ_SPIKE)

    def step(self, *, go: bool, limit: int, ends: bool) -> bool:
        """Go through a clock edge; return whether a word is read in this cycle.

        Parameters
        ----------
        go : bool
            A word may be read.
        limit : int
            Only places before this one may be read.
        ends : bool
            The word that is given, or the limit if none is, is the last one.
        """
        asked = self.reads and go and self.at != limit
        place = self.place
        self._on_way.append(self.at if asked else None)
        self._on_way.popleft()
        self.at += asked
        if place is not None:
            self.given = place + 1
        self.reads = self.reads and not ends
        return asked


class SpikeRing:
    """Models a `firstspike_hw.processor.shared.spike_ring.SpikeRing` of layers' spikes, with its source records.

    Parameters
    ----------
    depth : int

    Attributes
    ----------
    words : list of int
        All spikes so far.
    full : bool
        No spike is taken in this cycle.
    limit : int
        The place up to which the reader may read.
    follows : bool
        More spikes of the source may come.
    """

    def __init__(self, depth: int):
        self._depth = depth
        self.words: list[int] = []
        self.full = False
        self._free = 0
        self._releases = False
        self._firsts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._open: int | None = None
        self._follows = deque([False] * RECORD)
        self.limit = 0
        self.reader = RingReader()

    @property
    def follows(self) -> bool:
        return self._follows[0]

    def start(self, source: int, *, release: bool) -> None:
        """Read a source, with the next cycle."""
        first = self._firsts[source]
        self.reader.start(first)
        self._releases = release
        if release:
            self._free = first

    def open(self, source: int) -> None:
        """Begin the spikes of a source, with the next cycle."""
        self._firsts[source] = len(self.words)
        self._open = source

    def close(self, source: int) -> None:
        """End them, with the next cycle."""
        self._ends[source] = len(self.words)
        self._open = None

    def step(self, *, source: int, go: bool, spike: int | None) -> bool:
        """Go through a clock edge; return whether a spike is read in this cycle.

        Parameters
        ----------
        source : int
            The one that is read, or 0.
        go : bool
            A spike may be read.
        spike : int, optional
            What is written.
        """
        written, free, place = len(self.words), self._free, self.reader.place
        ends = place is None and not self.follows and self.reader.given == self.limit
        reads = self.reader.step(go=go, limit=self.limit, ends=ends)
        if place is not None and self._releases:
            self._free = place + 1
        self.limit = written if self.follows else self._ends.get(source, 0)
        self._follows.append(self._open == source)
        self._follows.popleft()
        if spike is not None:
            self.words.append(spike)
        self.full = len(self.words) - free == self._depth
        return reads
