"""Dense weights that were trained elsewhere: read from a file, checked, and put in order.

Nothing in the file is trusted: pickled objects are refused, and every layer must be a finite matrix of floats that fits
the one before.
"""

import hashlib
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from firstspike_spec import InputError, InputTypeError

#: Larger magnitudes are refused, so that no sum or quotient of them overflows.
MAX_MAGNITUDE = 1e30


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A fully connected layer with weights as they were trained.

    Attributes
    ----------
    name : str
    weights : ndarray of float64, shape (targets, sources)
    biases : ndarray of float64, shape (targets,)
        0 where the file has none.
    """

    name: str
    weights: np.ndarray
    biases: np.ndarray


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The layers of one file, from the input to the output.

    Attributes
    ----------
    name : str
        Of the file, without its folder.
    sha256 : str
        Of the file's bytes, in hexadecimal.
    layers : tuple of DenseLayer
    transposed : bool
        Whether the file's matrices have the shape (sources, targets).
    """

    name: str
    sha256: str
    layers: tuple[DenseLayer, ...]
    transposed: bool = False


def read_weights(path: str | os.PathLike, names: Sequence[str] | None = None, *, transpose: bool = False) -> WeightFile:
    """Read the linear layers of a NumPy archive, a PyTorch state dict or a safetensors file.

    The matrix of a layer NAME is the entry ``NAME.weight``, ``NAME_weight`` or ``NAME``; its biases, if it has any, are
    ``NAME.bias`` or ``NAME_bias``.

    Parameters
    ----------
    path : path
        Ends with .npz, .pt, .pth or .safetensors.
    names : sequence of str, optional
        The layers to take, from the input to the output. By default all entries are taken, by the numbers in their names
        (2 before 10), and every one must belong to a layer.
    transpose : bool
        The file's matrices have the shape (sources, targets).

    Raises
    ------
    InputTypeError, InputError
        If the file cannot be read, or an entry is missing, no finite matrix of floats, or does not fit the others.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"cannot read {path}: its name must end with one of {', '.join(_READERS)}; save the weights as one")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; name a file with weights") from error
    try:
        entries = reader(content)
    except Exception as error:  # of damaged content, these libraries raise anything
        raise InputError(f"cannot read {path} ({_first_line(error)}); {_ADVICE}") from error
    if not isinstance(entries, Mapping) or not all(isinstance(key, str) for key in entries):
        raise InputError(f"{path} holds a {type(entries).__name__}, not matrices by name; {_ADVICE}")
    try:
        layers = _layers(entries, names, transpose)
    except InputTypeError as error:
        raise InputTypeError(f"{path}: {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return WeightFile(path.name, hashlib.sha256(content).hexdigest(), layers, transpose)


_ADVICE = "save the weights again, with numpy.savez or torch.save(model.state_dict(), ...)"


def _read_numpy(content: bytes) -> Mapping[str, Any]:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _read_torch(content: bytes) -> Mapping[str, Any]:
    import torch

    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _read_safetensors(content: bytes) -> Mapping[str, Any]:
    from safetensors.torch import load  # numpy has no bfloat16

    return load(content)


_READERS = {".npz": _read_numpy, ".pt": _read_torch, ".pth": _read_torch, ".safetensors": _read_safetensors}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _layers(entries: Mapping[str, Any], names: Sequence[str] | None, transpose: bool) -> tuple[DenseLayer, ...]:
    keys: dict[str, dict[str, str]] = {}
    for key in entries:
        name, kind = _split(key)
        if kind in keys.setdefault(name, {}):
            raise InputError(f"{keys[name][kind]} and {key} are both the {kind} of a layer {name!r}; rename one of them")
        keys[name][kind] = key
    if not keys:
        raise InputError(f"the file has no entries; {_ADVICE}")
    if names is None:
        order = _natural_order(list(keys))
    else:
        order = [_split(name)[0] for name in names]
        _check_names(order, keys)
    layers = [_layer(entries, name, keys[name], transpose) for name in order]
    for before, layer in pairwise(layers):
        if layer.weights.shape[1] != before.weights.shape[0]:
            raise InputError(
                f"layer {layer.name!r} has {layer.weights.shape[1]} sources, but layer {before.name!r} before it has "
                f"{before.weights.shape[0]} neurons; give the order with --layers, or --transpose for matrices of the "
                "shape (sources, targets)"
            )
    return tuple(layers)


def _split(key: str) -> tuple[str, str]:
    """Return the layer that an entry belongs to, and whether it is its ``"weight"`` or its ``"bias"``."""
    match = re.fullmatch(r"(?:(.+)[._])?(weight|bias)", key, re.DOTALL)
    return (match[1] or "", match[2]) if match else (key, "weight")


def _natural_order(names: list[str]) -> list[str]:
    """Return the names sorted by the numbers in them, which must be all that they differ in."""
    parts = {name: re.split(r"([0-9]+)", name) for name in names}
    ordered = sorted(names, key=lambda name: [int(part) if at % 2 else part for at, part in enumerate(parts[name])])
    if len({tuple(part[::2]) for part in parts.values()}) > 1:
        raise InputError(
            f"the order of the entries {', '.join(map(repr, ordered))} does not follow from their names, or not all of them "
            "are linear layers; give the layers from the input to the output, as in --layers first,second"
        )
    return ordered


def _check_names(names: list[str], keys: dict[str, Any]) -> None:
    if not names:
        raise InputError("at least one layer must be named; leave --layers out to take all")
    for name in names:
        if name not in keys:
            raise InputError(f"there is no layer {name!r}; the file has {', '.join(map(repr, keys))}")
        if names.count(name) > 1:
            raise InputError(f"layer {name!r} is named twice; each layer can be taken once")


def _layer(entries: Mapping[str, Any], name: str, keys: dict[str, str], transpose: bool) -> DenseLayer:
    if "weight" not in keys:
        raise InputError(f"{keys['bias']} has no matrix beside it; a layer needs its weights, {name}.weight")
    weights = _floats(entries, keys["weight"])
    if weights.ndim != 2 or weights.size == 0:
        wanted = "(sources, targets)" if transpose else "(targets, sources)"
        raise InputError(
            f"{keys['weight']} must be a matrix of the shape {wanted}, not of {weights.shape}; only linear layers can be "
            "imported: name them with --layers"
        )
    weights = weights.T if transpose else weights
    biases = np.zeros(len(weights))
    if "bias" in keys:
        biases = _floats(entries, keys["bias"])
        if biases.shape != (len(weights),):
            raise InputError(
                f"{keys['bias']} must have the shape ({len(weights)},), one for each neuron, not {biases.shape}; "
                "use --transpose if the matrices have the shape (sources, targets)"
            )
    return DenseLayer(name, weights, biases)


def _floats(entries: Mapping[str, Any], key: str) -> np.ndarray:
    """Return an entry as finite float64."""
    try:
        value = entries[key]
    except Exception as error:  # a NumPy archive is read entry by entry; see `read_weights`
        raise InputError(f"cannot read {key} ({_first_line(error)}); {_ADVICE}") from error
    array = value if isinstance(value, np.ndarray) else _from_torch(key, value)
    if array.dtype.kind != "f":
        raise InputTypeError(f"{key} must be floats, not an array of type {array.dtype}; convert it to float32 first")
    array = array.astype(np.float64)
    wrong = np.argwhere(~(np.abs(array) <= MAX_MAGNITUDE))
    if len(wrong):
        at = tuple(wrong[0])
        raise InputError(
            f"{key}[{', '.join(map(str, at))}] is {array[at]}, no number of magnitude {MAX_MAGNITUDE:g} at most; "
            "train the network again"
        )
    return array


def _from_torch(key: str, value: object) -> np.ndarray:
    import torch

    if not isinstance(value, torch.Tensor):
        raise InputTypeError(f"{key} is a {type(value).__name__}, no matrix; {_ADVICE}")
    if value.layout != torch.strided or value.is_meta or not value.is_floating_point():
        kind = value.dtype if value.layout == torch.strided else value.layout
        raise InputTypeError(f"{key} must be floats, not a tensor of {kind}; convert it to a dense float32 tensor first")
    return value.detach().to(torch.float64).numpy()
