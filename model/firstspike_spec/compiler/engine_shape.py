"""The shape of an engine: every size that is fixed once the gateware is built.

A network fits an engine if no size that it needs is larger. The network itself is loaded at run time.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError
from ..common.text import quoted
from ..common.words import LOAD_WORD, Field, Word
from .shapes import AddressTableShape, LayerShape, OutputShape

#: Hidden layers and the output layer together.
MAX_LAYERS = 1 << LOAD_WORD.width("layer")
MAX_SPIKES_PER_TOKEN = 2
QUEUE_DEPTHS = (8, 16, 32, 64)


@dataclass(frozen=True)
class EngineShape:
    """Sizes of an engine.

    Parameters
    ----------
    layers : tuple of LayerShape
        The hidden layers, 0 .. 15; the source addresses of each are the neuron addresses of the one before.
    output : OutputShape
        Its source addresses are the neuron addresses of the last hidden layer.
    spikes_per_token : int
        Spikes that a token has room for, 1 or 2.
    time_steps : int
        The largest ``T``, 2 .. 256.
    queue_depth : int
        Rows that can wait before each lane: 8, 16, 32 or 64.

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        whole_number(len(self.layers) + 1, "number of layers", 1, MAX_LAYERS)
        whole_number(self.spikes_per_token, "spikes_per_token", 1, MAX_SPIKES_PER_TOKEN)
        whole_number(self.time_steps, "time_steps", 2, 256)
        whole_number(self.queue_depth, "queue_depth", QUEUE_DEPTHS[0], QUEUE_DEPTHS[-1])
        if self.queue_depth not in QUEUE_DEPTHS:
            raise InputError(f"queue_depth must be a power of two, not {self.queue_depth}")
        for index, (layer, following) in enumerate(zip(self.layers, self.all_layers[1:], strict=True)):
            if following.source_bits != layer.address_bits:
                raise InputError(
                    f"layer {index + 1} must have source_bits = {layer.address_bits}, the width of layer {index}'s "
                    f"addresses, not {following.source_bits}"
                )
        lane_bits = 0  # all inputs are in one lane
        for index, shape in enumerate(self.all_layers):
            if shape.address_table and shape.address_table.lane_bits != lane_bits:
                raise InputError(
                    f"layer {index}'s address table must have lane_bits = {lane_bits}, not {shape.address_table.lane_bits}"
                )
            lane_bits = shape.lane_bits if isinstance(shape, LayerShape) else 0

    @property
    def all_layers(self) -> tuple[LayerShape | OutputShape, ...]:
        """The hidden layers, then the output layer."""
        return *self.layers, self.output

    @property
    def source_bits(self) -> int:
        """Width of an input's address."""
        return self.all_layers[0].source_bits

    @property
    def input_word(self) -> Word:
        """A token of the engine's input: up to `spikes_per_token` spikes, and whether the step ends after them."""
        ports = (
            (Field(f"address_{port}", self.source_bits), Field(f"valid_{port}", 1)) for port in range(self.spikes_per_token)
        )
        return Word((*(field for port in ports for field in port), Field("end", 1)))

    def as_dict(self) -> dict[str, Any]:
        """Return the sizes, ready for JSON. A layer without an address table has no such key."""
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
            If a size is missing, unknown or out of range.
        """
        sizes = _sizes(cls, values)
        layers = sizes["layers"]
        if not isinstance(layers, list | tuple):
            raise InputTypeError(f"not the description of an engine: layers must be a list, not {quoted(layers)}")
        sizes["layers"] = tuple(LayerShape(**_layer_sizes(LayerShape, layer)) for layer in layers)
        sizes["output"] = OutputShape(**_layer_sizes(OutputShape, sizes["output"]))
        return cls(**sizes)

    @property
    def digest(self) -> str:
        """SHA-256 of the sizes, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _layer_sizes(kind: type[LayerShape] | type[OutputShape], values: object) -> dict[str, Any]:
    """Return the arguments of a layer's shape that a dictionary describes, with its address table, if it has one."""
    sizes = _sizes(kind, values)
    if "address_table" in sizes:
        sizes["address_table"] = AddressTableShape(**_sizes(AddressTableShape, sizes["address_table"]))
    return sizes


def _sizes(kind: type[EngineShape | LayerShape | OutputShape | AddressTableShape], values: object) -> dict[str, Any]:
    """Return a copy of a description, which must have every size of a kind of shape and no other.

    Only the address table may be missing.
    """
    names = {field.name for field in fields(kind)}
    if not isinstance(values, dict) or not names - {"address_table"} <= set(values) <= names:
        raise InputTypeError(
            f"not the description of an engine: {kind.__name__} must have {', '.join(sorted(names))}, not {quoted(values)}"
        )
    return dict(values)
