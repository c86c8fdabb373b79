"""The entry reader: goes through the rows that wait, entry by entry."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.common.words import Memory

from ...lib.delays import delayed
from ...memory.description import MemoryDescription
from ...memory.load_bus import LoadBus
from ...memory.loadable_memory import LoadableMemory
from ..parameters import ProcessorParameters


class EntryReader(wiring.Component):
    """Holds a lane's entries, and reads one a cycle; words of headers lie among them.

    Parameters
    ----------
    parameters : ProcessorParameters

    Members
    -------
    rows : ``In(stream.Signature(parameters.row))``
    hold : ``In(1)``
        No entry is read in this cycle.
    peek_header : ``In(1)``, header_address : ``In(parameters.entry_address_bits)``
        Read a word of a header in the next cycle, which must be one of ``hold``.
    valid : ``Out(1)``, entry : ``Out(parameters.entry)``
        The entry that was read `latency` cycles before; without ``valid``, the word of a header if there was one.
    base, value : ``Out``
        Those of the entry's row.
    busy : ``Out(1)``
        Entries of a row have yet to be read, or are on their way here; not in the cycle of the last one's ``valid``.
    load : ``In(LoadBus(shape.entry.bits))``
        Not in the same cycle as ``peek_header``.

    Notes
    -----
    Throughput: one entry a cycle, rows back to back.
    """

    #: Cycles from the reading of an entry to ``valid``.
    latency = LoadableMemory.latency

    #: Cycles from a row's transfer to the reading of its first entry.
    row_latency = 1

    def __init__(self, parameters: ProcessorParameters):
        self._parameters = parameters
        super().__init__(
            {
                "rows": In(stream.Signature(parameters.row)),
                "hold": In(1),
                "peek_header": In(1),
                "header_address": In(parameters.entry_address_bits),
                "valid": Out(1),
                "entry": Out(parameters.entry),
                "base": Out(parameters.row["base"].shape),
                "value": Out(parameters.row["value"].shape),
                "busy": Out(1),
                "load": In(LoadBus(parameters.shape.entry.bits)),
            }
        )

    @staticmethod
    def description(parameters: ProcessorParameters) -> MemoryDescription:
        """Return what the memory of entries is made of."""
        shape = parameters.shape
        return LoadableMemory.description(bits=shape.entry.bits, depth=shape.entries, ports=1, style=parameters.memory_style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, row = self._parameters.shape, self.rows.payload
        m.submodules.entries = entries = LoadableMemory(
            Memory.ENTRIES, bits=shape.entry.bits, depth=shape.entries, style=self._parameters.memory_style
        )

        # The row under way. It may be followed by the next one if there is none, or its last entry is read.
        address, left = Signal(self._parameters.entry_address_bits), Signal.like(row.length)
        base, value = Signal.like(row.base), Signal.like(row.value)
        under_way, may_follow = Signal(), Signal(init=1)
        m.d.comb += self.rows.ready.eq(may_follow & ~self.hold)
        with m.If(~self.hold):
            with m.If(may_follow):
                m.d.sync += [
                    under_way.eq(self.rows.valid),
                    may_follow.eq(~self.rows.valid | row.single),
                    address.eq(row.start),
                    left.eq(row.length),
                    base.eq(row.base),
                    value.eq(row.value),
                ]
            with m.Else():
                m.d.sync += [address.eq(address + 1), left.eq(left - 1), may_follow.eq(left == 2)]

        on_the_way = Signal(self.latency)
        m.d.sync += on_the_way.eq(Cat(under_way & ~self.hold, on_the_way))
        m.d.comb += [
            entries.address[0].eq(address),
            self.entry.eq(entries.data[0]),
            self.valid.eq(on_the_way[-1]),
            self.base.eq(delayed(m, base, self.latency)),
            self.value.eq(delayed(m, value, self.latency)),
            self.busy.eq(under_way | on_the_way[:-1].any()),
        ]

        # A header's word takes the way of a word that is read back, but is not shown there: it has another memory's number.
        m.d.comb += [
            entries.load.word.eq(self.load.word),
            entries.load.write.eq(self.load.write),
            entries.load.peek.eq(self.load.peek | self.peek_header),
            self.load.peeked.eq(entries.load.peeked),
        ]
        with m.If(self.peek_header):
            m.d.comb += [
                entries.load.word.address.eq(self.header_address),
                entries.load.word.memory.eq(Memory.POINTERS),
            ]
        return m
