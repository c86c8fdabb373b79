"""The shape of an engine: everything about the gateware that is fixed once it is built.

A network fits an engine when none of its sizes is larger; what it contains is loaded at run time.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from .checks import whole_number
from .errors import InputError, InputTypeError
from .network import MAX_POTENTIAL_BITS, MAX_WEIGHT_BITS
from .words import LOAD_WORD, Field, Word

_LOAD_BITS = {field.name: field.bits for field in LOAD_WORD.fields}

MAX_LANES = 1 << _LOAD_BITS["lane"]
MAX_LAYERS = 1 << _LOAD_BITS["layer"]
MAX_ADDRESS_BITS = 16


def index_bits(count: int) -> int:
    """Return the width of an index into ``count`` places, at least 1 (no memory has an address of no bits)."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True)
class LayerShape:
    """Sizes of one layer of an engine.

    Parameters
    ----------
    source_bits : int
        Width of a source's address; every address of that width has a row pointer. 1 .. 16.
    lanes : int
        Number of lanes, 1 .. 256.
    lane_neurons : int
        Neurons that each lane has room for.
    lane_entries : int
        Connections that each lane has room for.
    weight_bits, potential_bits : int
        As in `firstspike_spec.network.Layer`.
    """

    source_bits: int
    lanes: int
    lane_neurons: int
    lane_entries: int
    weight_bits: int
    potential_bits: int

    def __post_init__(self):
        whole_number(self.source_bits, "source_bits", 1, MAX_ADDRESS_BITS)
        whole_number(self.lanes, "lanes", 1, MAX_LANES)
        whole_number(self.lane_neurons, "lane_neurons", 1, 1 << MAX_ADDRESS_BITS)
        whole_number(self.lane_entries, "lane_entries", 1, 1 << _LOAD_BITS["address"])
        whole_number(self.weight_bits, "weight_bits", 1, MAX_WEIGHT_BITS)
        whole_number(self.potential_bits, "potential_bits", 1, MAX_POTENTIAL_BITS)
        whole_number(self.address_bits, "width of a neuron's address", 1, MAX_ADDRESS_BITS)
        for name in ("pointer", "entry"):
            bits = getattr(self, name).bits
            if bits > _LOAD_BITS["data"]:
                raise InputError(
                    f"the {name} word would have {bits} bits; at most {_LOAD_BITS['data']} can be loaded: use more lanes"
                )

    @property
    def sources(self) -> int:
        """Number of source addresses."""
        return 1 << self.source_bits

    @property
    def input_word(self) -> Word:
        """A token of an engine's input: a spike of the input at ``address``, or the end of a step."""
        return Word((Field("address", self.source_bits), Field("end", 1)))

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
        """Width of a neuron's address: its lane in the low bits, its number within the lane above."""
        return self.lane_bits + self.neuron_bits

    @property
    def pointer(self) -> Word:
        """A row pointer: address of the row's first entry, and number of entries."""
        return Word((Field("start", index_bits(self.lane_entries)), Field("length", self.lane_neurons.bit_length())))

    @property
    def entry(self) -> Word:
        """A connection: the target's number within the lane, and the weight."""
        return Word((Field("neuron", self.neuron_bits), Field("weight", self.weight_bits, signed=True)))


@dataclass(frozen=True)
class EngineShape:
    """Sizes of an engine.

    Parameters
    ----------
    layers : tuple of LayerShape
        1 .. 16; each one's source addresses are the neuron addresses of the one before.
    queue_depth : int
        Tokens that wait before each lane, 2 .. 1024.

    Raises
    ------
    InputError, InputTypeError
        If a size is out of range or two layers do not fit together.
    """

    layers: tuple[LayerShape, ...]
    queue_depth: int = 8

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        whole_number(len(self.layers), "number of layers", 1, MAX_LAYERS)
        whole_number(self.queue_depth, "queue_depth", 2, 1024)
        for index, (layer, following) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if following.source_bits != layer.address_bits:
                raise InputError(
                    f"layer {index + 1} must have source_bits = {layer.address_bits}, the width of layer {index}'s "
                    f"addresses, not {following.source_bits}"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the sizes, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EngineShape":
        """Return the shape that `as_dict` described."""
        try:
            return cls(tuple(LayerShape(**layer) for layer in values["layers"]), values["queue_depth"])
        except (KeyError, TypeError) as error:
            raise InputTypeError(f"not the description of an engine: {error}") from error

    @property
    def digest(self) -> str:
        """SHA-256 of the sizes, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
