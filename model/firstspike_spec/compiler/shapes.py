"""The shape of an engine: everything about the gateware that is fixed once it is built.

A network fits an engine when none of its sizes is larger; what it contains is loaded at run time.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..common.words import LOAD_WORD, Field, Word
from ..network.layer import MAX_POTENTIAL_BITS, MAX_WEIGHT_BITS

_LOAD_BITS = {field.name: field.bits for field in LOAD_WORD.fields}

MAX_LANES = 1 << _LOAD_BITS["lane"]

#: Hidden layers and the output layer together.
MAX_LAYERS = 1 << _LOAD_BITS["layer"]
MAX_ADDRESS_BITS = 16
MAX_BANK_LANES = 2
MAX_SPIKES_PER_TOKEN = 2
QUEUE_DEPTHS = (8, 16, 32, 64)


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
        whole_number(self.lane_bits, "lane_bits of an address table", 0, _LOAD_BITS["lane"])
        whole_number(self.row_bits, "row_bits of an address table", 1, MAX_ADDRESS_BITS - self.lane_bits)
        whole_number(self.base_bits, "base_bits of an address table", 0, _LOAD_BITS["data"] - 1 - self.row_bits)

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
        whole_number(self.bank_entries, "bank_entries", 1, 1 << _LOAD_BITS["address"])
        whole_number(self.row_entries, "row_entries", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS)
        whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS)
        whole_number(self.address_bits, "width of a neuron's address", 1, MAX_ADDRESS_BITS)
        if self.address_table and self.banks == MAX_LANES:
            raise InputError(
                f"with an address table, banks must be fewer than {MAX_LANES}: use fewer lanes, or two lanes a bank"
            )
        for name in ("pointer", "entry"):
            bits = getattr(self, name).bits
            if bits > _LOAD_BITS["data"]:
                raise InputError(
                    f"the {name} word would have {bits} bits; at most {_LOAD_BITS['data']} can be loaded: use more lanes"
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


@dataclass(frozen=True)
class EngineShape:
    """Sizes of an engine.

    Parameters
    ----------
    layers : tuple of LayerShape
        The hidden layers, 0 .. 15; each one's source addresses are the neuron addresses of the one before.
    output : OutputShape
        Its source addresses are the neuron addresses of the last hidden layer.
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    time_steps : int
        ``T`` at most, 2 .. 256.
    queue_depth : int
        Rows that wait before each lane: 8, 16, 32 or 64.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range or two layers do not fit together.
    """

    layers: tuple[LayerShape, ...]
    output: OutputShape
    spikes_per_token: int
    time_steps: int
    queue_depth: int = 16

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        whole_number(len(self.layers) + 1, "number of layers", 1, MAX_LAYERS)
        whole_number(self.spikes_per_token, "spikes_per_token", 1, MAX_SPIKES_PER_TOKEN)
        whole_number(self.time_steps, "time_steps", 2, 256)
        whole_number(self.queue_depth, "queue_depth", QUEUE_DEPTHS[0], QUEUE_DEPTHS[-1])
        if self.queue_depth not in QUEUE_DEPTHS:
            raise InputError(f"queue_depth must be a power of two, not {self.queue_depth}")
        for index, (layer, following) in enumerate(pairwise((*self.layers, self.output))):
            if following.source_bits != layer.address_bits:
                raise InputError(
                    f"layer {index + 1} must have source_bits = {layer.address_bits}, the width of layer {index}'s "
                    f"addresses, not {following.source_bits}"
                )
        for index, layer in enumerate((*self.layers, self.output)):
            lane_bits = self.layers[index - 1].lane_bits if index else 0
            if layer.address_table and layer.address_table.lane_bits != lane_bits:
                raise InputError(
                    f"layer {index}'s address table must have lane_bits = {lane_bits}, not {layer.address_table.lane_bits}"
                )

    @property
    def source_bits(self) -> int:
        """Width of an input's address."""
        return (*self.layers, self.output)[0].source_bits

    @property
    def input_word(self) -> Word:
        """A token of the engine's input: up to `spikes_per_token` spikes of inputs, then perhaps the end of a step."""
        ports = (
            (Field(f"address_{port}", self.source_bits), Field(f"valid_{port}", 1)) for port in range(self.spikes_per_token)
        )
        return Word((*(field for port in ports for field in port), Field("end", 1)))

    def as_dict(self) -> dict[str, Any]:
        """Return the sizes, ready for JSON. Layers without an address table do not mention it."""
        sizes = asdict(self)
        for layer in (*sizes["layers"], sizes["output"]):
            if layer["address_table"] is None:
                del layer["address_table"]
        return sizes

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EngineShape":
        """Return the shape that `as_dict` described.

        Raises
        ------
        InputTypeError, InputError
            If it is no such description, whole and with nothing else in it, or a size is out of range.
        """
        sizes = _sizes(cls, values)
        layers = sizes["layers"]
        if not isinstance(layers, list | tuple):
            raise InputTypeError(f"not the description of an engine: layers must be a list, not {quoted(layers)}")
        sizes["layers"] = tuple(_layer(LayerShape, layer) for layer in layers)
        sizes["output"] = _layer(OutputShape, sizes["output"])
        return cls(**sizes)

    @property
    def digest(self) -> str:
        """SHA-256 of the sizes, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _layer(kind: type, values: object) -> LayerShape | OutputShape:
    """Return the layer that a dictionary describes, with its address table, if it has one."""
    sizes = _sizes(kind, values)
    if "address_table" in sizes:
        sizes["address_table"] = AddressTableShape(**_sizes(AddressTableShape, sizes["address_table"]))
    return kind(**sizes)


def _sizes(kind: type, values: object) -> dict[str, Any]:
    """Return a copy of a description, which must have every size of a kind of shape, and no other; the address table may lack."""
    names = {field.name for field in fields(kind)}
    if not isinstance(values, dict) or not names - {"address_table"} <= set(values) <= names:
        raise InputTypeError(
            f"not the description of an engine: {kind.__name__} must have {', '.join(sorted(names))}, not {quoted(values)}"
        )
    return dict(values)
