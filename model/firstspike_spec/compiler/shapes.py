"""The shapes of an engine's layers: every size of a layer that is fixed once the gateware is built."""

from dataclasses import dataclass

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.words import LOAD_WORD, Field, Word
from ..network.connections import MAX_WEIGHT_BITS
from ..network.layer import MAX_POTENTIAL_BITS

MAX_LANES = 1 << LOAD_WORD.width("lane")
MAX_ADDRESS_BITS = 16
MAX_BANK_LANES = 2

#: Bits of weights in a word of an output slice.
_SLICE_BITS = 16


def index_bits(count: int) -> int:
    """Return the width of an index into ``count`` places, at least 1: every memory has an address."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True)
class AddressTableShape:
    """Sizes of the table that gives each source of a layer with maps its row and its base.

    Parameters
    ----------
    places : int
        Numbers that a source can have within its lane of the layer before, 1 .. 65536. All inputs are in one lane.
    lane_bits : int
        Width of that lane's number, the low bits of a source's address, 0 .. 8; 0 for inputs.
    row_bits : int
        Width of a row's number among the rows of its source lane, 1 .. 16 - ``lane_bits``.
    base_bits : int
        Width of a base, 0 .. 31 - ``row_bits``; 0 if all bases are 0.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range.
    """

    places: int
    lane_bits: int
    row_bits: int
    base_bits: int

    def __post_init__(self) -> None:
        whole_number(self.places, "places of an address table", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.lane_bits, "lane_bits of an address table", 0, LOAD_WORD.width("lane"))
        whole_number(self.row_bits, "row_bits of an address table", 1, MAX_ADDRESS_BITS - self.lane_bits)
        whole_number(self.base_bits, "base_bits of an address table", 0, LOAD_WORD.width("data") - 1 - self.row_bits)

    @property
    def location(self) -> Word:
        """What the table holds for a source: whether any neuron sees it, its row, and its base."""
        return Word((Field("seen", 1), Field("row", self.row_bits), Field("base", self.base_bits)))


class SourcedShape:
    """What the shapes of a hidden layer and of the output layer have in common.

    Attributes
    ----------
    source_bits : int
        Width of a source's address, 1 .. 16. Without an address table it is also the address of the source's row.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.layer.Layer`.
    address_table : AddressTableShape or None
        For a layer with maps: it turns a source's address into a row's address.
    """

    source_bits: int
    weight_bits: int
    potential_bits: int
    address_table: AddressTableShape | None

    def _check_common_sizes(self) -> None:
        whole_number(self.source_bits, "source_bits", 1, MAX_ADDRESS_BITS)
        whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS)
        whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS)

    @property
    def row_bits(self) -> int:
        """Width of a row's address."""
        table = self.address_table
        return self.source_bits if table is None else table.row_bits + table.lane_bits

    @property
    def rows(self) -> int:
        """Number of row addresses; no source has the one of all ones."""
        return 1 << self.row_bits

    @property
    def lowest_potential(self) -> int:
        """The lowest potential minus the threshold. A place that has it and receives no weights never fires."""
        return -(1 << (self.potential_bits - 1))


@dataclass(frozen=True)
class LayerShape(SourcedShape):
    """Sizes of one hidden layer of an engine: sparse, its neurons spread over lanes.

    Parameters
    ----------
    source_bits : int
        Width of a source's address, 1 .. 16.
    lanes : int
        Number of lanes, 1 .. 256, a multiple of ``bank_lanes``.
    bank_lanes : int
        Lanes that share one memory of pointers and one of entries, 1 or 2: lane ``l`` is lane ``l % bank_lanes`` of bank
        ``l // bank_lanes``.
    lane_neurons : int
        Neurons that each lane has room for, 1 .. 65536; with maps, places, some of which have no neuron.
    bank_entries : int
        Entries that each bank has room for, 1 .. 262144.
    row_entries : int
        Entries of a lane's longest row, 1 .. 65536.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.layer.Layer`: 1 .. 16 and 1 .. 32.
    address_table : AddressTableShape, optional
        For maps.

    Notes
    -----
    Every address of `row_bits` has a row pointer. No source has the address of all ones; it is that of the *start row*, which
    holds the neurons that can fire before any spike has come.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range, or a word of a memory would be wider than a load word's data.
    """

    source_bits: int
    lanes: int
    bank_lanes: int
    lane_neurons: int
    bank_entries: int
    row_entries: int
    weight_bits: int
    potential_bits: int
    address_table: AddressTableShape | None = None

    def __post_init__(self) -> None:
        self._check_common_sizes()
        whole_number(self.lanes, "lanes", 1, MAX_LANES)
        whole_number(self.bank_lanes, "bank_lanes", 1, MAX_BANK_LANES)
        if self.lanes % self.bank_lanes:
            raise InputError(f"lanes must be a multiple of bank_lanes = {self.bank_lanes}, not {self.lanes}")
        whole_number(self.lane_neurons, "lane_neurons", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.bank_entries, "bank_entries", 1, 1 << LOAD_WORD.width("address"))
        whole_number(self.row_entries, "row_entries", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.address_bits, "width of a neuron's address", 1, MAX_ADDRESS_BITS)
        if self.address_table and self.banks == MAX_LANES:  # the table is loaded under the number after the last bank
            raise InputError(
                f"with an address table, banks must be fewer than {MAX_LANES}: use fewer lanes, or two lanes a bank"
            )
        for name, word in (("pointer", self.pointer), ("entry", self.entry)):
            if word.bits > (most := LOAD_WORD.width("data")):
                raise InputError(f"the {name} word would have {word.bits} bits; at most {most} can be loaded: use more lanes")

    @property
    def base_bits(self) -> int:
        """Width of the base that is added to each entry's number; 0 if all bases are 0."""
        return self.address_table.base_bits if self.address_table else 0

    @property
    def start_row(self) -> int:
        """The address of the start row: all ones."""
        return self.rows - 1

    @property
    def banks(self) -> int:
        """Number of banks of lanes."""
        return self.lanes // self.bank_lanes

    @property
    def neuron_bits(self) -> int:
        """Width of the number of a neuron within its lane."""
        return index_bits(self.lane_neurons)

    @property
    def lane_bits(self) -> int:
        """Width of a lane's number; 0 for one lane."""
        return (self.lanes - 1).bit_length()

    @property
    def address_bits(self) -> int:
        """Width of a neuron's address: its lane in the low `lane_bits`, its number within the lane above.

        Wide enough that no neuron has the address of all ones.
        """
        highest = (self.lane_neurons - 1) << self.lane_bits | (self.lanes - 1)
        return (highest + 1).bit_length()

    @property
    def pointer(self) -> Word:
        """A row pointer: the address of the row's first entry, and the number of entries of each lane of the bank.

        The entries of lane 1 follow those of lane 0.
        """
        lengths = (Field(f"length_{lane}", self.row_entries.bit_length()) for lane in range(self.bank_lanes))
        return Word((Field("start", index_bits(self.bank_entries)), *lengths))

    @property
    def entry(self) -> Word:
        """A connection: the target's number within the lane, less the base of the source, and the weight.

        The weight is 0 only in the start row.
        """
        return Word((Field("neuron", self.neuron_bits), Field("weight", self.weight_bits, signed=True)))


