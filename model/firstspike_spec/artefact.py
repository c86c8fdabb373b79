"""A network as one file: safetensors, with a format version and a digest of the content.

The tensors are those of `Layer` and `LatencyEncoder`; everything else stands in the metadata, as JSON. Nothing in the
file is trusted: what is loaded has passed the same checks as a network built in memory, and its digest. The activity of
the layers' sources may be there or not; as it is no part of the content's digest, it has one of its own.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .encoder import LatencyEncoder
from .errors import InputError, UserError
from .files import write_file
from .layer import Layer
from .maps import Maps
from .network import Network

FORMAT = "firstspike-network"
#: That of networks without maps, as they were written before there were any; and that of networks with maps.
FORMAT_VERSIONS = ("1", "2")

#: Larger files are refused before they are read.
MAX_FILE_BYTES = 256 << 20

#: Names of the tensors of one layer and their types in the file.
LAYER_TENSORS = {"row_starts": np.int64, "row_targets": np.int32, "row_weights": np.int16, "start_potentials": np.int32}
ACTIVITY_TENSOR, ACTIVITY_TYPE = "activity", np.uint16
ENCODER_TENSOR = "encoder.thresholds"
LAYER_NUMBERS = ("threshold", "weight_bits", "potential_bits")

#: In the description of a layer that has maps.
MAPS = "maps"


def content_digest(network: Network) -> str:
    """Return the SHA-256 of a network's content, in hexadecimal: description first, then each tensor with its name.

    The layers' activity changes no result and does not count.
    """
    return _digest(_description(network), _tensors(network))


def _digest(description: str, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(description.encode())
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def save_network(network: Network, path: str | os.PathLike) -> None:
    """Write a network to one ``.safetensors`` file, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    metadata = {
        "format": FORMAT,
        "format_version": _format_version(network),
        "digest": network.digest,
        "network": _description(network),
        **_activity_metadata(network),
    }
    write_file(path, _in_order(save(_tensors(network) | _activities(network), metadata)))


