"""The memory of a few words that lies within a lane."""

from collections.abc import Iterable

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..lib.delays import delayed
from .description import MemoryDescription, Place, Ram
from .dp16kd import Dp16kd, grid
from .style import GENERIC_MEMORY, MemoryStyle

#: An ECP5's block RAM that is written at one port and read at the other, as synthesis infers it: bits, words.
WIDE_BITS, WIDE_WORDS = 36, 512

# Where Yosys has the choice on an ECP5, it puts memories of at most this many bits into LUTs. For memories of more words than
# the second number, it weighs block RAMs against the logic that chooses between them.
_MOST_INFERRED_LUT_RAM_BITS, _MOST_INFERRED_WORDS = 1024, 4096


def wide_blocks(bits: int, depth: int) -> int:
    """Return how many of an ECP5's block RAMs a memory takes if each is written at one port and read at the other."""
    return -(-bits // WIDE_BITS) * -(-depth // WIDE_WORDS)


def late_word_blocks(bits: int, depth: int) -> int:
    """Return how many of an ECP5's block RAMs a `LaneMemory` with late words takes if it does not lie in LUTs."""
    return min(wide_blocks(bits, depth), grid(bits, depth).blocks)


def inferred_blocks(bits: int, depth: int) -> int | None:
    """Return how many of an ECP5's block RAMs Yosys makes of a memory where it has the choice; None if no rule says it."""
    if bits * depth <= _MOST_INFERRED_LUT_RAM_BITS:
        return 0
    return late_word_blocks(bits, depth) if depth <= _MOST_INFERRED_WORDS else None


def inferred_wide_blocks(bits: int, depth: int) -> int | None:
    """Return the same of a memory that can only be written at one port and read at the other."""
    return wide_blocks(bits, depth) if depth <= _MOST_INFERRED_WORDS else None


def forwarded(m: Module, read: Value, *, is_written: Value, word: Value, cycles: int) -> Value:
    """Return what a memory reads, or what was written in the cycle of its address.

    Parameters
    ----------
    read : Value
        The word at the address of ``cycles`` ago, as it was then.
    is_written : Value
        The word at this cycle's address is being written.
    word : Value
        What is being written.
    """
    return Mux(delayed(m, is_written, cycles), delayed(m, word, cycles), read)


class LaneMemory(wiring.Component):
    """A memory that always reads what has been written, also in the cycle before.

    A few words lie in LUTs, where these can be memories, and are read after the address's register. More words lie in block
    RAM, with a register for what is just being written, and one more where block RAM has output registers: then words come
    late. Such a memory is made of the kind of block RAM that takes fewer: the one with output registers, or the one that is
    written at one port and read at the other, with a register of the FPGA's logic. Late words lie in LUTs if they have few
    bits together (`MemoryStyle.late_lut_ram_bits`).

    Parameters
    ----------
    bits, depth : int
        Width of a word, and number of words.
    contents : iterable of int
        What it holds at power-up.
    style : MemoryStyle

    Members
    -------
    address : ``In(range(depth))``
    word : ``Out(bits)``
        The word at the address of one cycle ago, with all that was written until then; the same a cycle later if
        `MemoryStyle.has_late_words`.
    write : ``In(1)``, write_address : ``In(range(depth))``, write_word : ``In(bits)``
    """

    def __init__(self, *, bits: int, depth: int, contents: Iterable[int] = (), style: MemoryStyle = GENERIC_MEMORY):
        self._bits, self._depth, self._contents, self._style = bits, max(2, depth), contents, style
        super().__init__(
            {
                "address": In(range(self._depth)),
                "word": Out(bits),
                "write": In(1),
                "write_address": In(range(self._depth)),
                "write_word": In(bits),
            }
        )

    @staticmethod
    def description(*, bits: int, depth: int, style: MemoryStyle) -> MemoryDescription:
        """Return what a memory of these sizes is made of."""
        return MemoryDescription.of(LaneMemory, LaneMemory.ram(bits, depth, style), bits=bits, depth=depth, style=style)

    @staticmethod
    def ram(bits: int, depth: int, style: MemoryStyle) -> Ram:
        """Return the only memory in it."""
        depth = max(2, depth)
        if style.lut_ram and _has_few_words(bits, depth, style):
            return Ram(bits, depth, Place.LUTS, 0)
        if style.has_late_words(depth):
            inferred = wide_blocks(bits, depth) < grid(bits, depth).blocks
            count = inferred_wide_blocks(bits, depth) if inferred else grid(bits, depth).blocks
            return Ram(bits, depth, Place.BLOCKS, count)
        return Ram(bits, depth, Place.EITHER if style.lut_ram else Place.BLOCKS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        late = self._style.has_late_words(self._depth)
        if self.ram(self._bits, self._depth, self._style).place is Place.LUTS:
            self._in_luts(m, late)
        elif late:
            self._late_words(m)
        else:
            read = self._inferred(m).read_port()
            m.d.comb += [read.addr.eq(self.address), self.word.eq(self._forwarded(m, read.data, cycles=1))]
        return m

    def _in_luts(self, m: Module, late: bool) -> None:
        read = self._inferred(m, ram_style="distributed").read_port(domain="comb")
        m.d.sync += read.addr.eq(self.address)
        m.d["sync" if late else "comb"] += self.word.eq(read.data)

    def _inferred(self, m: Module, **attributes: str) -> memory.Memory:
        """Return a memory of what synthesis chooses, with its write port in use."""
        m.submodules.cells = cells = memory.Memory(
            shape=unsigned(self._bits), depth=self._depth, init=self._contents, attrs=attributes
        )
        write = cells.write_port()
        m.d.comb += [write.en.eq(self.write), write.addr.eq(self.write_address), write.data.eq(self.write_word)]
        return cells

    def _late_words(self, m: Module) -> None:
        if wide_blocks(self._bits, self._depth) < grid(self._bits, self._depth).blocks:
            read, late = self._inferred(m).read_port(), Signal(self._bits)
            m.d.comb += read.addr.eq(self.address)
            m.d.sync += late.eq(read.data)
        else:
            m.submodules.cells = cells = Dp16kd(bits=self._bits, depth=self._depth, contents=self._contents, ports=2)
            late = cells.word[1]
            m.d.comb += [
                cells.address[0].eq(self.write_address),
                cells.write.eq(self.write),
                cells.data.eq(self.write_word),
                cells.address[1].eq(self.address),
            ]
        m.d.comb += self.word.eq(self._forwarded(m, late, cycles=2))

    def _forwarded(self, m: Module, read: Value, *, cycles: int) -> Value:
        is_written = self.write & (self.write_address == self.address)
        return forwarded(m, read, is_written=is_written, word=self.write_word, cycles=cycles)


def _has_few_words(bits: int, depth: int, style: MemoryStyle) -> bool:
    if style.has_late_words(depth):
        return bits * depth <= style.late_lut_ram_bits
    return depth <= style.lut_ram_words
