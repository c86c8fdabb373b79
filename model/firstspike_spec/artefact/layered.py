"""A layered network in its file, format version 3."""

from typing import Any

import numpy as np

from ..common.checks import whole_number
from ..common.errors import InputError
from ..common.text import quoted
from ..layered.content import (
    ACTIVITY,
    INPUT_KERNEL,
    INPUT_THRESHOLDS,
    KERNEL,
    KERNEL_TYPE,
    LAYER_TENSORS,
    PROJECTION_TENSORS,
    THRESHOLD_TYPE,
    tensor_type,
)
from ..layered.input_code import InputCode
from ..layered.kernels import MAX_STEPS
from ..layered.layer import MAX_PROJECTIONS, LayeredLayer, joined_size
from ..layered.network import LayeredNetwork
from ..layered.projection import Projection
from ..network.connections import MAX_CONNECTIONS, MAX_WEIGHT_BITS
from ..network.content import ACTIVITY_TYPE
from ..network.maps import MAX_NEURONS, Maps
from ..network.sizes import Size, check_sizes
from .container import Container, Tensor, in_layer, read_tensors
from .stepwise import check_description

VERSION = "3"

_LAYER_FIELDS = {"max_pooling", "potential_bits", "projections"}
_PROJECTION_FIELDS = {"source", "weight_bits", "maps"}


def read_network(container: Container) -> LayeredNetwork:
    """Return the network in a file.

    Raises
    ------
    InputError, InputTypeError
        If a part is missing, unknown, of the wrong kind or out of range.
    """
    description = container.description
    check_description(description)
    for index, layer in enumerate(description["layers"]):
        with in_layer(index):
            _check_layer(layer)
    known = _tensors(description["layers"])
    optional = {name for name in known if name.endswith(f".{ACTIVITY}")} | {INPUT_THRESHOLDS}
    tensors = read_tensors(container, known, optional)
    parts = []
    for index, layer in enumerate(description["layers"]):
        with in_layer(index):
            maps = [Maps.from_dict(part["maps"]) for part in layer["projections"]]
        parts.append(maps)
    check_sizes(_size(index, maps, tensors) for index, maps in enumerate(parts))
    layers = []
    for index, (layer, maps) in enumerate(zip(description["layers"], parts, strict=True)):
        with in_layer(index):
            layers.append(_layer(layer, maps, tensors, index))
    return LayeredNetwork(
        InputCode(tensors[INPUT_KERNEL], tensors.get(INPUT_THRESHOLDS)),
        tensors[KERNEL],
        tuple(layers),
        tuple(description["input_shape"]),
        tuple(description["class_names"]),
        description["provenance"],
    )


def _check_layer(layer: object) -> None:
    if not isinstance(layer, dict) or set(layer) != _LAYER_FIELDS or not isinstance(layer["projections"], list):
        raise InputError(f"the description must have the fields {sorted(_LAYER_FIELDS)}, not {quoted(layer)}")
    whole_number(len(layer["projections"]), "number of projections", 1, MAX_PROJECTIONS)
    whole_number(layer["potential_bits"], "potential_bits", 1, 32)
    for part in layer["projections"]:
        if not isinstance(part, dict) or set(part) != _PROJECTION_FIELDS:
            raise InputError(f"a projection must have the fields {sorted(_PROJECTION_FIELDS)}, not {quoted(part)}")
        whole_number(part["weight_bits"], "weight_bits", 1, MAX_WEIGHT_BITS)


def _size(index: int, maps: list[Maps], tensors: dict[str, np.ndarray]) -> Size:
    """Return the size of a layer that does not exist yet."""
    channels = len(tensors[f"layers.{index}.initial_potentials"])
    return joined_size(
        Size.of(channels, len(tensors[f"{_prefix(index, number)}.row_targets"]), part) for number, part in enumerate(maps)
    )


def _prefix(layer: int, projection: int) -> str:
    return f"layers.{layer}.projections.{projection}"


def _tensors(layers: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Return what each tensor that a network can have must be."""
    known = {
        INPUT_KERNEL: Tensor(KERNEL_TYPE, (MAX_STEPS,)),
        INPUT_THRESHOLDS: Tensor(THRESHOLD_TYPE, (MAX_NEURONS, MAX_STEPS)),
        KERNEL: Tensor(KERNEL_TYPE, (MAX_STEPS,)),
    }
    most = {"row_starts": MAX_NEURONS + 1, "initial_potentials": MAX_NEURONS, "thresholds": MAX_STEPS}
    for index, layer in enumerate(layers):
        for name, dtype in LAYER_TENSORS.items():
            known[f"layers.{index}.{name}"] = Tensor(dtype, (most[name],))
        for number, part in enumerate(layer["projections"]):
            prefix = _prefix(index, number)
            for name in PROJECTION_TENSORS:
                dtype = tensor_type(name, part["weight_bits"])
                known[f"{prefix}.{name}"] = Tensor(dtype, (most.get(name, MAX_CONNECTIONS),))
            known[f"{prefix}.{ACTIVITY}"] = Tensor(ACTIVITY_TYPE, (MAX_NEURONS,))
    return known


def _layer(layer: dict[str, Any], maps: list[Maps], tensors: dict[str, np.ndarray], index: int) -> LayeredLayer:
    arrays = {name: tensors[f"layers.{index}.{name}"] for name in LAYER_TENSORS}
    projections = []
    for number, part in enumerate(layer["projections"]):
        prefix = _prefix(index, number)
        projections.append(
            Projection(
                part["source"],
                **{name: tensors[f"{prefix}.{name}"] for name in PROJECTION_TENSORS},
                channels=len(arrays["initial_potentials"]),
                weight_bits=part["weight_bits"],
                activity=tensors.get(f"{prefix}.{ACTIVITY}"),
                maps=maps[number],
            )
        )
    return LayeredLayer(projections, **arrays, max_pooling=layer["max_pooling"], potential_bits=layer["potential_bits"])
