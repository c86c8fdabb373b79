"""A memory that is read while the engine runs, and written or read back only while it does not."""

from collections.abc import Iterable

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from firstspike_spec.words import LOAD_WORD, Memory

from .layouts import word_layout
from .spram import BITS, WORDS, Spram, has_spram

#: Smaller memories go into block RAM, of which there is more than of SPRAM.
_LEAST_SPRAM_BITS = 1 << 15


class LoadableMemory(wiring.Component):
    """A memory with one address: it is read, loaded or read back, never two of them in one cycle.

    With one address for all, synthesis needs no logic for collisions.

    Parameters
    ----------
    kind : Memory
        The load words that it takes.
    bits, depth : int
        Width of a word, and number of words.
    init : iterable of int
        Contents at power-up.

    Members
    -------
    load : ``In(stream.Signature(word_layout(LOAD_WORD), always_ready=True))``
        Words to write; those of other kinds are ignored.
    peek : ``In(1)``
        Read the word at ``load``'s address, if ``load`` is of this kind; not while ``load`` is valid.
    peeked : ``Out(bits)``
        The word read so, in the next cycle; 0 in all others.
    address : ``In(range(depth))``
    enable : ``In(1)``
        Read in this cycle.
    data : ``Out(bits)``
        The word last read, from the next cycle on, until the next read or load.
    """

    def __init__(self, kind: Memory, *, bits: int, depth: int, init: Iterable[int] = ()):
        # No synthesis tool likes an address of no bits.
        self._kind, self._depth, self._init = kind, max(2, depth), [int(word) for word in init]
        super().__init__(
            {
                "load": In(stream.Signature(word_layout(LOAD_WORD), always_ready=True)),
                "peek": In(1),
                "peeked": Out(bits),
                "address": In(range(self._depth)),
                "enable": In(1),
                "data": Out(bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        address = Signal.like(self.address)
        chosen, peeks, peeked, reads, writes = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            chosen.eq(self.load.p.memory == self._kind),
            peeks.eq(self.peek & chosen),
            writes.eq(self.load.valid & chosen),
            reads.eq(self.enable | peeks),
            address.eq(self.address),
            self.peeked.eq(Mux(peeked, self.data, 0)),
        ]
        m.d.sync += peeked.eq(peeks)
        with m.If(writes | peeks):
            m.d.comb += address.eq(self.load.p.address)

        if self._fits_spram(platform):
            m.submodules.memory = spram = Spram()
            m.d.comb += [
                spram.address.eq(address),
                spram.read.eq(reads),
                spram.write.eq(writes),
                spram.data.eq(self.load.p.data),
                self.data.eq(spram.word),
            ]
        else:
            m.submodules.memory = storage = memory.Memory(shape=unsigned(len(self.data)), depth=self._depth, init=self._init)
            read, write = storage.read_port(), storage.write_port()
            m.d.comb += [
                read.addr.eq(address),
                read.en.eq(reads),
                self.data.eq(read.data),
                write.addr.eq(address),
                write.en.eq(writes),
                write.data.eq(self.load.p.data),
            ]
        return m

    def _fits_spram(self, platform: object) -> bool:
        large = self._depth * len(self.data) >= _LEAST_SPRAM_BITS
        return has_spram(platform) and large and not self._init and self._depth <= WORDS and len(self.data) <= BITS
