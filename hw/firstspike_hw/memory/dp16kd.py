"""The block RAMs of the ECP5, with their output registers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amaranth.hdl import Array, ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import wiring

from .ram import ram_members
from .style import MemoryStyle

#: Words in a block, by the width of a word.
WORDS = {18: 1024, 9: 2048, 4: 4096, 2: 8192, 1: 16384}

# A block's contents are parameters of 16 fields of 20 bits each, of which 18 are used.
_INITVALS, _FIELDS, _FIELD_BITS, _USED_BITS = 64, 16, 20, 18
_ADDRESS_BITS = 14


@dataclass(frozen=True)
class Grid:
    """The blocks that make a memory: ``columns`` side by side for its bits, ``rows`` one after the other for its depth.

    Parameters
    ----------
    width : int
        Bits of a word in each block, a key of `WORDS`.
    columns, rows : int
    """

    width: int
    columns: int
    rows: int

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return self.columns * self.rows

    @property
    def word_bits(self) -> int:
        """Bits of an address within a row."""
        return (WORDS[self.width] - 1).bit_length()


def grid(bits: int, depth: int) -> Grid:
    """Return the grid of fewest blocks for a memory, and of those the one of fewest rows."""
    grids = [Grid(width, -(-bits // width), -(-depth // words)) for width, words in WORDS.items()]
    return min(grids, key=lambda grid: (grid.blocks, grid.rows))


def blocks(bits: int, depth: int, style: MemoryStyle) -> int:
    """Return how many blocks with output registers a `LoadableMemory` of one or two ports takes; 0 if it lies elsewhere."""
    return grid(bits, depth).blocks if style.has_late_words(depth) else 0


def initvals(words: Sequence[int], width: int) -> dict[str, Const]:
    """Return the parameters that give a block its contents.

    Words narrower than 9 bits lie in the low 8 bits of each 9 (`brams_map_16kd.v` of Yosys).
    """
    content, per_byte = 0, 8 // width
    for number, word in enumerate(words):
        place = number * width if width >= 9 else number // per_byte * 9 + number % per_byte * width
        content |= word << place
    parameters = {}
    for number in range(_INITVALS):
        value = 0
        for field in range(_FIELDS):
            used = content >> (number * _FIELDS + field) * _USED_BITS & (1 << _USED_BITS) - 1
            value |= used << field * _FIELD_BITS
        parameters[f"INITVAL_{number:02X}"] = Const(value, _FIELDS * _FIELD_BITS)
    return parameters


class Dp16kd(wiring.Component):
    """A memory of block RAMs whose output registers are used: synthesis cannot infer that.

    Lattice, ECP5 and ECP5-5G Memory Usage Guide (FPGA-TN-02204): two ports, which each read or write in a cycle.

    Parameters and members are those of `InferredRam`.
    """

    def __init__(self, *, bits: int, depth: int, contents: Iterable[int] = (), ports: int = 1):
        self._grid, self._contents = grid(bits, depth), [int(word) for word in contents]
        super().__init__(ram_members(bits=bits, depth=depth, ports=ports))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width, columns, rows, low = self._grid.width, self._grid.columns, self._grid.rows, self._grid.word_bits

        # By row and column, the word at each port.
        shown = [[[Signal(width) for _ in self.word] for _ in range(columns)] for _ in range(rows)]
        for row in range(rows):
            write = self.write & (self.address[0][low:] == row)
            words = self._contents[row << low : row + 1 << low]
            for column in range(columns):
                first = column * width
                m.submodules[f"block_{row}_{column}"] = _block(
                    width,
                    [word >> first & (1 << width) - 1 for word in words],
                    [address[:low] for address in self.address],
                    write,
                    self.data[first : first + width],
                    shown[row][column],
                )

        for port, (address, word) in enumerate(zip(self.address, self.word, strict=True)):
            waiting, row = Signal.like(address[low:]), Signal.like(address[low:])
            m.d.sync += [waiting.eq(address[low:]), row.eq(waiting)]
            for column in range(columns):
                m.d.comb += word[column * width : (column + 1) * width].eq(
                    Array(shown[number][column][port] for number in range(rows))[row]
                )
        return m


def _block(
    width: int, contents: Sequence[int], addresses: Sequence[Value], write: Value, data: Value, words: Sequence[Signal]
) -> Instance:
    """Return a block with the parameters that Yosys gives where it infers one, except for the output registers."""
    # Addresses count bits; for words of 18 bits, the unused low bits of an address are the write enables of the halves.
    aligned = _ADDRESS_BITS - (WORDS[width] - 1).bit_length()
    pins: dict[str, Value | int] = {}
    for port, name in enumerate("AB"):
        address = addresses[port] << aligned if port < len(addresses) else Const(0, _ADDRESS_BITS)
        enable, written = (write, data) if port == 0 else (Const(0), Const(0))
        pins |= {f"i_CLK{name}": ClockSignal(), f"i_CE{name}": 1, f"i_OCE{name}": 1, f"i_RST{name}": 0, f"i_WE{name}": enable}
        pins |= {f"i_CS{name}{bit}": 0 for bit in range(3)}
        pins |= {f"i_AD{name}{bit}": address[bit] if bit < len(address) else 0 for bit in range(_ADDRESS_BITS)}
        pins |= {f"i_DI{name}{bit}": written[bit] if bit < len(written) else 0 for bit in range(_USED_BITS)}
        if width == 18:
            pins |= {f"i_AD{name}0": enable, f"i_AD{name}1": enable}
        if port < len(words):
            pins |= {f"o_DO{name}{bit}": words[port][bit] for bit in range(width)}
        pins |= {
            f"p_DATA_WIDTH_{name}": width,
            f"p_REGMODE_{name}": "OUTREG",
            f"p_WRITEMODE_{name}": "NORMAL",
            f"p_CSDECODE_{name}": "0b000",
            f"p_CLK{name}MUX": f"CLK{name}",
        }
    pins |= {f"p_{name}": value for name, value in initvals(contents, width).items()}
    return Instance("DP16KD", p_GSR="DISABLED", p_RESETMODE="ASYNC", p_ASYNC_RESET_RELEASE="ASYNC", **pins)
