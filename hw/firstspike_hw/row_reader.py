"""The front of a lane: from the sources that spike to the connections that they have in this lane."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.compiler import LaneImage
from firstspike_spec.engine import LayerShape
from firstspike_spec.words import LOAD_WORD, Memory

from .layouts import word_layout
from .loadable_memory import LoadableMemory


class RowReader(wiring.Component):
    """Reads the row of each source that spikes, out of the sparse weight memory.

    Parameters
    ----------
    shape : LayerShape
    image : LaneImage, optional
        What the memories hold at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(shape.source_bits))``
        Addresses of sources.
    o : ``Out(stream.Signature(word_layout(shape.entry), always_ready=True))``
        The entries of their rows, in order.
    busy : ``Out(1)``
        Entries of sources already taken are still to come.
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
    peek, peeked : ``In(1)``, ``Out(32)``
        As in `LoadableMemory`.

    Notes
    -----
    Latency: 2 cycles from a source's transfer to its row's first entry. Throughput: one entry a cycle with no gap between
    rows, and one cycle for a source without a row.
    """

    #: Cycles from a source's transfer to its first entry.
    latency = 2

    def __init__(self, shape: LayerShape, image: LaneImage | None = None):
        self._shape, self._image = shape, image
        super().__init__(
            {
                "i": In(stream.Signature(shape.source_bits)),
                "o": Out(stream.Signature(word_layout(shape.entry), always_ready=True)),
                "busy": Out(1),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, image = self._shape, self._image

        m.submodules.pointers = pointers = LoadableMemory(
            Memory.POINTERS, bits=shape.pointer.bits, depth=shape.sources, init=image.pointers if image else ()
        )
        m.submodules.entries = entries = LoadableMemory(
            Memory.ENTRIES, bits=shape.entry.bits, depth=shape.lane_entries, init=image.entries if image else ()
        )
        for part in (pointers, entries):
            wiring.connect(m, wiring.flipped(self.load), part.load)
            m.d.comb += part.peek.eq(self.peek)
        m.d.comb += self.peeked.eq(pointers.peeked | entries.peeked)

        # First stage: the row pointer of a source, kept until its row begins.
        row = data.View(word_layout(shape.pointer), pointers.data)
        row_waits = Signal()
        row_begins = Signal()
        m.d.comb += [
            self.i.ready.eq(~row_waits | row_begins),
            pointers.enable.eq(self.i.valid & self.i.ready),
            pointers.address.eq(self.i.payload),
        ]
        m.d.sync += row_waits.eq(pointers.enable | (row_waits & ~row_begins))

        # Second stage: the next entry of the row under way, or else the first one of the row that waits.
        address, left = Signal.like(row.start), Signal.like(row.length)
        next_address, next_left = Signal.like(row.start), Signal.like(row.length)
        with m.If(next_left != 0):
            m.d.comb += [address.eq(next_address), left.eq(next_left)]
        with m.Else():
            m.d.comb += [address.eq(row.start), left.eq(Mux(row_waits, row.length, 0)), row_begins.eq(row_waits)]
        m.d.comb += [entries.enable.eq(left != 0), entries.address.eq(address)]
        m.d.sync += [
            next_address.eq(address + 1),
            next_left.eq(Mux(left != 0, left - 1, 0)),
            self.o.valid.eq(left != 0),
        ]

        m.d.comb += [
            self.o.payload.eq(entries.data),
            self.busy.eq(row_waits | (next_left != 0) | self.o.valid),
        ]
        return m
