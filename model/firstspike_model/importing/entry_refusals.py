"""Refusal of entries that fit no layer. Without them the network may compute something else, so the user must decide."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from firstspike_spec import InputError
from firstspike_spec.common.text import quoted
from firstspike_spec.network.provenance import MAX_NAME

from .entry_names import leave_out_option, listed, place_of


class _Refusal(NamedTuple):
    """One reason to refuse entries: the names and shapes that it applies to, what the entries are, and what to do."""

    applies: Callable[[str, tuple[int, ...]], bool]
    why: str


def _named(pattern: str) -> Callable[[str, tuple[int, ...]], bool]:
    compiled = re.compile(rf"(?:.*[._/])?(?:{pattern})(?::[0-9]+)?", re.IGNORECASE | re.DOTALL)
    return lambda key, shape: compiled.fullmatch(key) is not None


_is_of_normalisation = _named("running_mean|running_var|num_batches_tracked|moving_mean|moving_variance|gamma")
_is_beta = _named("beta")


def _is_gain(key: str, shape: tuple[int, ...]) -> bool:
    """Return whether an entry named as weights is not a matrix, or one named as biases is not a vector."""
    kind = place_of(key, len(shape)).role.partition("_")[0]
    return len(shape) != {"weight": 2, "bias": 1}.get(kind, len(shape))


_FOLD = (
    "fold a batch normalisation into the linear layer right before it, and save again: with g = gamma / sqrt(variance + "
    "epsilon) of each neuron, weights * g, and (biases - mean) * g + beta (docs/import.md); others cannot be imported"
)
_SAME_WITHOUT = "if the network gives the same results without it, leave it out: {leave_out}"

_NOT_AN_ARRAY = f"not an array of numbers; {_SAME_WITHOUT}"

#: In the order in which they are checked. The remaining entries have one or two dimensions, and a role in a layer.
_REFUSALS = (
    _Refusal(
        lambda key, shape: _is_of_normalisation(key, shape) or (_is_beta(key, shape) and len(shape) == 1),  # else of a neuron
        f"part of a normalisation, without which the network is another; {_FOLD}",
    ),
    _Refusal(
        _named(r"weight_[guv]|parametrizations\..+"),
        "parts from which weights are computed (by weight or spectral normalisation); make weights of them, and save again "
        "(PyTorch: torch.nn.utils.remove_weight_norm(layer), remove_spectral_norm(layer), or "
        "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight'))",
    ),
    _Refusal(
        _named(r"(?:weight|bias)_[ih]h(?:_l[0-9]+)?(?:_reverse)?|recurrent_kernel"),
        "part of a recurrent layer, which cannot be imported; only fully connected layers can",
    ),
    _Refusal(
        lambda key, shape: len(shape) == 0,
        "a single number, as neurons have; give thresholds by --threshold; a leak, a reset or another scale cannot be "
        f"imported; {_SAME_WITHOUT}",
    ),
    _Refusal(
        lambda key, shape: len(shape) > 2,
        "more than two dimensions, as convolutions have, which cannot be imported, and without which the network is another; "
        "only linear layers can be imported, and firstspike train trains convolutions",
    ),
    _Refusal(
        _is_gain, f"gains, as normalisations and PReLU have, without which the network is another; {_FOLD}; nor can PReLU be"
    ),
    _Refusal(
        lambda key, shape: len(shape) == 1 and place_of(key, 1).role == "",
        "of one dimension, and not in a layer; if these are biases, name them like the matrix of their layer, as in "
        f"fc1.weight and fc1.bias; {_SAME_WITHOUT}",
    ),
)


def checked_shapes(entries: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each entry.

    Raises
    ------
    InputError
        If an entry cannot be part of a layer, or has a name that cannot be printed.
    """
    for key in entries:
        if len(key) > MAX_NAME or not (key.isprintable() or not key):
            raise InputError(
                f"the name {quoted(key)} is not printable text of at most {MAX_NAME} characters; rename the entry"
            )
    shapes = {key: shape for key, value in entries.items() if (shape := shape_of(value)) is not None}
    _refuse([key for key in entries if key not in shapes], _NOT_AN_ARRAY)
    for refusal in _REFUSALS:
        _refuse([key for key, shape in shapes.items() if refusal.applies(key, shape)], refusal.why)
    return shapes


def _refuse(keys: Sequence[str], why: str) -> None:
    if keys:
        raise InputError(f"{listed(keys)}: {why.format(leave_out=leave_out_option(keys))}")


def shape_of(value: object) -> tuple[int, ...] | None:
    """Return the shape of an array or a tensor, or ``None`` for anything else."""
    torch = sys.modules.get("torch")  # where it was not imported, nothing is a tensor
    if isinstance(value, np.ndarray) or (torch and isinstance(value, torch.Tensor) and not value.is_nested):
        return tuple(value.shape)
    return None
