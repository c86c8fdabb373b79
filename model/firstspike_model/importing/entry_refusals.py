"""Entries that no layer is made of: refused by their names, with what to do, for without them the network may be another."""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from firstspike_spec import InputError
from firstspike_spec.common.text import quoted
from firstspike_spec.network.network import MAX_NAME

from .entry_names import leave_out_option, listed, place_of


class _Refusal(NamedTuple):
    """Entries that are refused together: those whose name and shape are so, what they are, and what to do."""

    applies: Callable[[str, tuple[int, ...] | None], bool]
    why: str


def _named(pattern: str) -> Callable[[str, tuple[int, ...] | None], bool]:
    compiled = re.compile(rf"(?:.*[._/])?(?:{pattern})(?::[0-9]+)?", re.IGNORECASE | re.DOTALL)
    return lambda key, shape: compiled.fullmatch(key) is not None


_is_of_normalisation = _named("running_mean|running_var|num_batches_tracked|moving_mean|moving_variance|gamma")
_is_beta = _named("beta")


def _is_gain(key: str, shape: tuple[int, ...] | None) -> bool:
    """Return whether what is called weights is no matrix, or what is called biases no vector."""
    kind = place_of(key, len(shape)).role.partition("_")[0]
    return len(shape) != {"weight": 2, "bias": 1}.get(kind, len(shape))


_FOLD = (
    "fold a batch normalisation into the linear layer right before it, and save again: with g = gamma / sqrt(variance + "
    "epsilon) of each neuron, weights * g, and (biases - mean) * g + beta (docs/import.md); others cannot be imported"
)
_SAME_WITHOUT = "if the network gives the same without, leave it out: {leave_out}"

#: In the order in which they are looked for. Whatever is left has one or two dimensions, and a name.
_REFUSALS = (
    _Refusal(lambda key, shape: shape is None, f"no array of numbers; {_SAME_WITHOUT}"),
    _Refusal(
        lambda key, shape: _is_of_normalisation(key, shape) or (_is_beta(key, shape) and len(shape) == 1),  # else of a neuron
        f"of a normalisation, without which the network is another; {_FOLD}",
    ),
    _Refusal(
        _named(r"weight_[guv]|parametrizations\..+"),
        "parts from which weights are computed (by weight or spectral normalisation); make weights of them, and save again "
        "(PyTorch: torch.nn.utils.remove_weight_norm(layer), remove_spectral_norm(layer), or "
        "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight'))",
    ),
    _Refusal(
        _named(r"(?:weight|bias)_[ih]h(?:_l[0-9]+)?(?:_reverse)?|recurrent_kernel"),
        "of a recurrent layer, which cannot be imported; only fully connected layers can",
    ),
    _Refusal(
        lambda key, shape: len(shape) == 0,
        "a single number, as neurons have; thresholds are given by --threshold, and a leak, a reset or another scale cannot "
        f"be imported; {_SAME_WITHOUT}",
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
        "of one dimension, and of no layer; if these are biases, name them as their layer's matrix, such as fc1.weight and "
        f"fc1.bias; {_SAME_WITHOUT}",
    ),
)


def check_entries(entries: Mapping[str, Any]) -> None:
    """Raise `InputError` if an entry is nothing that a layer is made of, or has a name that cannot be shown."""
    for key in entries:
        if len(key) > MAX_NAME or not (key.isprintable() or not key):
            raise InputError(f"the name {quoted(key)} is no printable text of at most {MAX_NAME} characters; rename the entry")
    shapes = {key: shape_of(value) for key, value in entries.items()}
    for refusal in _REFUSALS:
        keys = [key for key, shape in shapes.items() if refusal.applies(key, shape)]
        if keys:
            raise InputError(f"{listed(keys)}: {refusal.why.format(leave_out=leave_out_option(keys))}")


def shape_of(value: object) -> tuple[int, ...] | None:
    """Return the shape of an array or a tensor, or ``None`` for anything else."""
    torch = sys.modules.get("torch")  # where it was not imported, nothing is a tensor
    if isinstance(value, np.ndarray) or (torch and isinstance(value, torch.Tensor) and not value.is_nested):
        return tuple(value.shape)
    return None