def _in_order(content: bytes) -> bytes:
    """Return a safetensors file with a sorted header, so that the same network is the same bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = _header(json.loads(content[8:end]))
    return len(header).to_bytes(8, "little") + header + content[end:]


def _header(fields: dict[str, Any]) -> bytes:
    """Return the one header that a file with these fields has."""
    header = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)  # the tensors stay aligned


def load_network(path: str | os.PathLike) -> Network:
    """Read a network, checking everything that can be checked.

    Raises
    ------
    InputError
        If the file is missing, truncated, damaged, of another format or version, or its content breaks a rule of
        `Network`; the message names the file and the place.
    """
    try:
        return _load(Path(path))
    except UserError as error:
        raise InputError(f"{path}: {error}") from error


def _load(path: Path) -> Network:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"the file has {size:,} bytes; a network has at most {MAX_FILE_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the network: {error.strerror}; name a .safetensors file") from error

    header, metadata = _metadata(content)
    if metadata.get("format") != FORMAT:
        raise InputError(f"not a network of firstspike (format {metadata.get('format')!r}, wanted {FORMAT!r})")
    if metadata.get("format_version") not in FORMAT_VERSIONS:
        raise InputError(
            f"format version {metadata.get('format_version')!r} is unknown: this program reads "
            f"{' and '.join(FORMAT_VERSIONS)}; update firstspike or export the network again"
        )
    try:
        tensors = load(content)
    except (SafetensorError, KeyError) as error:
        raise InputError(f"the tensors are damaged ({error}); export or download the network again") from error

    network = _network(_json_object(metadata.get("network"), "the description"), tensors)
    if metadata.get("digest") != network.digest:
        raise InputError(
            f"the content is damaged: its digest is {network.digest[:16]}..., the file says "
            f"{str(metadata.get('digest'))[:16]}...; export or download the network again"
        )
    if metadata.get("activity_digest") != _activity_metadata(network).get("activity_digest"):
        raise InputError("the activity is damaged: its digest is another; profile, export or download the network again")
    # JSON can say the same thing in several ways; only one of them was written, under one version.
    version_is_right = metadata["format_version"] == _format_version(network)
    text_is_right = metadata["network"] == _description(network) and content.startswith(_header(header), 8)
    if not (version_is_right and text_is_right):
        raise InputError("the header is damaged (not as it was written); export or download the network again")
    return network


def _metadata(content: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a safetensors file's header, and the metadata in it, before its tensors are looked at."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise InputError(
            f"the file is truncated or no safetensors file: its header should have {length:,} bytes, "
            f"the file has {len(content):,}"
        )
    try:
        text = content[8 : 8 + length].decode()
    except UnicodeDecodeError as error:
        raise InputError("the header is damaged (not UTF-8); export or download the network again") from error
    fields = _json_object(text, "the header")
    metadata = fields.get("__metadata__", {})
    if not isinstance(metadata, dict):
        raise InputError("the header is damaged (its metadata are no object); export or download the network again")
    return fields, metadata


def _json_object(text: Any, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} is damaged ({error}); export or download the network again") from error
    if not isinstance(value, dict):
        raise InputError(f"{what} is damaged (no JSON object); export or download the network again")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _description(network: Network) -> str:
    """Everything but the tensors, as canonical JSON."""
    return json.dumps(
        {
            "input_shape": network.input_shape,
            "class_names": network.class_names,
            "layers": [_layer_description(layer) for layer in network.layers],
            "provenance": network.provenance,
        },
        sort_keys=True,
        allow_nan=False,
    )


def _layer_description(layer: Layer) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: getattr(layer, name) for name in LAYER_NUMBERS}
    return numbers if layer.maps.is_flat else numbers | {MAPS: layer.maps.as_dict()}


def _format_version(network: Network) -> str:
    """Return the oldest version that can say what the network is: digests of networks without maps stay what they were."""
    return FORMAT_VERSIONS[any(not layer.maps.is_flat for layer in network.layers)]


def _tensors(network: Network) -> dict[str, np.ndarray]:
    tensors = {ENCODER_TENSOR: network.encoder.thresholds}
    for index, layer in enumerate(network.layers):
        for name, dtype in LAYER_TENSORS.items():
            tensors[f"layers.{index}.{name}"] = np.ascontiguousarray(getattr(layer, name), dtype)
    return tensors


def _activities(network: Network) -> dict[str, np.ndarray]:
    return {
        f"layers.{index}.{ACTIVITY_TENSOR}": layer.activity
        for index, layer in enumerate(network.layers)
        if layer.activity is not None
    }


def _activity_metadata(network: Network) -> dict[str, str]:
    activities = _activities(network)
    return {"activity_digest": _digest("", activities)} if activities else {}


def _network(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    fields = {"input_shape", "class_names", "layers", "provenance"}
    if set(description) != fields:
        raise InputError(f"the description must have the fields {sorted(fields)}, not {sorted(description)}")
    numbers = description["layers"]
    lists = ("input_shape", "class_names", "layers")
    if not all(isinstance(description[name], list) for name in lists) or not isinstance(description["provenance"], dict):
        raise InputError(f"in the description, {', '.join(lists)} must be lists, and provenance an object")

    wanted = {ENCODER_TENSOR} | {f"layers.{index}.{name}" for index in range(len(numbers)) for name in LAYER_TENSORS}
    optional = {f"layers.{index}.{ACTIVITY_TENSOR}" for index in range(len(numbers))}
    different = sorted((set(tensors) - optional) ^ wanted)
    if different:
        raise InputError(f"tensors are missing or unknown: {', '.join(different)}")

    _check_type(ENCODER_TENSOR, tensors[ENCODER_TENSOR], np.int16)
    layers = []
    for index, layer in enumerate(numbers):
        if not isinstance(layer, dict) or set(layer) - {MAPS} != set(LAYER_NUMBERS) or None in layer.values():
            raise InputError(f"layer {index} must have the numbers {', '.join(LAYER_NUMBERS)}, not {layer!r}")
        arrays: dict[str, Any] = {name: layer[name] for name in LAYER_NUMBERS}
        for name, dtype in LAYER_TENSORS.items():
            arrays[name] = tensor = tensors[f"layers.{index}.{name}"]
            _check_type(f"layers.{index}.{name}", tensor, dtype)
        name = f"layers.{index}.{ACTIVITY_TENSOR}"
        if name in tensors:
            arrays[ACTIVITY_TENSOR] = tensors[name]
            _check_type(name, tensors[name], ACTIVITY_TYPE)
        try:
            layers.append(Layer(**arrays, maps=Maps.from_dict(layer[MAPS]) if MAPS in layer else None))
        except UserError as error:
            raise InputError(f"layer {index}: {error}") from error
    return Network(
        LatencyEncoder(tensors[ENCODER_TENSOR]),
        tuple(layers),
        tuple(description["input_shape"]),
        tuple(description["class_names"]),
        description["provenance"],
    )


def _check_type(name: str, tensor: np.ndarray, dtype: type[np.integer]) -> None:
    if tensor.dtype != dtype:
        raise InputError(f"{name} must be of type {np.dtype(dtype)}, not {tensor.dtype}")
