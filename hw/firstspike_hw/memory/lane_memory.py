"""The memory of a few words that lies within a lane."""

from collections.abc import Iterable

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..lib.delays import delayed
from .dp16kd import MOST_LUT_RAM_WORDS, Dp16kd, grid, has_dp16kd
from .spram import has_spram

#: Late words (`has_late_words`) lie in LUTs all the same where they have so few bits together: these take at most 380 LUTs, of
#: which ECP5s have 400 for each of their blocks.
MOST_LATE_LUT_RAM_BITS = 2560

#: An ECP5's block that is written at one port and read at the other, as synthesis makes it of a memory: bits, words.
WIDE_BITS, WIDE_WORDS = 36, 512


def has_late_words(platform: object, depth: int) -> bool:
    """Return whether a `LaneMemory` gives its words a cycle later: so it does where block RAM would have output registers."""
    return has_dp16kd(platform) and depth > MOST_LUT_RAM_WORDS


def wide_blocks(bits: int, depth: int) -> int:
    """Return how many of an ECP5's blocks, each written at one port and read at the other, a memory takes."""
    return -(-bits // WIDE_BITS) * -(-depth // WIDE_WORDS)


def late_word_blocks(bits: int, depth: int) -> int:
    """Return how many of an ECP5's blocks a `LaneMemory` with late words takes if not LUTs: the fewer of the two kinds."""
    return min(wide_blocks(bits, depth), grid(bits, depth).blocks)


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

    Where LUTs can be memories, a few words lie in them and are read behind the address's register; many lie in block RAM,
    with a register for what is just being written, and one more where these have output registers (`has_late_words`). Where
    fewer blocks do if each is written at one port and read at the other, it is a register of the device's logic. Words that
    come that late lie in LUTs if they have few bits together (`MOST_LATE_LUT_RAM_BITS`).

    Parameters
    ----------
    bits, depth : int
        Width of a word, and number of words.
    init : iterable of int
        Contents at power-up.

    Members
    -------
    address : ``In(range(depth))``
    word : ``Out(bits)``
        The word at the address of one cycle ago, with all that was written until then; or that a cycle later.
    write : ``In(1)``, write_address : ``In(range(depth))``, write_word : ``In(bits)``
    """

    def __init__(self, *, bits: int, depth: int, init: Iterable[int] = ()):
        self._bits, self._depth, self._init = bits, max(2, depth), init
        super().__init__(
            {
                "address": In(range(self._depth)),
                "word": Out(bits),
                "write": In(1),
                "write_address": In(range(self._depth)),
                "write_word": In(bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        late = has_late_words(platform, self._depth)
        few = self._bits * self._depth <= MOST_LATE_LUT_RAM_BITS if late else self._depth <= MOST_LUT_RAM_WORDS
        if few and not has_spram(platform):
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
        """Return a memory that synthesis makes of what there is, with its write port in use."""
        m.submodules.cells = cells = memory.Memory(
            shape=unsigned(self._bits), depth=self._depth, init=self._init, attrs=attributes
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
            m.submodules.cells = cells = Dp16kd(bits=self._bits, depth=self._depth, init=self._init, ports=2)
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
