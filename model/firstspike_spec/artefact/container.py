"""The container of a network: a safetensors file with metadata, whose every part is checked before memory is taken for it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..common.checks import whole_number
from ..common.errors import InputError, UserError
from ..common.text import printable, quoted
from ..network.content import content_digest

FORMAT = "firstspike-network"

#: Larger files and longer headers are refused before they are read: parsed JSON takes many times its length in memory.
MAX_FILE_BYTES, MAX_HEADER_BYTES = 128 << 20, 2 << 20

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

#: What to do about a damaged file.
AGAIN = "export or download the network again"


class Tensor(NamedTuple):
    """What a tensor of the file must be: its type, and the greatest length of each of its sides."""

    dtype: type[np.integer]
    most: tuple[int, ...]


class Container(NamedTuple):
    """The parts of a file that were read before its tensors.

    Attributes
    ----------
    content : bytes
    header : dict
        The entries of the tensors by name, and the metadata.
    metadata : dict of str
    description : dict
        The description of the network.
    """

    content: bytes
    header: dict[str, Any]
    metadata: dict[str, str]
    description: dict[str, Any]

    @property
    def entries(self) -> dict[str, Any]:
        """The entries of the tensors."""
        return {name: entry for name, entry in self.header.items() if name != "__metadata__"}


def packed(
    version: str, description: str, digest: str, tensors: Mapping[str, np.ndarray], activities: Mapping[str, np.ndarray]
) -> bytes:
    """Return the bytes of a file, always the same for the same network.

    Raises
    ------
    InputError
        If the file could not be read again.
    """
    metadata = {
        "format": FORMAT,
        "format_version": version,
        "digest": digest,
        "network": description,
        **activity_metadata(activities),
    }
    content = in_order(save({**tensors, **activities}, metadata))
    header = int.from_bytes(content[:8], "little")
    if header > MAX_HEADER_BYTES:
        raise InputError(
            f"names and provenance of the network take {header:,} bytes, of which at most {MAX_HEADER_BYTES:,} can be read "
            "again; shorten them"
        )
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{len(content):,} bytes, at most {MAX_FILE_BYTES:,} can be read again")
    return content


def activity_metadata(activities: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return the metadata that the activity adds to a file: its digest, if there is any."""
    return {_ACTIVITY_DIGEST: content_digest("", activities)} if activities else {}


def in_order(content: bytes) -> bytes:
    """Return a safetensors file with a sorted header, so that a network always becomes the same bytes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = _header_bytes(json.loads(content[8:end]))
    return len(header).to_bytes(8, "little") + header + content[end:]


def _header_bytes(fields: dict[str, Any]) -> bytes:
    """Return the header of a file with these fields, in its only accepted form."""
    header = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % 8)  # the tensors stay aligned


def read_container(content: bytes, versions: tuple[str, ...]) -> Container:
    """Return the parts of a file, without reading its tensors.

    Raises
    ------
    InputError
        If it is no such file, of another version, or its metadata are damaged.
    """
    header, metadata = _metadata(content, versions)
    return Container(content, header, metadata, _json_object(metadata["network"], "the description"))


def read_tensors(container: Container, known: Mapping[str, Tensor], optional: set[str]) -> dict[str, np.ndarray]:
    """Return the tensors of a file by their names.

    Parameters
    ----------
    container : Container
    known : mapping of str to Tensor
        What each tensor must be.
    optional : set of str
        The tensors that may be missing.

    Raises
    ------
    InputError
        If a tensor is missing, unknown, of another type or too large; no tensor has been read then. Or if they are damaged.
    """
    _check_tensors(container.entries, known, optional)
    try:
        return load(container.content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"the tensors are damaged ({error}); {AGAIN}") from error


def check_integrity(
    container: Container, version: str, description: str, digest: str, activities: Mapping[str, np.ndarray]
) -> None:
    """Raise `InputError` unless a file is just what `packed` would write for the network that was read from it."""
    metadata = container.metadata
    if metadata["digest"] != digest:
        raise InputError(
            f"the content is damaged: its digest is {digest[:16]}..., the file says {metadata['digest'][:16]}...; {AGAIN}"
        )
    if metadata.get(_ACTIVITY_DIGEST) != activity_metadata(activities).get(_ACTIVITY_DIGEST):
        raise InputError(f"the activity is damaged: its digest is another; profile, {AGAIN}")
    # The same content can be written as JSON in several ways; only one of them is accepted, with one version.
    version_is_right = metadata["format_version"] == version
    text_is_right = metadata["network"] == description and container.content.startswith(_header_bytes(container.header), 8)
    if not (version_is_right and text_is_right):
        raise InputError(f"the header is damaged (not as it was written); {AGAIN}")


def _metadata(content: bytes, versions: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
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
        raise InputError(f"the header is damaged (not UTF-8); {AGAIN}") from error
    header = _json_object(text, "the header")
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError(f"the header is damaged (its metadata are not strings by name); {AGAIN}")
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"not a network of firstspike (format {quoted(metadata.get('format'))}, wanted {FORMAT!r}); "
            "firstspike import makes one from weights"
        )
    if metadata.get("format_version") not in versions:
        raise InputError(
            f"format version {quoted(metadata.get('format_version'))} is unknown: this program reads "
            f"{', '.join(versions)}; update firstspike or export the network again"
        )
    different = (set(metadata) - {_ACTIVITY_DIGEST}) ^ _METADATA
    if different:
        raise InputError(f"metadata are missing or unknown: {some(different)}; {AGAIN}")
    return header, metadata


def some(names: set[str]) -> str:
    """Return names for a message, as many as fit on a line."""
    return printable(", ".join(sorted(names)[:20]), 200)


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is damaged ({error}); {AGAIN}") from error
    if not isinstance(value, dict):
        raise InputError(f"{what} is damaged (not a JSON object); {AGAIN}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check_tensors(entries: Mapping[str, Any], known: Mapping[str, Tensor], optional: set[str]) -> None:
    different = (set(entries) - optional) ^ (set(known) - optional)
    if different:
        raise InputError(f"tensors are missing or unknown: {some(different)}; {AGAIN}")
    for name, entry in entries.items():
        dtype, most = known[name]
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise InputError(f"{name} must have a dtype, a shape and data_offsets, not {quoted(entry)}; {AGAIN}")
        shape, given = entry["shape"], entry["dtype"]
        given = _TYPE_NAMES.get(given, given) if isinstance(given, str) else quoted(given)
        if given != np.dtype(dtype).name:
            raise InputError(f"{name} must be of type {np.dtype(dtype)}, not {printable(given, 20)}")
        if not isinstance(shape, list) or len(shape) != len(most):
            wanted = "one dimension" if len(most) == 1 else f"{len(most)} dimensions"
            raise InputError(f"{name} must have {wanted}, not the shape {quoted(shape)}")
        for side, limit in zip(shape, most, strict=True):
            whole_number(side, f"length of {name}", 0, limit)


@contextmanager
def in_layer(index: int) -> Iterator[None]:
    """Name the layer in the errors of the block."""
    try:
        yield
    except UserError as error:
        raise InputError(f"layer {index}: {error}") from error
