"""One scale for a layer that was trained elsewhere: float weights to whole numbers."""

from fractions import Fraction
from typing import Any

import numpy as np
import torch

from firstspike_spec import InputError, Layer, UserError
from firstspike_spec.common.text import quoted

from ..layers.quantisation import best_scale, largest_weight
from .weight_entries import DenseLayer

#: Weights that are this near to multiples of one number, relative to their size, are taken for multiples of it.
GRID_TOLERANCE = 1e-6

#: Larger whole numbers are no potentials of the hardware.
MAX_WHOLE = (1 << 31) - 1

#: Whole numbers below it are exact in float64. Numbers of a magnitude below the smallest one are rounded more than others, or
#: even taken for 0, where a library has told the processor to.
EXACT, SMALLEST = 1 << 53, float(np.finfo(np.float64).tiny)


def quantise_layer(
    layer: DenseLayer, threshold: float, weight_bits: int, *, outputs: bool = False
) -> tuple[Layer, dict[str, Any]]:
    """Return the layer in whole numbers, and what that did to it, in the units that the weights came in.

    Weights are divided by one scale ``s`` and rounded. A neuron with bias ``b`` fires once the sum ``n s`` of the weights that
    it has received reaches ``theta - b``, and ``n`` is a whole number: that is, once ``n >= ceil((theta - b) / s)``. The whole
    threshold is ``ceil(theta / s)``, and the initial potential is what makes it so for the neuron. So with weights that are
    multiples of ``s``, every spike is the same as before, whatever threshold and biases are.

    Potentials also decide between outputs. Those of the whole numbers are the others, divided by ``s``, up to a fraction of 1
    that is lost where a bias is no multiple of ``s``. If all outputs lose the same, their order is the same; else two that
    are now equal may have been different, by ``tie_error`` at most.

    Parameters
    ----------
    layer : DenseLayer
    threshold : float
    weight_bits : int
    outputs : bool
        The layer's potentials decide, too.

    Returns
    -------
    layer : Layer
    changes : dict
        ``name``, ``sources``, ``neurons``, ``entries``; ``scale``, ``threshold`` and ``integer_threshold``; ``weights`` (those
        other than 0), ``weights_to_zero``, ``largest_weight``, ``largest_weight_error``; of outputs also ``tie_error``; and
        ``exact``: whether spikes, and the order of outputs, are the same on every input, in float64.

    Raises
    ------
    InputError
        If the weights are so small beside the threshold or a bias that no potential could hold these.
    """
    extreme, largest_other = float(np.abs(layer.weights).max()), max(float(np.abs(layer.biases).max()), threshold)
    too_small = InputError(
        f"layer {quoted(layer.name)}: its weights, of magnitude {extreme:g} at most, are too small beside the threshold "
        f"{threshold:g} or its biases, of magnitude {np.abs(layer.biases).max():g} at most; scale them to each other"
    )
    if 0 < extreme * MAX_WHOLE < largest_other:
        raise too_small
    # With weights of magnitude about 1, no square in the search for a scale overflows. A power of two rounds nothing, but
    # numbers far smaller than the largest weight.
    unit = float(2.0 ** np.frexp(extreme)[1])
    weights, biases = layer.weights / unit, layer.biases / unit
    threshold_in_units = max(threshold / unit, SMALLEST)
    given, divided = (layer.weights, layer.biases, threshold), (weights, biases, threshold_in_units)
    lossless = all(_is_lossless(part, whole, unit) for part, whole in zip(divided, given, strict=True))
    grid = grid_scale(weights, np.append(biases, threshold_in_units), weight_bits)
    scale = best_scale(torch.from_numpy(weights), weight_bits) if grid is None else grid
    largest = largest_weight(weight_bits)
    integers = np.clip(np.rint(weights / scale), -largest, largest)
    exact = lossless and is_exact(integers, weights, scale)
    # What rounding of floats has made of multiples may be below a whole number, or above.
    tolerance = 0.0 if exact or grid is None else GRID_TOLERANCE
    whole_threshold = float(_least(threshold_in_units, np.zeros(1), scale, tolerance)[0])
    starts = whole_threshold - _least(threshold_in_units, biases, scale, tolerance)
    if not max(np.abs(starts).max(), whole_threshold) <= MAX_WHOLE:
        raise too_small
    try:
        whole = Layer.from_dense(integers.astype(np.int32), starts.astype(np.int64), int(whole_threshold), weight_bits)
    except UserError as error:
        raise InputError(f"layer {quoted(layer.name)}: {error}") from error
    changes = {
        "name": layer.name,
        "entries": list(layer.entries),
        "sources": whole.sources,
        "neurons": whole.targets,
        "scale": scale * unit,
        "threshold": threshold,
        "integer_threshold": whole.threshold,
        "largest_weight": extreme,
        "largest_weight_error": float(np.abs(integers * scale - weights).max()) * unit,
        "weights": int(np.count_nonzero(layer.weights)),
        "weights_to_zero": int(np.count_nonzero((integers == 0) & (layer.weights != 0))),
    }
    if outputs:
        tie_error = _spread(biases, starts, scale)
        changes["tie_error"] = float(tie_error) * unit
        exact = exact and tie_error == 0
    return whole, changes | {"exact": exact}


