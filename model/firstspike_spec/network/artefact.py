"""A network as one file: safetensors, with a format version and a digest of the content.

The tensors are those of `Layer` and `LatencyEncoder`; everything else is in the metadata, as JSON. Nothing in the file is
trusted: sizes are checked before memory of that size is used (`firstspike_spec.network.network.check_sizes`), and a network
from a file passes the same checks as one built in memory, and must match its digest. The activity of the layers' sources is
optional. It is not part of the content's digest, so it has a digest of its own.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..common.arrays import MAX_SIDES
from ..common.checks import whole_number
from ..common.errors import InputError, InputTypeError, UserError
from ..common.files import read_file, write_file
from ..common.text import printable, quoted
from .connections import MAX_CONNECTIONS
from .content import (
    ACTIVITY_TENSOR,
    ACTIVITY_TYPE,
    ATTRIBUTES,
    ENCODER_TENSOR,
    LAYER_NUMBERS,
    LAYER_TENSORS,
    MAPS,
    activities,
    content_digest,
)
from .encoder import MAX_TIME_STEPS, LatencyEncoder
from .layer import Layer
from .maps import MAX_NEURONS, Maps
from .network import Network, check_network
from .sizes import MAX_LAYERS, Size, check_sizes

FORMAT = "firstspike-network"
#: The version of networks without maps, and the later one of networks with maps.
FORMAT_VERSIONS = ("1", "2")

#: Larger files and longer headers are refused before they are read: parsed JSON takes many times its length in memory.
MAX_FILE_BYTES, MAX_HEADER_BYTES = 128 << 20, 2 << 20

_FIELDS = {"input_shape", "class_names", "layers", "provenance"}
_METADATA = {"format", "format_version", "digest", "network"}
_ACTIVITY_DIGEST = "activity_digest"

#: What safetensors calls numpy's types.
_TYPE_NAMES = {f"{name[0].upper()}{bits}": f"{name}{bits}" for name in ("int", "uint", "float") for bits in (8, 16, 32, 64)}

#: How files of other kinds begin that users may mistake for networks, and what they are.
_OTHER_FILES = {
    b"PK\x03\x04": "a PyTorch or NumPy archive",
    b"\x80": "a pickle of Python",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file, as Keras writes it",
    b"\x08": "perhaps an ONNX model",
    b"{": "text",
}

_AGAIN = "export or download the network again"


def save_network(network: Network, path: str | os.PathLike) -> None:
    """Write a network to a ``.safetensors`` file, completely or not at all.

    Raises
    ------
    InputError
        If the file cannot be written, or `load_network` would refuse it.
    """
    check_network(network)
    _check_path(path)
    metadata = {
        "format": FORMAT,
        "format_version": _format_version(network),
        "digest": network.digest,
        "network": network.description,
        **_activity_metadata(network),
    }
    content = _in_order(save(network.tensors | activities(network.layers), metadata))
    header = int.from_bytes(content[:8], "little")
    if header > MAX_HEADER_BYTES:
        raise InputError(
            f"cannot write {path}: names and provenance of the network take {header:,} bytes, of which at most "
            f"{MAX_HEADER_BYTES:,} can be read again; shorten them"
        )
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"cannot write {path}: {len(content):,} bytes, at most {MAX_FILE_BYTES:,} can be read again")
    write_file(path, content)


def _in_order(content: bytes) -> bytes:
    """Return a safetensors file with a sorted header, so that a network always becomes the same bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = _header(json.loads(content[8:end]))
    return len(header).to_bytes(8, "little") + header + content[end:]


def _header(fields: dict[str, Any]) -> bytes:
    """Return the header of a file with these fields, in its only accepted form."""
    header = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)  # the tensors stay aligned


def load_network(path: str | os.PathLike) -> Network:
    """Read a network, and check everything that can be checked.

    Raises
    ------
    InputError
        If the file is missing, truncated, damaged, of another format or version, or its content breaks a rule of
        `Network`; the message names the file and the place in it.
    InputTypeError
        If ``path`` is not a path.
    """
    _check_path(path)
    content = read_file(path, MAX_FILE_BYTES, "name a network's .safetensors file")
    try:
        return _load(content)
    except UserError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def _check_path(path: object) -> None:
    if not isinstance(path, str | os.PathLike):
        raise InputTypeError(f"a network's file is named by a path, not {quoted(path)}")


def _load(content: bytes) -> Network:
    header, metadata = _metadata(content)
    description = _json_object(metadata["network"], "the description")
    _check_description(description)
    _check_tensors({name: header[name] for name in header if name != "__metadata__"}, len(description["layers"]))
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"the tensors are damaged ({error}); {_AGAIN}") from error

    network = _network(description, tensors)
    if metadata["digest"] != network.digest:
        raise InputError(
            f"the content is damaged: its digest is {network.digest[:16]}..., the file says "
            f"{metadata['digest'][:16]}...; {_AGAIN}"
        )
    if metadata.get(_ACTIVITY_DIGEST) != _activity_metadata(network).get(_ACTIVITY_DIGEST):
        raise InputError(f"the activity is damaged: its digest is another; profile, {_AGAIN}")
    # The same content can be written as JSON in several ways; only one of them is accepted, with one version.
    version_is_right = metadata["format_version"] == _format_version(network)
    text_is_right = metadata["network"] == network.description and content.startswith(_header(header), 8)
    if not (version_is_right and text_is_right):
        raise InputError(f"the header is damaged (not as it was written); {_AGAIN}")
    return network


