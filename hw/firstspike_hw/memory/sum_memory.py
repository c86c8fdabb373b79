"""The memory of a lane's sums and initial potentials."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .description import MemoryDescription, Place, Ram
from .lane_memory import WIDE_BITS, LaneMemory, forwarded, inferred_wide_blocks, late_word_blocks, wide_blocks
from .style import GENERIC_MEMORY, MemoryStyle

#: This many bits of a word of an ECP5's block RAM can be written without the others.
_BYTE = 9


def _padded(bits: int) -> int:
    return -(-bits // _BYTE) * _BYTE


def shares_words(sum_bits: int, potential_bits: int, depth: int) -> bool:
    """Return whether sums and initial potentials take fewer of an ECP5's block RAMs in the same words than apart."""
    together, apart = _padded(sum_bits) + _padded(potential_bits), (sum_bits, potential_bits)
    return together <= WIDE_BITS and wide_blocks(together, depth) < sum(late_word_blocks(bits, depth) for bits in apart)


class SumMemory(wiring.Component):
    """Each neuron's sum, which always reads as it was written, also in the cycle before; and its initial potential.

    The two are read together, and never written in the same cycle: sums are written in operation, initial potentials by
    loading. So where block RAM has words wide enough for both, they share them (`shares_words`).

    Parameters
    ----------
    sum_bits, potential_bits, depth : int
        Widths, and number of neurons.
    contents : iterable of int
        Initial potentials at power-up.
    style : MemoryStyle

    Members
    -------
    address : ``In(range(depth))``
    sum : ``Out(sum_bits)``, initial : ``Out(potential_bits)``
        As a `LaneMemory` gives its words. The initial potential is the one that was loaded before the address came.
    write : ``In(1)``, write_address : ``In(range(depth))``, write_sum : ``In(sum_bits)``
    write_initial : ``In(potential_bits)``
        The initial potential of the neuron whose sum is written. It does not change; but it cannot be read from a word that is
        being written.
    load : ``In(1)``, load_address : ``In(range(depth))``, load_initial : ``In(potential_bits)``
        Never in the same cycle as ``write``. What is read at the same address then is unknown.
    peek : ``In(1)``
        Read at ``load_address`` instead of ``address``.
    """

    def __init__(
        self,
        *,
        sum_bits: int,
        potential_bits: int,
        depth: int,
        contents: Iterable[int] = (),
        style: MemoryStyle = GENERIC_MEMORY,
    ):
        self._sum_bits, self._potential_bits, self._depth = sum_bits, potential_bits, max(2, depth)
        self._contents, self._style = contents, style
        address = range(self._depth)
        super().__init__(
            {
                "address": In(address),
                "sum": Out(sum_bits),
                "initial": Out(potential_bits),
                "write": In(1),
                "write_address": In(address),
                "write_sum": In(sum_bits),
                "write_initial": In(potential_bits),
                "load": In(1),
                "load_address": In(address),
                "load_initial": In(potential_bits),
                "peek": In(1),
            }
        )

    @staticmethod
    def description(*, sum_bits: int, potential_bits: int, depth: int, style: MemoryStyle) -> MemoryDescription:
        """Return what a memory of these sizes is made of."""
        if _has_shared_words(sum_bits, potential_bits, depth, style):
            bits = _padded(sum_bits) + _padded(potential_bits)
            rams = [Ram(bits, depth, Place.BLOCKS, inferred_wide_blocks(bits, depth))]
        else:
            rams = [LaneMemory.ram(bits, depth, style) for bits in (sum_bits, potential_bits)]
        sizes = {"sum_bits": sum_bits, "potential_bits": potential_bits, "depth": depth}
        return MemoryDescription.of(SumMemory, *rams, **sizes, style=style)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        read_address = Mux(self.peek, self.load_address, self.address)
        if _has_shared_words(self._sum_bits, self._potential_bits, self._depth, self._style):
            self._shared(m, read_address)
            return m
        m.submodules.sums = sums = LaneMemory(bits=self._sum_bits, depth=self._depth, style=self._style)
        m.submodules.initials = initials = LaneMemory(
            bits=self._potential_bits, depth=self._depth, contents=self._contents, style=self._style
        )
        m.d.comb += [
            sums.address.eq(self.address),
            sums.write.eq(self.write),
            sums.write_address.eq(self.write_address),
            sums.write_word.eq(self.write_sum),
            self.sum.eq(sums.word),
            initials.address.eq(read_address),
            initials.write.eq(self.load),
            initials.write_address.eq(self.load_address),
            initials.write_word.eq(self.load_initial),
            self.initial.eq(initials.word),
        ]
        return m

    def _shared(self, m: Module, read_address: Value) -> None:
        low, high = _padded(self._sum_bits), _padded(self._potential_bits)
        m.submodules.cells = cells = memory.Memory(
            shape=unsigned(low + high), depth=self._depth, init=[initial << low for initial in self._contents]
        )
        read, write = cells.read_port(), cells.write_port(granularity=_BYTE)
        late = Signal(self._sum_bits + self._potential_bits)
        word = forwarded(
            m,
            late,
            is_written=self.write & (self.write_address == self.address),
            word=Cat(self.write_sum, self.write_initial),
            cycles=2,
        )
        m.d.comb += [
            read.addr.eq(read_address),
            write.addr.eq(Mux(self.load, self.load_address, self.write_address)),
            write.en.eq(Cat(self.write.replicate(low // _BYTE), self.load.replicate(high // _BYTE))),
            write.data[:low].eq(self.write_sum),
            write.data[low:].eq(self.load_initial),
            Cat(self.sum, self.initial).eq(word),
        ]
        m.d.sync += late.eq(Cat(read.data[: self._sum_bits], read.data[low:]))


def _has_shared_words(sum_bits: int, potential_bits: int, depth: int, style: MemoryStyle) -> bool:
    return style.has_late_words(depth) and shares_words(sum_bits, potential_bits, depth)
