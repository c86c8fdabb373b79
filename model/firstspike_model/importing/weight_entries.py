"""From the entries of a file to layers: each entry is used, refused by name, or was left out by the user."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from firstspike_spec import InputError, InputTypeError
from firstspike_spec.common.text import quoted
from firstspike_spec.network.connections import MAX_CONNECTIONS

from .entry_names import named_order, natural_order, place_of
from .entry_refusals import checked_shapes, shape_of

#: Larger magnitudes are refused, so that no sum or quotient overflows.
MAX_MAGNITUDE = 1e30


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A fully connected layer with weights as they were trained.

    Attributes
    ----------
    name : str
    weights : ndarray of float64, shape (targets, sources)
    biases : ndarray of float64, shape (targets,)
        0 if the file has none.
    entries : tuple of str
        The names of the entries that it was made from.
    """

    name: str
    weights: np.ndarray
    biases: np.ndarray
    entries: tuple[str, ...] = ()


def dense_layers(
    entries: Mapping[str, Any], names: Sequence[str] | None, transpose: bool | None
) -> tuple[tuple[DenseLayer, ...], bool, list[str]]:
    """Return the layers that the entries describe, whether their matrices were transposed, and warnings.

    Parameters
    ----------
    entries : mapping of str to anything
        Each must belong to a layer.
    names : sequence of str, optional
        The layers from the input to the output; by default the numbers in their names give the order.
    transpose : bool, optional
        Whether the matrices have the shape (sources, targets). By default only those named ``kernel`` may, if their shapes
        leave no doubt.

    Raises
    ------
    InputTypeError, InputError
        If an entry fits no layer, is missing, is not a finite matrix of floats, or does not fit the others.
    """
    layers = _group(checked_shapes(entries))
    keys = {name: layer.keys.values() for name, layer in layers.items()}
    order = natural_order(list(layers)) if names is None else named_order(names, keys)
    chosen = [layers[name] for name in order]
    transposed = _orientation(chosen, transpose)
    total = sum(math.prod(layer.shape) for layer in chosen)
    if total > MAX_CONNECTIONS:  # before any is converted to floats of eight bytes
        raise InputError(
            f"the layers have {total:,} weights, more than the {MAX_CONNECTIONS:,} of a network; take a smaller one"
        )
    return tuple(layer.read(entries, transposed) for layer in chosen), transposed, _doubts(chosen, transpose)


@dataclass
class _Parts:
    """What a file contains of one layer: the entries by their roles, and the shape of the matrix in the file."""

    name: str
    keys: dict[str, str]
    word: str = ""
    shape: tuple[int, ...] = ()
    biases: tuple[int, ...] | None = None

    def read(self, entries: Mapping[str, Any], transposed: bool) -> DenseLayer:
        weights = self._values(entries, "weight")
        weights = weights.T if transposed else weights
        biases = np.zeros(len(weights)) if self.biases is None else self._values(entries, "bias")
        return DenseLayer(self.name, weights, biases, tuple(self.keys.values()))

    def _values(self, entries: Mapping[str, Any], kind: str) -> np.ndarray:
        if kind in self.keys:
            return _floats(entries[self.keys[kind]], self.keys[kind])
        key, mask_key = self.keys[f"{kind}_orig"], self.keys[f"{kind}_mask"]
        values = _floats(entries[key], key)
        return values * _mask(entries[mask_key], mask_key, values.shape)


def _group(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, _Parts]:
    """Return the layers by name, each with a matrix."""
    layers: dict[str, _Parts] = {}
    for key, shape in shapes.items():
        place = place_of(key, len(shape))
        layer = layers.setdefault(place.layer, _Parts(place.layer, {}))
        if place.role in layer.keys:
            raise InputError(
                f"{quoted(layer.keys[place.role])} and {quoted(key)} are both the {place.role} of a layer "
                f"{quoted(place.layer)}; rename one of them"
            )
        layer.keys[place.role] = key
        if place.role in ("weight", "weight_orig"):
            layer.word, layer.shape = place.word, shape
        elif place.role in ("bias", "bias_orig"):
            layer.biases = shape
    for layer in layers.values():
        _check_parts(layer)
    return layers


