"""One scale for a layer that was trained elsewhere: float weights to whole numbers."""

from typing import Any

import numpy as np
import torch

from firstspike_spec import InputError, Layer, UserError

from .quantisation import best_scale, largest_weight
from .weight_files import DenseLayer

#: Weights that are this near to multiples of one number, relative to their size, are taken for multiples of it.
GRID_TOLERANCE = 1e-6

#: Larger whole numbers are no potentials of the hardware.
MAX_WHOLE = (1 << 31) - 1


def quantise_layer(layer: DenseLayer, threshold: float, weight_bits: int) -> tuple[Layer, dict[str, Any]]:
    """Return the layer in whole numbers, and what that did to it, in the units that the weights came in.

    Weights, biases and threshold are divided by the same scale, which changes no spike, and then rounded, which does.

    Raises
    ------
    InputError
        If the weights are so small beside the threshold or a bias that no potential could hold these.
    """
    extreme = float(np.abs(layer.weights).max())
    # With weights of magnitude about 1, no square in the search for a scale overflows; a power of two rounds nothing.
    unit = float(2.0 ** np.frexp(extreme)[1])
    weights, biases, threshold_in_units = layer.weights / unit, layer.biases / unit, threshold / unit
    scale = grid_scale(weights, np.append(biases, threshold_in_units), weight_bits)
    if scale is None:
        scale = best_scale(torch.from_numpy(weights), weight_bits)
    largest = largest_weight(weight_bits)
    integers = np.clip(np.rint(weights / scale), -largest, largest)
    starts, whole_threshold = np.rint(biases / scale), max(1, round(threshold_in_units / scale))
    if max(np.abs(starts).max(), whole_threshold) > MAX_WHOLE:
        raise InputError(
            f"layer {layer.name!r}: its weights, of magnitude {extreme:g} at most, are too small beside the threshold "
            f"{threshold:g} or its biases, of magnitude {np.abs(layer.biases).max():g} at most; scale them to each other"
        )
    try:
        whole = Layer.from_dense(integers.astype(np.int32), starts.astype(np.int64), whole_threshold, weight_bits)
    except UserError as error:
        raise InputError(f"layer {layer.name!r}: {error}") from error
    return whole, {
        "name": layer.name,
        "sources": whole.sources,
        "neurons": whole.targets,
        "scale": scale * unit,
        "threshold": threshold,
        "integer_threshold": whole_threshold,
        "largest_weight": extreme,
        "largest_weight_error": float(np.abs(integers * scale - weights).max()) * unit,
        "weights": int(np.count_nonzero(layer.weights)),
        "weights_to_zero": int(np.count_nonzero((integers == 0) & (layer.weights != 0))),
    }


def grid_scale(weights: np.ndarray, others: np.ndarray, bits: int) -> float | None:
    """Return the scale that gives weights exactly, if they are multiples of one number, as weights quantised before are.

    Parameters
    ----------
    weights : ndarray of float
    others : ndarray of float
        Numbers that should be multiples too: with several scales for the weights, the largest that suits these is best,
        and where none does, the smallest rounds them least.
    bits : int
        Of a weight.
    """
    magnitudes = np.unique(np.abs(weights[weights != 0]))
    if not len(magnitudes):
        return None
    steps = (float(magnitudes[0]) / count for count in range(1, largest_weight(bits) + 1))
    fitting = [
        step for step in steps if round(magnitudes[-1] / step) <= largest_weight(bits) and _are_multiples(magnitudes, step)
    ]
    exact = [step for step in fitting if _are_multiples(others, step)]
    return (exact[:1] or fitting[-1:] or [None])[0]


def _are_multiples(values: np.ndarray, step: float) -> bool:
    ratios = values / step
    return bool((np.abs(ratios - np.rint(ratios)) <= GRID_TOLERANCE * np.abs(ratios)).all())
