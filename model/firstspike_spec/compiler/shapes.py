"""The shapes of an engine's layers: everything about a layer's gateware that is fixed once it is built."""

from dataclasses import dataclass

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.words import LOAD_WORD, Field, Word
from ..network.layer import MAX_POTENTIAL_BITS, MAX_WEIGHT_BITS

MAX_LANES = 1 << LOAD_WORD.width("lane")
MAX_ADDRESS_BITS = 16
MAX_BANK_LANES = 2


def index_bits(count: int) -> int:
    """Return the width of an index into ``count`` places, at least 1 (no memory has an address of no bits)."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True)
class AddressTableShape:
    """Sizes of what leads from a source of a layer with maps to its row, and to its base.

    Parameters
    ----------
    places : int
        Numbers that a source can have within its lane of the layer before; inputs are all in one lane.
    lane_bits : int
        Width of that lane's number, the low bits of a source's address; 0 for inputs.
    row_bits : int
        Width of a row's number among those of its source lane.
    base_bits : int
        Width of a base; 0 if no place is a sum.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range.
    """

    places: int
    lane_bits: int
    row_bits: int
    base_bits: int

    def __post_init__(self):
        whole_number(self.places, "places of an address table", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.lane_bits, "lane_bits of an address table", 0, LOAD_WORD.width("lane"))
        whole_number(self.row_bits, "row_bits of an address table", 1, MAX_ADDRESS_BITS - self.lane_bits)
        whole_number(self.base_bits, "base_bits of an address table", 0, LOAD_WORD.width("data") - 1 - self.row_bits)

    @property
    def location(self) -> Word:
        """What is known of a number: whether anybody sees the source, its row, and its base."""
        return Word((Field("seen", 1), Field("row", self.row_bits), Field("base", self.base_bits)))


@dataclass(frozen=True)
class LayerShape:
    """Sizes of one hidden layer of an engine: sparse, its neurons spread over lanes.

    Parameters
    ----------
    source_bits : int
        Width of a source's address, 1 .. 16. It is the address of its row too, unless an address table tells that.
    lanes : int
        Number of lanes, 1 .. 256, a multiple of ``bank_lanes``.
    bank_lanes : int
        Lanes that share one memory of pointers and one of entries, 1 or 2: lane ``l`` is lane ``l % bank_lanes`` of bank
        ``l // bank_lanes``.
    lane_neurons : int
        Neurons that each lane has room for; with maps, places, of which some have no neuron.
    bank_entries : int
        Entries that each bank has room for.
    row_entries : int
        Entries of the longest row that a lane has room for.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.layer.Layer`.
    address_table : AddressTableShape, optional
        For maps.

    Notes
    -----
    Every address of `row_bits` has a row pointer; the one of all ones is no source's but has the *start row*, the neurons
    that can fire before any spike has come.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range, or a word of a memory would be wider than what can be loaded.
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

    def __post_init__(self):
        whole_number(self.source_bits, "source_bits", 1, MAX_ADDRESS_BITS)
        whole_number(self.lanes, "lanes", 1, MAX_LANES)
        whole_number(self.bank_lanes, "bank_lanes", 1, MAX_BANK_LANES)
        if self.lanes % self.bank_lanes:
            raise InputError(f"lanes must be a multiple of bank_lanes = {self.bank_lanes}, not {self.lanes}")
        whole_number(self.lane_neurons, "lane_neurons", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.bank_entries, "bank_entries", 1, 1 << LOAD_WORD.width("address"))
        whole_number(self.row_entries, "row_entries", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS)
        whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS)
        whole_number(self.address_bits, "width of a neuron's address", 1, MAX_ADDRESS_BITS)
        if self.address_table and self.banks == MAX_LANES:
            raise InputError(
                f"with an address table, banks must be fewer than {MAX_LANES}: use fewer lanes, or two lanes a bank"
            )
        for name, word in (("pointer", self.pointer), ("entry", self.entry)):
            if word.bits > (most := LOAD_WORD.width("data")):
                raise InputError(
                    f"the {name} word would have {word.bits} bits; at most {most} can be loaded: use more lanes"
                )

    @property
    def row_bits(self) -> int:
        """Width of a row's address."""
        return _row_bits(self)

    @property
    def base_bits(self) -> int:
        """Width of what is added to the number in each entry; 0 if nothing is."""
        return self.address_table.base_bits if self.address_table else 0

    @property
    def rows(self) -> int:
        """Number of row pointers, the start row's among them."""
        return 1 << self.row_bits

    @property
    def start_row(self) -> int:
        """The address that has the start row: all ones."""
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
        """A row pointer: address of the row's first entry, and number of entries of each lane of the bank.

        The entries of lane 1 stand right behind those of lane 0.
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
class OutputShape:
    """Sizes of the output layer of an engine: dense, its weights in slices that are read side by side.

    Parameters
    ----------
    source_bits : int
        Width of a source's address, 1 .. 16; the one of all ones is no source's. It is the address of its row of weights
        too, unless an address table tells that.
    neurons : int
        Neurons that it has room for; a neuron's address is its number, the class. At most 256 slices of them.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.layer.Layer`.
    address_table : AddressTableShape, optional
        For maps; without bases.

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

    def __post_init__(self):
        whole_number(self.source_bits, "source_bits", 1, MAX_ADDRESS_BITS)
        whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS)
        whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS)
        slices = MAX_LANES - (
            self.address_table is not None
        )  # the address table's words have the number behind the last slice
        whole_number(self.neurons, "neurons of the output layer", 1, slices * self.slice_neurons)
        if self.address_table:
            whole_number(self.address_table.base_bits, "base_bits of the output layer's address table", 0, 0)

    @property
    def row_bits(self) -> int:
        """Width of a row's address."""
        return _row_bits(self)

    @property
    def rows(self) -> int:
        """Number of rows of weights; each has a word in every slice, and that of all ones is nobody's."""
        return 1 << self.row_bits

    @property
    def slice_neurons(self) -> int:
        """Neurons of a slice: as many as have their weights in 16 bits."""
        return max(1, 16 // self.weight_bits)

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


def _row_bits(shape: LayerShape | OutputShape) -> int:
    return shape.address_table.row_bits + shape.address_table.lane_bits if shape.address_table else shape.source_bits