def _check_parts(layer: _Parts) -> None:
    for kind in ("weight", "bias"):
        whole, original, mask = (layer.keys.get(kind + part) for part in ("", "_orig", "_mask"))
        if whole and original:
            raise InputError(f"{quoted(whole)} and {quoted(original)} are both there; save one of them")
        if original and not mask:
            raise InputError(
                f"{quoted(original)}: a {kind} before a change that the file does not hold; make the change permanent "
                f"(PyTorch: torch.nn.utils.prune.remove(layer, '{kind}')), and save again"
            )
        if mask and not original:
            raise InputError(
                f"{quoted(mask)}: a mask without the {quoted(f'{layer.name}.{kind}_orig')} that it masks; multiply the "
                f"{kind} by it, and save again without it"
            )
    if not layer.shape:
        key = next(iter(layer.keys.values()))
        raise InputError(f"{quoted(key)} has no matrix beside it; a layer needs its weights, {quoted(f'{layer.name}.weight')}")
    if 0 in layer.shape:
        raise InputError(
            f"the matrix of layer {quoted(layer.name)} must have sources and targets, not the shape {layer.shape}"
        )


def _orientation(layers: Sequence[_Parts], transpose: bool | None) -> bool:
    """Return whether the matrices have the shape (sources, targets); refuse matrices that do not fit together then."""
    faults = {turned: _first_misfit(layers, turned) for turned in (False, True)}
    if transpose is None:
        transpose = any(layer.word == "kernel" for layer in layers)
        if transpose and not any(faults.values()):
            raise InputError(
                "the shapes do not show how the kernels lie: give --transpose if they are (sources, targets), as in "
                "Keras and Flax, or --no-transpose if they are (targets, sources)"
            )
    fault, other = faults[transpose], faults[not transpose]
    if not fault:
        return transpose
    advice = "give the layers from the input to the output with --layers"
    if not other:
        option, wanted = ("--no-transpose", "(targets, sources)") if transpose else ("--transpose", "(sources, targets)")
        sizes = [str(layer.shape[not transpose]) for layer in layers]
        advice += (
            f", or, if the matrices have the shape {wanted}, give {option}: then there are "
            f"{layers[0].shape[transpose]} inputs, and layers of {', '.join(sizes)} neurons"
        )
    raise InputError(f"{fault}; {advice}")


def _doubts(layers: Sequence[_Parts], transpose: bool | None) -> list[str]:
    """Return a warning if neither names nor shapes show how the matrices lie."""
    known = transpose is not None or all(layer.word == "weight" for layer in layers)
    if known or any(rows != columns for rows, columns in (layer.shape for layer in layers)):
        return []
    return [
        "matrices taken as (targets, sources), though neither names nor shapes show it; give --transpose if they are "
        "(sources, targets)"
    ]


def _first_misfit(layers: Sequence[_Parts], turned: bool) -> str:
    """Return a message on the first layer that does not fit, ``""`` if all fit; ``turned``: with transposed matrices."""
    targets, sources = (1, 0) if turned else (0, 1)
    for layer in layers:
        if layer.biases not in (None, (layer.shape[targets],)):
            return (
                f"the biases of layer {quoted(layer.name)} must have the shape ({layer.shape[targets]},), one for each "
                f"neuron, not {layer.biases}"
            )
    for before, layer in pairwise(layers):
        if layer.shape[sources] != before.shape[targets]:
            return (
                f"layer {quoted(layer.name)} has {layer.shape[sources]} sources, but layer {quoted(before.name)} before it "
                f"has {before.shape[targets]} neurons"
            )
    return ""


def _floats(value: Any, key: str) -> np.ndarray:
    """Return an entry as finite float64."""
    array = _numbers(value, key)
    if array.dtype.kind != "f":
        raise InputTypeError(
            f"{quoted(key)} must be floats, not {array.dtype}; save the weights as they were trained, as float32"
        )
    array = array.astype(np.float64)
    wrong = np.argwhere(~(np.abs(array) <= MAX_MAGNITUDE))
    if len(wrong):
        at = tuple(wrong[0])
        raise InputError(
            f"{quoted(key)}[{', '.join(map(str, at))}] is {array[at]}, not a number of magnitude {MAX_MAGNITUDE:g} at most; "
            "train the network again"
        )
    return array


def _mask(value: Any, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a pruning mask: 1 for what is kept, 0 for the rest."""
    if shape_of(value) != shape:
        raise InputError(f"{quoted(key)} must have the shape {shape} of what it masks, not {shape_of(value)}; save it again")
    array = _numbers(value, key)
    if not ((array == 0) | (array == 1)).all():
        raise InputError(f"{quoted(key)} must be a mask of 0 and 1; multiply the weights by it, and save again without it")
    return array.astype(np.float64)


def _numbers(value: Any, key: str) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    import torch

    try:
        tensor = value.detach()
        return (tensor.to(torch.float64) if tensor.is_floating_point() else tensor).numpy()  # numpy has no bfloat16
    except Exception as error:  # tensors that are sparse, quantised, without data, or of numbers smaller than a byte
        kind = value.dtype if value.layout == torch.strided else value.layout
        raise InputTypeError(
            f"{quoted(key)} must be plain floats, not a tensor of {kind}; save it as dense float32"
        ) from error
