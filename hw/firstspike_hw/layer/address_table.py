"""The address table: from the sources of a layer with maps to their rows."""

from collections.abc import Iterable
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory

from ..lib.delays import delayed
from ..lib.layouts import word_layout
from ..memory.description import Memories
from ..memory.load_bus import LoadBus, pass_on
from ..memory.loadable_memory import LoadableMemory
from .parameters import AddressTableParameters


class AddressTable(wiring.Component):
    """Gives each spike the address of its source's row, and its base, instead of the source's address.

    Pooling, strides and the edges of maps are in the table alone: a source's position is never calculated. A spike that
    no neuron sees is dropped.

    Parameters
    ----------
    parameters : AddressTableParameters
    contents : iterable of int
        What the table holds at power-up; nothing by default.

    Members
    -------
    i : ``In(stream.Signature(parameters.source_token))``
    o : ``Out(stream.Signature(parameters.row_token))``
    load : ``In(LoadBus(shape.location.bits))``
        `Memory.POINTERS` words for this table; their ``layer`` and ``lane`` are ignored. As in `LoadableMemory`.

    Notes
    -----
    Latency: `latency` cycles. Throughput: one token a cycle. It holds up to `places`.
    """

    #: Cycles from a token's transfer to ``o.valid``.
    latency = LoadableMemory.latency + 1

    #: Tokens that it holds: those that come until the first one can go, and one more.
    places = latency + 1

    #: Cycles from ``peek`` to ``peeked``.
    peek_latency = LoadableMemory.peek_latency

    def __init__(self, parameters: AddressTableParameters, contents: Iterable[int] = ()):
        self._parameters, self._contents = parameters, contents
        assert self.places & (self.places - 1) == 0  # their numbers wrap around
        super().__init__(
            {
                "i": In(stream.Signature(parameters.source_token)),
                "o": Out(stream.Signature(parameters.row_token)),
                "load": In(LoadBus(parameters.shape.location.bits)),
            }
        )

    @staticmethod
    def memories(parameters: AddressTableParameters) -> Memories:
        """Yield the memories of an address table, except the places of tokens, which are always in LUTs."""
        shape = parameters.shape
        sizes = {"bits": shape.location.bits, "depth": shape.places, "ports": parameters.spikes_per_token}
        yield LoadableMemory.description(**sizes, style=parameters.memory_style), 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, ports = self._parameters.shape, range(self._parameters.spikes_per_token)
        m.submodules.table = table = LoadableMemory(
            Memory.POINTERS,
            bits=shape.location.bits,
            depth=shape.places,
            contents=self._contents,
            ports=len(ports),
            style=self._parameters.memory_style,
        )
        wiring.connect(m, wiring.flipped(self.load), table.load)

        # There is a place for every token that has been taken.
        taken, gone, held = self.i.valid & self.i.ready, self.o.valid & self.o.ready, Signal(range(self.places + 1))
        after, full = Signal.like(held), Signal()
        m.d.comb += [after.eq(held + taken - gone), self.i.ready.eq(~full)]
        m.d.sync += [held.eq(after), full.eq(after == self.places)]

        # Beside the table: the token, with the part of its addresses that is not looked up.
        token = self.i.payload
        marks = data.StructLayout({"is_there": 1, "token": self._parameters.lane_token})
        stages = [Signal(marks, name=f"token_{stage}") for stage in range(LoadableMemory.latency + 1)]
        m.d.comb += [stages[0].is_there.eq(taken), stages[0].token.end.eq(token.end), stages[0].token.last.eq(token.last)]
        for port in ports:
            address = token[f"address_{port}"]
            m.d.comb += [
                table.address[port].eq(address[shape.lane_bits :]),
                stages[0].token[f"address_{port}"].eq(address[: shape.lane_bits]),
                stages[0].token[f"valid_{port}"].eq(token[f"valid_{port}"]),
            ]
        m.d.sync += [late.eq(early) for early, late in pairwise(stages)]

        arrived, coming = stages[-1], Signal(self.o.payload.shape())
        m.d.comb += [coming.end.eq(arrived.token.end), coming.last.eq(arrived.token.last)]
        for port in ports:
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


def attach_address_table(
    m: Module, layer: wiring.Component, parameters: AddressTableParameters, contents: Iterable[int], *, lane: int, delay: int
) -> tuple[stream.Interface, Value]:
    """Put an address table in front of a layer; it takes the layer's load words for a ``lane``.

    Returns
    -------
    stream.Interface
        The layer's tokens, with the addresses of rows.
    Value
        What the table returns of a peek, ``delay`` cycles after the layer's ``peek``.
    """
    m.submodules.address_table = table = AddressTable(parameters, contents)
    wiring.connect(m, wiring.flipped(layer.i), table.i)
    pass_on(m, layer.load, table.load, when=layer.load.word.lane == lane)
    return table.o, delayed(m, table.load.peeked, delay - AddressTable.peek_latency)
