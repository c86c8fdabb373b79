"""A step-by-step network in its file, format versions 1 and 2."""

from typing import Any

import numpy as np

from ..common.arrays import MAX_SIDES
from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.text import quoted
from ..network.connections import MAX_CONNECTIONS
from ..network.content import ACTIVITY_TENSOR, ACTIVITY_TYPE, ATTRIBUTES, ENCODER_TENSOR, LAYER_NUMBERS, LAYER_TENSORS, MAPS
from ..network.encoder import MAX_TIME_STEPS, LatencyEncoder
from ..network.layer import Layer
from ..network.maps import MAX_NEURONS, Maps
from ..network.network import Network
from ..network.sizes import MAX_LAYERS, Size, check_sizes
from .container import Container, Tensor, in_layer, read_tensors, some

#: The version of networks without maps, and the later one of networks with maps.
VERSIONS = ("1", "2")

FIELDS = {"input_shape", "class_names", "layers", "provenance"}


def version_of(network: Network) -> str:
    """Return the oldest version that can describe the network, so that files of networks without maps stay the same."""
    return VERSIONS[any(not layer.maps.is_flat for layer in network.layers)]


def read_network(container: Container) -> Network:
    """Return the network in a file.

    Raises
    ------
    InputError, InputTypeError
        If a part is missing, unknown, of the wrong kind or out of range.
    """
    description = container.description
    check_description(description)
    for index, layer in enumerate(description["layers"]):
        if not isinstance(layer, dict) or set(layer) - {MAPS} != set(LAYER_NUMBERS) or None in layer.values():
            raise InputError(f"layer {index} must have the numbers {', '.join(LAYER_NUMBERS)}, not {quoted(layer)}")
    known = _tensors(len(description["layers"]))
    return _network(
        description, read_tensors(container, known, {name for name in known if name.endswith(f".{ACTIVITY_TENSOR}")})
    )


def check_description(description: dict[str, Any]) -> None:
    """Raise `InputError` if fields of a description, of either kind of network, are missing, unknown or too long."""
    if set(description) != FIELDS:
        raise InputError(f"the description must have the fields {sorted(FIELDS)}, not {some(set(description))}")
    most = {"input_shape": MAX_SIDES, "class_names": MAX_NEURONS, "layers": MAX_LAYERS}
    if not all(isinstance(description[name], list) for name in most) or not isinstance(description["provenance"], dict):
        raise InputError(f"in the description, {', '.join(most)} must be lists, and provenance an object")
    for name, number in most.items():
        whole_number(len(description[name]), f"number of {name}", 0, number)


def _tensors(layers: int) -> dict[str, Tensor]:
    """Return what each tensor that a network can have must be."""
    known = {ENCODER_TENSOR: Tensor(np.int16, (MAX_TIME_STEPS,))}
    most = {"row_starts": MAX_NEURONS + 1, "start_potentials": MAX_NEURONS}
    for index in range(layers):
        for name, dtype in LAYER_TENSORS.items():
            known[f"layers.{index}.{name}"] = Tensor(dtype, (most.get(name, MAX_CONNECTIONS),))
        known[f"layers.{index}.{ACTIVITY_TENSOR}"] = Tensor(ACTIVITY_TYPE, (MAX_NEURONS,))
    return known


def _network(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    parts = []
    for index, numbers in enumerate(description["layers"]):
        with in_layer(index):
            parts.append(_layer_parts(numbers, tensors, f"layers.{index}."))
    check_sizes(Size.of(len(part["initial_potentials"]), len(part["row_targets"]), part["maps"]) for part in parts)
    layers = []
    for index, part in enumerate(parts):
        with in_layer(index):
            layers.append(Layer(**part))
    return Network(
        LatencyEncoder(tensors[ENCODER_TENSOR]),
        tuple(layers),
        tuple(description["input_shape"]),
        tuple(description["class_names"]),
        description["provenance"],
    )


def _layer_parts(numbers: dict[str, Any], tensors: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    """Return the arguments of a `Layer`."""
    arrays = {ATTRIBUTES.get(name, name): tensors[prefix + name] for name in LAYER_TENSORS}
    maps = Maps.from_dict(numbers[MAPS]) if MAPS in numbers else Maps.flat(len(arrays["row_starts"]) - 1)
    activity = tensors.get(prefix + ACTIVITY_TENSOR)
    return {**arrays, **{name: numbers[name] for name in LAYER_NUMBERS}, "activity": activity, "maps": maps}
