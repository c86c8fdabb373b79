"""A queue whose items are announced before they come."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...memory.description import MemoryDescription, Place, Ram
from ...memory.lane_memory import inferred_blocks
from ...memory.style import GENERIC_MEMORY, MemoryStyle


class Queue(wiring.Component):
    """Holds items, and says in time when there will be no room for more.

    An item is announced some cycles before it comes, when it is not known yet whether it will: later it is pushed or declined.
    A place is reserved for it meanwhile.

    Parameters
    ----------
    layout : StructLayout
    depth : int
        Number of places, a power of two. One more item waits at the output.
    slack : int
        Items that may still be announced after ``room`` has gone, at most ``depth - 2``.
    style : MemoryStyle

    Members
    -------
    announce : ``In(1)``
        An item may come in a later cycle.
    decline : ``In(1)``
        One of the announced items does not come.
    push : ``In(1)``, i : ``In(layout)``
        One of them comes.
    room : ``Out(1)``
    holds : ``Out(1)``
        Items wait, from the cycle after ``push`` on.
    o : ``Out(stream.Signature(layout))``

    Notes
    -----
    Latency: 2 cycles from ``push`` to ``o.valid``. Throughput: one item a cycle.
    """

    #: Cycles from ``push`` to ``o.valid``.
    latency = 2

    #: Items that can be announced from the one that takes the last place until ``room`` goes.
    _ANNOUNCED_MEANWHILE = 1

    def __init__(self, layout: data.StructLayout, *, depth: int, slack: int, style: MemoryStyle = GENERIC_MEMORY):
        self._layout, self._depth, self._style = layout, depth, style
        self._most = depth - slack - self._ANNOUNCED_MEANWHILE
        super().__init__(
            {
                "announce": In(1),
                "decline": In(1),
                "push": In(1),
                "i": In(layout),
                "room": Out(1, init=1),
                "holds": Out(1),
                "o": Out(stream.Signature(layout)),
            }
        )

    @staticmethod
    def description(layout: data.StructLayout, *, depth: int, slack: int, style: MemoryStyle) -> MemoryDescription:
        """Return what a queue is made of."""
        if style.lut_ram:
            ram = Ram(layout.size, depth, Place.LUTS, 0)
        else:
            blocks = inferred_blocks(layout.size, depth) if style.output_registers else None
            ram = Ram(layout.size, depth, Place.EITHER, blocks)
        return MemoryDescription.of(Queue, ram, layout=layout, depth=depth, slack=slack, style=style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        attributes = {"ram_style": "distributed"} if self._style.lut_ram else {}
        m.submodules.places = places = memory.Memory(shape=self._layout, depth=self._depth, init=[], attrs=attributes)
        write, read = places.write_port(), places.read_port()
        put, got = Signal(range(self._depth)), Signal(range(self._depth))
        waiting, has, goes = Signal(range(self._depth + 1)), Signal(), Signal()
        m.d.comb += [
            write.en.eq(self.push),
            write.addr.eq(put),
            write.data.eq(self.i),
            read.en.eq(goes),
            read.addr.eq(got),
            self.o.payload.eq(read.data),
            goes.eq(has & (~self.o.valid | self.o.ready)),
            self.holds.eq(has | self.o.valid),
        ]
        m.d.sync += [
            put.eq(put + self.push),
            got.eq(got + goes),
            waiting.eq(waiting + _difference(self.push, goes)),
            has.eq(self.push | Mux(goes, waiting != 1, has)),
            self.o.valid.eq(goes | (self.o.valid & ~self.o.ready)),
        ]
        # Places that are taken or reserved.
        reserved = Signal(range(self._depth + 1))
        m.d.sync += [
            reserved.eq(reserved + _difference(self.announce, self.decline, goes)),
            self.room.eq(reserved < self._most),
        ]
        return m


def _difference(more: Value, less: Value, also_less: Value | int = 0) -> Value:
    """Return ``more - less - also_less`` of three bits, as narrow as it can be."""
    return Cat(more ^ less ^ also_less, Mux(more, less & also_less, less | also_less)).as_signed()
