"""From float weights to whole numbers, with one scale per layer, for layers that were trained elsewhere."""

from fractions import Fraction
from typing import Any

import numpy as np
import torch

from firstspike_spec import InputError, Layer, UserError
from firstspike_spec.common.text import quoted

from ..layers.quantisation import best_scale, largest_weight
from .weight_entries import DenseLayer

#: Weights count as multiples of a number if they are this close to multiples, relative to their size.
GRID_TOLERANCE = 1e-6

#: The largest potential of the hardware.
MAX_WHOLE = (1 << 31) - 1

#: Whole numbers below ``EXACT`` are exact in float64. Magnitudes below ``SMALLEST`` are rounded more than others, or become 0
#: if a library has set the processor so.
EXACT, SMALLEST = 1 << 53, float(np.finfo(np.float64).tiny)


def quantise_layer(
    layer: DenseLayer, threshold: float, weight_bits: int, *, outputs: bool = False
) -> tuple[Layer, dict[str, Any]]:
    """Return the layer in whole numbers, and how this changed it, in the unit of the given weights.

    Weights are divided by one scale ``s`` and rounded. A neuron with bias ``b`` spikes when the sum ``n s`` of its received
    weights reaches ``theta - b``. As ``n`` is a whole number, that is when ``n >= ceil((theta - b) / s)``. The integer
    threshold is ``ceil(theta / s)``, and each neuron's initial potential makes up the difference. So with weights that are
    multiples of ``s``, every spike stays the same, whatever the threshold and biases are.

    Potentials also decide between outputs. The integer potentials are the float ones divided by ``s``, less a fraction of 1 if
    a bias is not a multiple of ``s``. If all outputs lose the same fraction, their order does not change. Otherwise two
    outputs with equal potentials may have differed before, by at most ``tie_error``.

    Parameters
    ----------
    layer : DenseLayer
    threshold : float
    weight_bits : int
    outputs : bool
        Whether the layer is the last one, whose potentials decide too.

    Returns
    -------
    layer : Layer
    changes : dict
        ``name``, ``sources``, ``neurons``, ``entries``; ``scale``, ``threshold`` and ``integer_threshold``; ``weights`` (the
        number of weights other than 0), ``weights_to_zero``, ``largest_weight``, ``largest_weight_error``; for outputs
        ``tie_error``; and ``exact``: whether spikes and the order of outputs are the same for every input, in float64.

    Raises
    ------
    InputError
        If the weights are so small beside the threshold or a bias that no potential could hold it.
    """
    extreme, largest_other = float(np.abs(layer.weights).max()), max(float(np.abs(layer.biases).max()), threshold)
    too_small = InputError(
        f"layer {quoted(layer.name)}: its weights, of magnitude {extreme:g} at most, are too small beside the threshold "
        f"{threshold:g} or its biases, of magnitude {np.abs(layer.biases).max():g} at most; scale them to each other"
    )
    if 0 < extreme * MAX_WHOLE < largest_other:
        raise too_small
    # With weights of magnitude about 1, no square in the search for a scale overflows. Division by a power of two rounds
    # only numbers far smaller than the largest weight.
    unit = float(2.0 ** np.frexp(extreme)[1])
    weights, biases = layer.weights / unit, layer.biases / unit
    threshold_in_units = max(threshold / unit, SMALLEST)
    lossless = (
        _is_lossless(weights, layer.weights, unit)
        and _is_lossless(biases, layer.biases, unit)
        and _is_lossless(np.array(threshold_in_units), np.array(threshold, np.float64), unit)
    )
    grid = grid_scale(weights, np.append(biases, threshold_in_units), weight_bits)
    scale = best_scale(torch.from_numpy(weights), weight_bits) if grid is None else grid
    largest = largest_weight(weight_bits)
    integers = np.clip(np.rint(weights / scale), -largest, largest)
    exact = lossless and is_exact(integers, weights, scale)
    # Multiples that floats have rounded may lie just below a whole number, or just above.
    tolerance = 0.0 if exact or grid is None else GRID_TOLERANCE
    whole_threshold = float(_least(threshold_in_units, np.zeros(1), scale, tolerance)[0])
    initial_potentials = whole_threshold - _least(threshold_in_units, biases, scale, tolerance)
    if not max(np.abs(initial_potentials).max(), whole_threshold) <= MAX_WHOLE:
        raise too_small
    try:
        whole = Layer.from_dense(
            integers.astype(np.int32), initial_potentials.astype(np.int64), int(whole_threshold), weight_bits
        )
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
        tie_error = _spread(biases, initial_potentials, scale)
        changes["tie_error"] = float(tie_error) * unit
        exact = exact and tie_error == 0
    return whole, changes | {"exact": exact}


def _is_lossless(divided: np.ndarray, given: np.ndarray, unit: float) -> bool:
    """Return whether the division of numbers by ``unit``, a power of two, rounded none of them."""
    zero = given.view(np.int64) << 1 == 0  # by its bits, without the sign
    return bool(np.all((divided * unit == given) & (zero | (np.abs(given) >= SMALLEST))))


def _least(threshold: float, biases: np.ndarray, scale: float, tolerance: float) -> np.ndarray:
    """Return the least whole ``n`` with ``bias + n * scale >= threshold`` in float64, for each bias."""
    # The tolerance is at most a quarter of a step, or a threshold of many steps would become one too low.
    threshold = threshold - np.minimum(tolerance * np.maximum(threshold, np.abs(biases)), scale / 4)
    numbers = np.ceil((threshold - biases) / scale)
    numbers -= biases + (numbers - 1) * scale >= threshold  # the quotient was rounded; this is what neurons compute
    numbers += biases + numbers * scale < threshold
    return numbers


def is_exact(integers: np.ndarray, weights: np.ndarray, scale: float) -> bool:
    """Return whether the whole numbers times the scale are exactly the weights, and float64 never rounds a sum of them."""
    largest_sum = int(np.abs(integers).sum(axis=1).max())
    return largest_sum * Fraction(scale).numerator < EXACT and bool((integers * scale == weights).all())


def _spread(biases: np.ndarray, initial_potentials: np.ndarray, scale: float) -> Fraction:
    """Return the largest difference between what two biases have lost by rounding."""
    step = Fraction(scale)
    lost = [
        Fraction(bias) - int(potential) * step
        for bias, potential in zip(biases.tolist(), initial_potentials.tolist(), strict=True)
    ]
    return max(lost) - min(lost)


def grid_scale(weights: np.ndarray, others: np.ndarray, bits: int) -> float | None:
    """Return the scale of weights that are multiples of one number, as quantised weights are; else ``None``.

    Parameters
    ----------
    weights : ndarray of float
    others : ndarray of float
        Biases and threshold, which should be multiples too. If several scales fit the weights, it is the largest that also
        fits these, or else the smallest, which rounds them least. Scales whose multiples floats hold exactly come first.
    bits : int
        Width of a weight.
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
    return next(iter(suitable[:1] or exact[-1:] or fitting[-1:]), None)


def _are_multiples(values: np.ndarray, step: float) -> bool:
    ratios = values / step
    return bool((np.abs(ratios - np.rint(ratios)) <= GRID_TOLERANCE * np.abs(ratios)).all())
