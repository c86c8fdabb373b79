"""The address table: from the sources of a layer with maps to their rows."""

from collections.abc import Iterable
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import LOAD_WORD, Memory
from firstspike_spec.compiler.shapes import AddressTableShape

from ..lib.layouts import token_layout, word_layout
from ..memory.loadable_memory import LoadableMemory


class AddressTable(wiring.Component):
    """Gives each spike the address of its source's row, and its base, in place of the source's address.

    Pooling, strides and the edges of maps are in the table alone: a source's position is never calculated. A spike that
    nobody sees becomes none.

    Parameters
    ----------
    shape : AddressTableShape
    source_bits : int
        Width of a source's address.
    width : int
        Spikes a token.
    locations : iterable of int
        What the table holds at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(token_layout(source_bits, width)))``
    o : ``Out(stream.Signature(token_layout(row bits, width, shape.base_bits)))``
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        `Memory.POINTERS` words for this table (their ``layer`` and ``lane`` are not looked at).
    peek, peeked : ``In(1)``, ``Out(shape.location.bits)``
        As in `LoadableMemory`.

    Notes
    -----
    Latency: `latency` cycles. Throughput: one token a cycle. It holds up to `places`.
    """

    #: Cycles from a token's transfer to ``o.valid``.
    latency = LoadableMemory.latency + 1

    #: Tokens that it holds: as many as come until the first one can go, and one more.
    places = latency + 1

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self, shape: AddressTableShape, source_bits: int, *, width: int, locations: Iterable[int] = ()):
        self._shape, self._width, self._locations = shape, width, locations
        rows = token_layout(shape.row_bits + shape.lane_bits, width, shape.base_bits)
        assert self.places & (self.places - 1) == 0  # their numbers wrap around
        super().__init__(
            {
                "i": In(stream.Signature(token_layout(source_bits, width))),
                "o": Out(stream.Signature(rows)),
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(shape.location.bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape, width = self._shape, self._width
        m.submodules.table = table = LoadableMemory(
            Memory.POINTERS, bits=shape.location.bits, depth=shape.places, init=self._locations, ports=width
        )
        wiring.connect(m, wiring.flipped(self.load), table.load)
        m.d.comb += [table.peek.eq(self.peek), self.peeked.eq(table.peeked)]

        # There is a place for whatever has been taken.
        taken, gone, held = self.i.valid & self.i.ready, self.o.valid & self.o.ready, Signal(range(self.places + 1))
        after, full = Signal.like(held), Signal()
        m.d.comb += [after.eq(held + taken - gone), self.i.ready.eq(~full)]
        m.d.sync += [held.eq(after), full.eq(after == self.places)]

        # Beside the table: the token, with of its addresses only what is not looked up, the lane.
        token = self.i.payload
        marks = data.StructLayout({"is_there": 1, "token": token_layout(shape.lane_bits, width)})
        stages = [Signal(marks, name=f"token_{stage}") for stage in range(LoadableMemory.latency + 1)]
        m.d.comb += [stages[0].is_there.eq(taken), stages[0].token.end.eq(token.end), stages[0].token.last.eq(token.last)]
        for port in range(width):
            address = token[f"address_{port}"]
            m.d.comb += [
                table.address[port].eq(address[shape.lane_bits :]),
                stages[0].token[f"address_{port}"].eq(address[: shape.lane_bits]),
                stages[0].token[f"valid_{port}"].eq(token[f"valid_{port}"]),
            ]
        m.d.sync += [late.eq(early) for early, late in pairwise(stages)]

        arrived, coming = stages[-1], Signal(self.o.payload.shape())
        m.d.comb += [coming.end.eq(arrived.token.end), coming.last.eq(arrived.token.last)]
        for port in range(width):
            location = data.View(word_layout(shape.location), table.data[port])
            m.d.comb += [
                coming[f"address_{port}"].eq(Cat(arrived.token[f"address_{port}"], location.row)),
                coming[f"valid_{port}"].eq(arrived.token[f"valid_{port}"] & location.seen),
            ]
            if shape.base_bits:
                m.d.comb += coming[f"base_{port}"].eq(location.base)

        # The places.
        m.submodules.queue = queue = memory.Memory(shape=coming.shape(), depth=self.places, init=[])
        write, read = queue.write_port(), queue.read_port(domain="comb")
        put, got, waiting = Signal(range(self.places)), Signal(range(self.places)), Signal(range(self.places + 1))
        m.d.comb += [
            write.en.eq(arrived.is_there),
            write.addr.eq(put),
            write.data.eq(coming),
            read.addr.eq(got),
            self.o.payload.eq(read.data),
            self.o.valid.eq(waiting != 0),
        ]
        m.d.sync += waiting.eq(waiting + arrived.is_there - gone)
        with m.If(arrived.is_there):
            m.d.sync += put.eq(put + 1)
        with m.If(gone):
            m.d.sync += got.eq(got + 1)
        return m


def attach_address_table(m: Module, address_table: AddressTable, layer: wiring.Component, *, lane: int) -> stream.Interface:
    """Put a layer's address table before its tokens, and load it with the words for a ``lane``; return the stream behind it."""
    mine = layer.load.p.lane == lane
    wiring.connect(m, wiring.flipped(layer.i), address_table.i)
    m.d.comb += [
        address_table.load.payload.eq(layer.load.payload),
        address_table.load.valid.eq(layer.load.valid & mine),
        address_table.peek.eq(layer.peek & mine),
    ]
    return address_table.o
