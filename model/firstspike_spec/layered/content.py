"""What counts as the content of a layered network: a description as JSON, and tensors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .input_code import InputCode
from .layer import LayeredLayer
from .projection import Projection

INPUT_KERNEL, INPUT_THRESHOLDS, KERNEL = "input.kernel", "input.thresholds", "kernel"
KERNEL_TYPE, THRESHOLD_TYPE = np.int32, np.int16

#: Names of the tensors of one layer, and of one projection, and their types in the file.
LAYER_TENSORS: dict[str, type[np.integer]] = {"initial_potentials": np.int32, "thresholds": np.int32}
PROJECTION_TENSORS: dict[str, type[np.integer]] = {"row_starts": np.int32, "row_targets": np.uint16, "row_weights": np.int16}
ACTIVITY = "activity"

#: Weights of at most this many bits are stored as bytes.
BYTE_BITS = 8


def tensor_type(name: str, weight_bits: int) -> type[np.integer]:
    """Return the type of a projection's tensor in the file."""
    return np.int8 if name == "row_weights" and weight_bits <= BYTE_BITS else PROJECTION_TENSORS[name]


def description(
    input_shape: Sequence[int], class_names: Sequence[str], layers: Sequence[LayeredLayer], provenance: Mapping[str, Any]
) -> str:
    """Return everything but the tensors, as canonical JSON."""
    return json.dumps(
        {
            "input_shape": input_shape,
            "class_names": class_names,
            "layers": [
                {
                    "max_pooling": layer.max_pooling,
                    "potential_bits": layer.potential_bits,
                    "projections": [
                        {"source": part.source, "weight_bits": part.weight_bits, "maps": part.maps.as_dict()}
                        for part in layer.projections
                    ],
                }
                for layer in layers
            ],
            "provenance": provenance,
        },
        sort_keys=True,
        allow_nan=False,
    )


def tensors(code: InputCode, kernel: np.ndarray, layers: Sequence[LayeredLayer]) -> dict[str, np.ndarray]:
    """Return the tensors of the content, by their names in the file."""
    found = {INPUT_KERNEL: code.kernel, KERNEL: kernel}
    if code.thresholds is not None:
        found[INPUT_THRESHOLDS] = code.thresholds
    for index, layer in enumerate(layers):
        for name, dtype in LAYER_TENSORS.items():
            found[f"layers.{index}.{name}"] = np.ascontiguousarray(getattr(layer, name), dtype)
    for prefix, part in _named(layers):
        for name in PROJECTION_TENSORS:
            found[f"{prefix}.{name}"] = np.ascontiguousarray(getattr(part, name), tensor_type(name, part.weight_bits))
    return found


def activities(layers: Sequence[LayeredLayer]) -> dict[str, np.ndarray]:
    """Return the activity of the projections that have one, by its name in the file."""
    return {f"{prefix}.{ACTIVITY}": part.activity for prefix, part in _named(layers) if part.activity is not None}


def _named(layers: Sequence[LayeredLayer]) -> Iterator[tuple[str, Projection]]:
    for index, layer in enumerate(layers):
        for number, part in enumerate(layer.projections):
            yield f"layers.{index}.projections.{number}", part
