"""The spike ring: a memory of spikes that are written at one end, and read and freed at the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...lib.delays import delayed
from ...memory.description import Memories
from ...memory.lane_memory import LaneMemory
from ...memory.style import GENERIC_MEMORY, MemoryStyle


class RingReader(wiring.Signature):
    """From what reads a ring to the ring.

    Parameters
    ----------
    layout : StructLayout
        A word.

    Members
    -------
    start : ``Out(1)``
        Read from the ring's ``first`` on, from the next cycle.
    release : ``Out(1)``
        With ``start``: free each place as it is read, and at once all older ones.
    go : ``Out(1)``
        A word may be read in this cycle.
    reads : ``In(1)``
        Not all words have been given yet.
    valid, word : ``In(1), In(layout)``
        A word that has been read.
    """

    def __init__(self, layout: data.StructLayout):
        super().__init__(
            {"start": Out(1), "release": Out(1), "go": Out(1), "reads": In(1), "valid": In(1), "word": In(layout)}
        )


class SpikeRing(wiring.Component):
    """Keeps spikes until they are freed; they can be read more than once.

    Places are numbered on and on; a number has one bit more than an address.

    Parameters
    ----------
    layout : StructLayout
        A word; it has a field ``end``.
    depth : int
        Places, a power of two.
    style : MemoryStyle

    Members
    -------
    i : ``In(stream.Signature(layout))``
        Words to write. It is ready while a place is free.
    reader : ``In(RingReader(layout))``
    first : ``In(range(2 * depth))``
        Where the reader starts.
    limit : ``In(range(2 * depth))``, follows : ``In(1)``
        The place after the last word that may be read; while it ``follows`` the writer, more may come. The reader has read all
        when it does not, or at a word with ``end``.
    written, free, given : ``Out(range(2 * depth))``
        The place that is written next; the oldest one that is not free; the one after the last word that the reader was given.
    free_all : ``In(1)``, free_to : ``In(range(2 * depth))``
        Free all places before one.

    Notes
    -----
    Throughput: one word a cycle is written, and one is read. Latency: `latency` cycles from a word's reading to ``valid``; a
    word can be read in the cycle after its transfer.
    """

    #: Cycles from a cycle in which a word is read to ``reader.valid``.
    latency = 2

    def __init__(self, layout: data.StructLayout, *, depth: int, style: MemoryStyle = GENERIC_MEMORY):
        self._layout, self._depth, self._style = layout, depth, style
        place = range(2 * depth)
        super().__init__(
            {
                "i": In(stream.Signature(layout)),
                "reader": In(RingReader(layout)),
                "first": In(place),
                "limit": In(place),
                "follows": In(1),
                "written": Out(place),
                "free": Out(place),
                "given": Out(place),
                "free_all": In(1),
                "free_to": In(place),
            }
        )

    @staticmethod
    def memories(layout: data.StructLayout, depth: int, style: MemoryStyle) -> Memories:
        """Yield the memories of a ring."""
        yield LaneMemory.description(bits=layout.size, depth=depth, style=style), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        reader = self.reader
        m.submodules.cells = cells = LaneMemory(bits=self._layout.size, depth=self._depth, style=self._style)
        late = self._style.has_late_words(self._depth)
        word = cells.word if late else delayed(m, cells.word, 1)

        # Writing. `full` is a cycle late when places become free.
        taken, after, full = self.i.valid & self.i.ready, Signal.like(self.written), Signal()
        m.d.comb += [
            self.i.ready.eq(~full),
            after.eq(self.written + taken),
            cells.write.eq(taken),
            cells.write_address.eq(self.written[:-1]),
            cells.write_word.eq(self.i.payload),
        ]
        m.d.sync += [self.written.eq(after), full.eq(after == self.free ^ self._depth)]

        # Reading. What is on its way behind a word with `end` is not given.
        at, asked, reads = Signal.like(self.written), Signal(), Signal()
        on_way, places = [asked], [at]
        for number in range(self.latency):
            on_way.append(Signal(name=f"on_way_{number}"))
            places.append(Signal.like(at, name=f"place_{number}"))
            m.d.sync += [on_way[-1].eq(on_way[-2] & ~reader.start), places[-1].eq(places[-2])]
        behind = Signal.like(at)
        m.d.comb += [
            asked.eq(reads & reader.go & (at != self.limit)),
            cells.address.eq(at[:-1]),
            reader.reads.eq(reads),
            reader.valid.eq(reads & on_way[-1]),
            reader.word.eq(word),
            behind.eq(places[-1] + 1),
        ]
        with m.If(asked):
            m.d.sync += at.eq(at + 1)
        with m.If(reader.valid):
            m.d.sync += self.given.eq(behind)
        ended = Signal()
        m.d.comb += ended.eq(Mux(reader.valid, reader.word.end, ~self.follows & (self.given == self.limit)))
        with m.If(reader.start):
            m.d.sync += [at.eq(self.first), self.given.eq(self.first), reads.eq(1)]
        with m.Elif(ended):
            m.d.sync += reads.eq(0)

        # Freeing.
        releases = Signal()
        with m.If(reader.start):
            m.d.sync += releases.eq(reader.release)
        with m.If(self.free_all):
            m.d.sync += self.free.eq(self.free_to)
        with m.Elif(reader.start & reader.release):
            m.d.sync += self.free.eq(self.first)
        with m.Elif(reader.valid & releases):
            m.d.sync += self.free.eq(behind)
        return m
