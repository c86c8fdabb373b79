"""The parameters of the output layer, and of an address table."""

from dataclasses import KW_ONLY, dataclass

from amaranth.lib import data

from firstspike_spec.common.checks import whole_number
from firstspike_spec.compiler.engine_shape import MAX_SPIKES_PER_TOKEN, EngineShape
from firstspike_spec.compiler.shapes import MAX_ADDRESS_BITS, AddressTableShape, OutputShape

from ..lane.parameters import LayerParameters
from ..lib.layouts import token_layout, verdict_layout
from ..memory.dp16kd import blocks
from ..memory.style import GENERIC_MEMORY, MemoryStyle


@dataclass(frozen=True)
class OutputParameters:
    """The sizes of an output layer, and how it is built.

    Parameters
    ----------
    shape : OutputShape
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    memory_style : MemoryStyle

    Raises
    ------
    InputError, InputTypeError
        If a number is out of range.
    """

    shape: OutputShape
    _: KW_ONLY
    spikes_per_token: int
    memory_style: MemoryStyle = GENERIC_MEMORY

    def __post_init__(self) -> None:
        whole_number(self.spikes_per_token, "spikes_per_token", 1, MAX_SPIKES_PER_TOKEN)

    @classmethod
    def of(cls, engine: EngineShape, memory_style: MemoryStyle = GENERIC_MEMORY) -> "OutputParameters":
        """Return the parameters of the output layer of an engine."""
        return cls(engine.output, spikes_per_token=engine.spikes_per_token, memory_style=memory_style)

    @property
    def source_token(self) -> data.StructLayout:
        """A token of the layer before."""
        return token_layout(self.shape.source_bits, self.spikes_per_token)

    @property
    def row_token(self) -> data.StructLayout:
        """A token with the addresses of rows of weights."""
        return token_layout(self.shape.row_bits, self.spikes_per_token)

    @property
    def verdict(self) -> data.StructLayout:
        """What the layer gives."""
        return verdict_layout(self.shape.address_bits, self.shape.potential_bits)

    @property
    def memory_slices(self) -> int:
        """Slices that share a memory: two where a block RAM has a port for each, and so fewer block RAMs are enough."""
        bits, rows = self.shape.weights.bits, self.shape.rows
        one, two = (blocks(bits, count * rows, self.memory_style) for count in (1, 2))
        return 2 if self.spikes_per_token == 1 and two < 2 * one else 1

    @property
    def memories(self) -> tuple[range, ...]:
        """The numbers of the slices in each memory."""
        slices, together = self.shape.slices, self.memory_slices
        return tuple(range(first, min(first + together, slices)) for first in range(0, slices, together))


@dataclass(frozen=True)
class AddressTableParameters:
    """The sizes of an address table, and how it is built.

    Parameters
    ----------
    shape : AddressTableShape
    source_bits : int
        Width of a source's address, 1 .. 16.
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    memory_style : MemoryStyle

    Raises
    ------
    InputError, InputTypeError
        If a number is out of range.
    """

    shape: AddressTableShape
    _: KW_ONLY
    source_bits: int
    spikes_per_token: int
    memory_style: MemoryStyle = GENERIC_MEMORY

    def __post_init__(self) -> None:
        whole_number(self.source_bits, "source_bits", 1, MAX_ADDRESS_BITS)
        whole_number(self.spikes_per_token, "spikes_per_token", 1, MAX_SPIKES_PER_TOKEN)

    @classmethod
    def of(cls, layer: LayerParameters | OutputParameters) -> "AddressTableParameters | None":
        """Return the parameters of a layer's address table; None if it has none."""
        if layer.shape.address_table is None:
            return None
        return cls(
            layer.shape.address_table,
            source_bits=layer.shape.source_bits,
            spikes_per_token=layer.spikes_per_token,
            memory_style=layer.memory_style,
        )

    @property
    def source_token(self) -> data.StructLayout:
        """A token as it comes, with the addresses of sources."""
        return token_layout(self.source_bits, self.spikes_per_token)

    @property
    def row_token(self) -> data.StructLayout:
        """A token as it goes, with the addresses of rows, and their bases."""
        return token_layout(self.shape.row_bits + self.shape.lane_bits, self.spikes_per_token, self.shape.base_bits)

    @property
    def lane_token(self) -> data.StructLayout:
        """A token with the part of the addresses that is not looked up: the number of the source's lane."""
        return token_layout(self.shape.lane_bits, self.spikes_per_token)
