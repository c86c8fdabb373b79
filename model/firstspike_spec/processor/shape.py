"""The shape of a processor: every size that is fixed once the gateware is built."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..common.words import LOAD_WORD, Field, Word
from ..compiler.shapes import index_bits
from ..layered.kernels import MAX_STEPS

#: Most lanes: the load word's lane after the last one is that of what all lanes share.
MAX_LANES = (1 << LOAD_WORD.width("lane")) - 1

#: Most groups of spikes that a program can tell apart: the input, and the spikes of each hidden layer.
MAX_SOURCES = 32


@dataclass(frozen=True)
class ProcessorShape:
    """Sizes of a processor. A network fits if no size that its program and its memories need is larger.

    Parameters
    ----------
    lanes : int
        1 .. 255.
    potentials : int
        Places for potentials in each lane, 16 .. 65536.
    potential_bits : int
        Width of a potential, 8 .. 32.
    entries : int
        Words of each lane's memory of entries, 16 .. 262144.
    weight_bits : int
        Width of a weight, 2 .. 8.
    value_bits : int
        Width of what a spike counts, 1 .. 16.
    rows : int
        Row pointers of each lane, 16 .. 65536.
    row_entries : int
        Entries of a lane's longest row, 1 .. 4095.
    queue_depth : int
        Rows that can wait in each lane: 8, 16, 32 or 64.
    channel_bits, side_bits : int
        Widths of a spike's channel, 1 .. 16, and of its row and column within its map, 1 .. 8.
    spikes, inputs : int
        Places for the spikes of layers, and of inputs: powers of two, 16 .. 65536.
    coordinates : int
        Words of the table of rows, and of the table of columns, 16 .. 65536.
    program : int
        32-bit words of the program, 64 .. 65536.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range, or a word of a memory would be wider than a load word's data.
    """

    lanes: int
    potentials: int
    potential_bits: int
    entries: int
    weight_bits: int
    value_bits: int
    rows: int
    row_entries: int
    queue_depth: int
    channel_bits: int
    side_bits: int
    spikes: int
    inputs: int
    coordinates: int
    program: int

    def __post_init__(self) -> None:
        most = 1 << 16
        for name, low, high in (
            ("lanes", 1, MAX_LANES),
            ("potentials", 16, most),
            ("potential_bits", 8, 32),
            ("entries", 16, 1 << LOAD_WORD.width("address")),
            ("weight_bits", 2, 8),
            ("value_bits", 1, 16),
            ("rows", 16, most),
            ("row_entries", 1, 4095),
            ("queue_depth", 8, 64),
            ("channel_bits", 1, 16),
            ("side_bits", 1, 8),
            ("spikes", 16, most),
            ("inputs", 16, most),
            ("coordinates", 16, most),
            ("program", 64, most),
        ):
            whole_number(getattr(self, name), name, low, high)
        for name in ("queue_depth", "spikes", "inputs"):
            if (size := getattr(self, name)) & (size - 1):
                raise InputError(f"{name} must be a power of two, not {size}")
        widest = LOAD_WORD.width("data")
        for name, word in (("pointer", self.pointer), ("coordinate", self.coordinate), ("spike", self.spike)):
            if word.bits > widest:
                raise InputError(f"the {name} word would have {word.bits} bits, of {widest} at most; make it narrower")

    @property
    def potential_address_bits(self) -> int:
        """Width of a potential's address within its lane."""
        return index_bits(self.potentials)

    @property
    def row_bits(self) -> int:
        """Width of a row's number."""
        return index_bits(self.rows)

    @property
    def step_bits(self) -> int:
        """Width of a spike's step."""
        return index_bits(MAX_STEPS)

    @property
    def pointer(self) -> Word:
        """A lane's pointer to a row: the address of its first entry, and the number of its entries; 0 if it has none here."""
        return Word((Field("start", index_bits(self.entries)), Field("length", self.row_entries.bit_length())))

    @property
    def entry(self) -> Word:
        """A connection: the target's address, less the base of the source, and the weight."""
        return Word((Field("offset", self.potential_address_bits), Field("weight", self.weight_bits, signed=True)))

    @property
    def header(self) -> Word:
        """What a lane knows of a unit: whether it has one, its target channel, its slot, and its initial potential."""
        return Word(
            (
                Field("exists", 1),
                Field("slot", 2),
                Field("channel", self.channel_bits),
                Field("initial", self.potential_bits, signed=True),
            )
        )

    @property
    def header_words(self) -> int:
        """Words of the memory of entries that a header takes, the low bits first."""
        return -(-self.header.bits // self.entry.bits)

    @property
    def coordinate(self) -> Word:
        """What a source's row, or column, adds to the number of its row of entries, and to its base.

        ``seen`` is 0 if no neuron sees that row or column.
        """
        return Word((Field("seen", 1), Field("row", self.row_bits), Field("base", self.potential_address_bits)))

    @property
    def spike(self) -> Word:
        """A spike as it is kept: its step, its channel, its row and its column; or the end of an input's spikes."""
        return Word(
            (
                Field("end", 1),
                Field("step", self.step_bits),
                Field("x", self.side_bits),
                Field("y", self.side_bits),
                Field("channel", self.channel_bits),
            )
        )

    @property
    def kernel_words(self) -> int:
        """Words of the table of kernels: that of inputs from address 0, that of layers from `MAX_STEPS` on."""
        return 2 * MAX_STEPS

    def as_dict(self) -> dict[str, Any]:
        """Return the sizes, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "ProcessorShape":
        """Return the shape that `as_dict` described.

        Raises
        ------
        InputTypeError, InputError
            If a size is missing, unknown or out of range.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            raise InputTypeError(
                f"not the description of a processor: it must have {', '.join(sorted(names))}, not {quoted(values)}"
            )
        return cls(**values)

    @property
    def digest(self) -> str:
        """SHA-256 of the sizes, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