def _is_lossless(divided: np.ndarray | float, given: np.ndarray | float, unit: float) -> bool:
    """Return whether nothing of some numbers was lost when they were divided by a power of two."""
    given = np.asarray(given)
    zero = given.view(np.int64) << 1 == 0  # by its bits, without the sign
    return bool(np.all((divided * unit == given) & (zero | (np.abs(given) >= SMALLEST))))


def _least(threshold: float, biases: np.ndarray, scale: float, tolerance: float) -> np.ndarray:
    """Return the least whole ``n`` with ``bias + n * scale >= threshold`` in float64, for each bias."""
    # No more than a quarter of a step is forgiven, or the threshold of many steps would be one too low.
    threshold = threshold - np.minimum(tolerance * np.maximum(threshold, np.abs(biases)), scale / 4)
    numbers = np.ceil((threshold - biases) / scale)
    numbers -= biases + (numbers - 1) * scale >= threshold  # the quotient was rounded; this is what neurons compare
    numbers += biases + numbers * scale < threshold
    return numbers


def is_exact(integers: np.ndarray, weights: np.ndarray, scale: float) -> bool:
    """Return whether whole numbers times the scale are the weights, and no sum of them is ever rounded in float64."""
    largest_sum = int(np.abs(integers).sum(axis=1).max())
    return largest_sum * Fraction(scale).numerator < EXACT and bool((integers * scale == weights).all())


def _spread(biases: np.ndarray, starts: np.ndarray, scale: float) -> Fraction:
    """Return by how much more one bias has lost than another."""
    step = Fraction(scale)
    lost = [Fraction(bias) - int(start) * step for bias, start in zip(biases.tolist(), starts.tolist(), strict=True)]
    return max(lost) - min(lost)


def grid_scale(weights: np.ndarray, others: np.ndarray, bits: int) -> float | None:
    """Return the scale that gives weights exactly, if they are multiples of one number, as weights quantised before are.

    Parameters
    ----------
    weights : ndarray of float
    others : ndarray of float
        Numbers that should be multiples too: with several scales for the weights, the largest that suits these is best,
        and where none does, the smallest rounds them least. Of either kind, those are better that floats hold exactly.
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
    exact = [step for step in fitting if is_exact(np.rint(magnitudes / step)[None], magnitudes[None], step)]
    suitable = [step for step in exact + fitting if _are_multiples(others, step)]
    return (suitable[:1] or exact[-1:] or fitting[-1:] or [None])[0]


def _are_multiples(values: np.ndarray, step: float) -> bool:
    ratios = values / step
    return bool((np.abs(ratios - np.rint(ratios)) <= GRID_TOLERANCE * np.abs(ratios)).all())