@dataclass(frozen=True)
class OutputShape(SourcedShape):
    """Sizes of the output layer of an engine: dense, its weights in slices that are read side by side.

    Every row has a word in every slice.

    Parameters
    ----------
    source_bits : int
        Width of a source's address, 1 .. 16.
    neurons : int
        Neurons that the layer has room for, at most 256 slices of them, 255 with an address table. A neuron's address is its
        number, the class.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.layer.Layer`: 1 .. 16 and 1 .. 32.
    address_table : AddressTableShape, optional
        For maps; with ``base_bits`` = 0.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range.
    """

    source_bits: int
    neurons: int
    weight_bits: int
    potential_bits: int
    address_table: AddressTableShape | None = None

    def __post_init__(self) -> None:
        self._check_common_sizes()
        slices = MAX_LANES - (self.address_table is not None)  # the table is loaded under the number after the last slice
        whole_number(self.neurons, "neurons of the output layer", 1, slices * self.slice_neurons)
        if self.address_table:
            whole_number(self.address_table.base_bits, "base_bits of the output layer's address table", 0, 0)

    @property
    def slice_neurons(self) -> int:
        """Neurons of a slice: their weights take at most 16 bits together."""
        return max(1, _SLICE_BITS // self.weight_bits)

    @property
    def slices(self) -> int:
        """Number of slices; the last one may have fewer neurons."""
        return -(-self.neurons // self.slice_neurons)

    @property
    def address_bits(self) -> int:
        """Width of a neuron's address."""
        return index_bits(self.neurons)

    @property
    def weights(self) -> Word:
        """A word of a slice: the weights from one source to its neurons, 0 where there is no connection."""
        return Word(tuple(Field(f"weight_{number}", self.weight_bits, signed=True) for number in range(self.slice_neurons)))
