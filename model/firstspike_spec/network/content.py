"""What counts as the content of a network: a description as JSON, and tensors. Its file and its digest are made from them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .encoder import LatencyEncoder
from .layer import Layer

#: Names of the tensors of one layer and their types in the file.
LAYER_TENSORS: dict[str, type[np.signedinteger]] = {
    "row_starts": np.int64,
    "row_targets": np.int32,
    "row_weights": np.int16,
    "start_potentials": np.int32,
}
#: Attributes of `Layer` whose tensors have another name in the file.
ATTRIBUTES = {"start_potentials": "initial_potentials"}
ACTIVITY_TENSOR, ACTIVITY_TYPE = "activity", np.uint16
ENCODER_TENSOR = "encoder.thresholds"
LAYER_NUMBERS = ("threshold", "weight_bits", "potential_bits")

#: In the description of a layer that has maps.
MAPS = "maps"


def description(
    input_shape: Sequence[int], class_names: Sequence[str], layers: Iterable[Layer], provenance: Mapping[str, Any]
) -> str:
    """Return everything but the tensors, as canonical JSON."""
    return json.dumps(
        {
            "input_shape": input_shape,
            "class_names": class_names,
            "layers": [_layer_description(layer) for layer in layers],
            "provenance": provenance,
        },
        sort_keys=True,
        allow_nan=False,
    )


def _layer_description(layer: Layer) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: getattr(layer, name) for name in LAYER_NUMBERS}
    return numbers if layer.maps.is_flat else numbers | {MAPS: layer.maps.as_dict()}


def tensors(encoder: LatencyEncoder, layers: Iterable[Layer]) -> dict[str, np.ndarray]:
    """Return the tensors of an encoder and of layers, by their names in the file."""
    found = {ENCODER_TENSOR: encoder.thresholds}
    for index, layer in enumerate(layers):
        for name, dtype in LAYER_TENSORS.items():
            found[f"layers.{index}.{name}"] = np.ascontiguousarray(getattr(layer, ATTRIBUTES.get(name, name)), dtype)
    return found


def activities(layers: Iterable[Layer]) -> dict[str, np.ndarray]:
    """Return the activity of the layers that have one, by its name in the file."""
    return {
        f"layers.{index}.{ACTIVITY_TENSOR}": layer.activity for index, layer in enumerate(layers) if layer.activity is not None
    }


def content_digest(text: str, parts: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of a text, then of each tensor with its name, in hexadecimal."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in parts.items():
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()
