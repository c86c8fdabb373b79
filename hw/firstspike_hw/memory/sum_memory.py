"""The memory of a lane's sums and initial potentials."""

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .lane_memory import WIDE_BITS, LaneMemory, forwarded, has_late_words, late_word_blocks, wide_blocks

#: Of a word of an ECP5's block, so many bits can be written without the others.
_BYTE = 9


def _padded(bits: int) -> int:
    return -(-bits // _BYTE) * _BYTE


def shares_words(sum_bits: int, start_bits: int, depth: int) -> bool:
    """Return whether sums and initial potentials take fewer of an ECP5's blocks in the same words than apart."""
    together, apart = _padded(sum_bits) + _padded(start_bits), (sum_bits, start_bits)
    return together <= WIDE_BITS and wide_blocks(together, depth) < sum(late_word_blocks(bits, depth) for bits in apart)


class SumMemory(wiring.Component):
    """Each neuron's sum, which always reads as it was written, also in the cycle before; and its initial potential.

    The two are read together, and written by turns: sums in operation, initial potentials by loading. So where block RAM has
    words wide enough for both, they share them (`shares_words`).

    Parameters
    ----------
    sum_bits, start_bits, depth : int
        Widths, and number of neurons.
    starts : iterable of int
        Initial potentials at power-up.

    Members
    -------
    address : ``In(range(depth))``
    sum : ``Out(sum_bits)``, start : ``Out(start_bits)``
        As a `LaneMemory` gives its words. Of an initial potential, what was loaded before the address came.
    write : ``In(1)``, write_address : ``In(range(depth))``, write_sum : ``In(sum_bits)``
    write_start : ``In(start_bits)``
        The initial potential of the neuron that is written, which stays; it is not to be had from a word that is being written.
    load : ``In(1)``, load_address : ``In(range(depth))``, load_start : ``In(start_bits)``
        Not together with ``write``. What is read at the neuron's address meanwhile is not to be relied on.
    peek : ``In(1)``
        Read at ``load_address`` in place of ``address``.
    """

    def __init__(self, *, sum_bits: int, start_bits: int, depth: int, starts: Iterable[int] = ()):
        self._sum_bits, self._start_bits, self._depth, self._starts = sum_bits, start_bits, max(2, depth), starts
        address = range(self._depth)
        super().__init__(
            {
                "address": In(address),
                "sum": Out(sum_bits),
                "start": Out(start_bits),
                "write": In(1),
                "write_address": In(address),
                "write_sum": In(sum_bits),
                "write_start": In(start_bits),
                "load": In(1),
                "load_address": In(address),
                "load_start": In(start_bits),
                "peek": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        read_address = Mux(self.peek, self.load_address, self.address)
        if has_late_words(platform, self._depth) and shares_words(self._sum_bits, self._start_bits, self._depth):
            self._shared(m, read_address)
            return m
        m.submodules.sums = sums = LaneMemory(bits=self._sum_bits, depth=self._depth)
        m.submodules.starts = starts = LaneMemory(bits=self._start_bits, depth=self._depth, init=self._starts)
        m.d.comb += [
            sums.address.eq(self.address),
            sums.write.eq(self.write),
            sums.write_address.eq(self.write_address),
            sums.write_word.eq(self.write_sum),
            self.sum.eq(sums.word),
            starts.address.eq(read_address),
            starts.write.eq(self.load),
            starts.write_address.eq(self.load_address),
            starts.write_word.eq(self.load_start),
            self.start.eq(starts.word),
        ]
        return m

    def _shared(self, m: Module, read_address) -> None:
        low, high = _padded(self._sum_bits), _padded(self._start_bits)
        m.submodules.cells = cells = memory.Memory(
            shape=unsigned(low + high), depth=self._depth, init=[start << low for start in self._starts]
        )
        read, write = cells.read_port(), cells.write_port(granularity=_BYTE)
        late = Signal(self._sum_bits + self._start_bits)
        word = forwarded(
            m,
            late,
            is_written=self.write & (self.write_address == self.address),
            word=Cat(self.write_sum, self.write_start),
            cycles=2,
        )
        m.d.comb += [
            read.addr.eq(read_address),
            write.addr.eq(Mux(self.load, self.load_address, self.write_address)),
            write.en.eq(Cat(self.write.replicate(low // _BYTE), self.load.replicate(high // _BYTE))),
            write.data[:low].eq(self.write_sum),
            write.data[low:].eq(self.load_start),
            Cat(self.sum, self.start).eq(word),
        ]
        m.d.sync += late.eq(Cat(read.data[: self._sum_bits], read.data[low:]))