def _metadata(content: bytes) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a safetensors file's header and the metadata in it, without reading its tensors."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        kind = next((kind for start, kind in _OTHER_FILES.items() if content.startswith(start)), None)
        if kind:
            found = f"it is {kind}"
        elif length < 1 << 40:
            found = f"its header should have {length:,} bytes, the file has {len(content):,}"
        else:
            found = "it does not begin with the length of a header"
        raise InputError(
            f"the file is truncated or not a safetensors file: {found}; name a network's file "
            "(firstspike import makes one from weights)"
        )
    if length > MAX_HEADER_BYTES:
        raise InputError(f"the header has {length:,} bytes; that of a network has at most {MAX_HEADER_BYTES:,}")
    try:
        text = content[8 : 8 + length].decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the header is damaged (not UTF-8); {_AGAIN}") from error
    header = _json_object(text, "the header")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError(f"the header is damaged (its metadata are not strings by name); {_AGAIN}")
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"not a network of firstspike (format {quoted(metadata.get('format'))}, wanted {FORMAT!r}); "
            "firstspike import makes one from weights"
        )
    if metadata.get("format_version") not in FORMAT_VERSIONS:
        raise InputError(
            f"format version {quoted(metadata.get('format_version'))} is unknown: this program reads "
            f"{' and '.join(FORMAT_VERSIONS)}; update firstspike or export the network again"
        )
    different = (set(metadata) - {_ACTIVITY_DIGEST}) ^ _METADATA
    if different:
        raise InputError(f"metadata are missing or unknown: {_some(different)}; {_AGAIN}")
    return header, metadata


def _some(names: set[str]) -> str:
    """Return names for a message, as many as fit on a line."""
    return printable(", ".join(sorted(names)[:20]), 200)


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is damaged ({error}); {_AGAIN}") from error
    if not isinstance(value, dict):
        raise InputError(f"{what} is damaged (not a JSON object); {_AGAIN}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _format_version(network: Network) -> str:
    """Return the oldest version that can describe the network, so that files of networks without maps stay the same."""
    return FORMAT_VERSIONS[any(not layer.maps.is_flat for layer in network.layers)]


def _activity_metadata(network: Network) -> dict[str, str]:
    found = activities(network.layers)
    return {_ACTIVITY_DIGEST: content_digest("", found)} if found else {}


def _check_description(description: dict[str, Any]) -> None:
    """Refuse a description whose parts are missing, unknown, of the wrong kind or too many."""
    if set(description) != _FIELDS:
        raise InputError(f"the description must have the fields {sorted(_FIELDS)}, not {_some(set(description))}")
    most = {"input_shape": MAX_SIDES, "class_names": MAX_NEURONS, "layers": MAX_LAYERS}
    if not all(isinstance(description[name], list) for name in most) or not isinstance(description["provenance"], dict):
        raise InputError(f"in the description, {', '.join(most)} must be lists, and provenance an object")
    for name, number in most.items():
        whole_number(len(description[name]), f"number of {name}", 0, number)
    for index, layer in enumerate(description["layers"]):
        if not isinstance(layer, dict) or set(layer) - {MAPS} != set(LAYER_NUMBERS) or None in layer.values():
            raise InputError(f"layer {index} must have the numbers {', '.join(LAYER_NUMBERS)}, not {quoted(layer)}")


def _tensor_types(layers: int) -> Iterator[tuple[str, type[np.integer], int]]:
    """Yield the name of each tensor that a network can have, its type, and its greatest length."""
    yield ENCODER_TENSOR, np.int16, MAX_TIME_STEPS
    most = {"row_starts": MAX_NEURONS + 1, "start_potentials": MAX_NEURONS}
    for index in range(layers):
        for name, dtype in LAYER_TENSORS.items():
            yield f"layers.{index}.{name}", dtype, most.get(name, MAX_CONNECTIONS)
        yield f"layers.{index}.{ACTIVITY_TENSOR}", ACTIVITY_TYPE, MAX_NEURONS


def _check_tensors(entries: dict[str, Any], layers: int) -> None:
    """Refuse a header whose tensors are not those of a network with ``layers`` layers, before any tensor is read."""
    known = {name: (dtype, most) for name, dtype, most in _tensor_types(layers)}
    wanted = {name for name in known if not name.endswith(f".{ACTIVITY_TENSOR}")}
    different = (set(entries) - (set(known) - wanted)) ^ wanted
    if different:
        raise InputError(f"tensors are missing or unknown: {_some(different)}; {_AGAIN}")
    for name, entry in entries.items():
        dtype, most = known[name]
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise InputError(f"{name} must have a dtype, a shape and data_offsets, not {quoted(entry)}; {_AGAIN}")
        shape, given = entry["shape"], entry["dtype"]
        given = _TYPE_NAMES.get(given, given) if isinstance(given, str) else quoted(given)
        if given != np.dtype(dtype).name:
            raise InputError(f"{name} must be of type {np.dtype(dtype)}, not {printable(given, 20)}")
        if not isinstance(shape, list) or len(shape) != 1:
            raise InputError(f"{name} must have one dimension, not the shape {quoted(shape)}")
        whole_number(shape[0], f"length of {name}", 0, most)


def _network(description: dict[str, Any], tensors: dict[str, np.ndarray]) -> Network:
    parts = []
    for index, numbers in enumerate(description["layers"]):
        with _in_layer(index):
            parts.append(_layer_parts(numbers, tensors, f"layers.{index}."))
    check_sizes(Size.of(len(part["initial_potentials"]), len(part["row_targets"]), part["maps"]) for part in parts)
    layers = []
    for index, part in enumerate(parts):
        with _in_layer(index):
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


@contextmanager
def _in_layer(index: int) -> Iterator[None]:
    """Name the layer in the errors of the block."""
    try:
        yield
    except UserError as error:
        raise InputError(f"layer {index}: {error}") from error
