"""From float weights that were trained elsewhere to a network of whole numbers, with a measure of the loss."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from firstspike_spec import Dataset, InputError, LatencyEncoder, Network, infer, profile, remove_dead_neurons
from firstspike_spec.common.checks import whole_number
from firstspike_spec.common.text import quoted
from firstspike_spec.datasets import fit_dataset

from ..calibration.held_back import held_back_images
from ..calibration.output_threshold import Target
from ..calibration.recalibration import recalibrate
from ..inference.provenance import test_facts, versions
from .dense_quantisation import quantise_layer
from .float_network import infer_float
from .weight_entries import MAX_MAGNITUDE, DenseLayer
from .weight_files import WeightFile

#: Accuracy that calibration may lose for earlier decisions.
DECISION_TOLERANCE = 0.001


def import_weights(
    source: WeightFile,
    thresholds: Sequence[float],
    encoder: LatencyEncoder,
    *,
    weight_bits: int = 4,
    input_shape: Sequence[int] | None = None,
    class_names: Sequence[str] = (),
    training: Dataset | None = None,
    test: Dataset | None = None,
) -> Network:
    """Quantise float weights, with one scale for the weights, biases and threshold of each layer, and measure the result.

    Parameters
    ----------
    source : WeightFile
    thresholds : sequence of float
        One for all layers, or one for each; above 0.
    encoder : LatencyEncoder
    weight_bits : int
        2 .. 8.
    input_shape : sequence of int, optional
        By default that of the data set's images, or (inputs,).
    class_names : sequence of str, optional
        By default those of the data set, if their number is that of the outputs.
    training : Dataset, optional
        If given, its last images (a sixth of it, at most 5,000) serve for calibration: the initial potentials of the outputs
        are moved so that these images are classified well and early (`firstspike_model.calibration.output_threshold`). The
        activity that they cause is measured too.
    test : Dataset, optional
        If given, the accuracy of the float network and of the integer network is measured on it.

    Returns
    -------
    Network
        Without dead neurons. Its provenance holds ``source``, ``source_sha256``, ``settings``, ``layers`` (what
        quantisation did to each: `quantise_layer`), ``entries_left_out`` (their names), ``exact`` (whether every image gets
        the same class at the same step as in the float network), ``largest_weight_error``, ``weights_to_zero``,
        ``connectivity_as_imported``, ``connectivity`` (without dead neurons), ``warnings`` (a list of messages) and
        ``versions``. With test images also ``dataset``, ``float_accuracy`` and ``test_accuracy`` (shares of the images, by
        first spike with early exit), ``same_class`` (share of the images to which both networks give the same class),
        ``test_images``, ``float_mean_decision_step``, ``mean_decision_step`` and ``mean_synaptic_operations``; with training
        images also ``calibration``.

    Raises
    ------
    InputTypeError, InputError
        If a setting is out of range, or the parts do not fit together.
    """
    weight_bits = whole_number(weight_bits, "weight_bits", 2, 8)
    thresholds = _one_each(thresholds, source.layers)
    datasets = [dataset for dataset in (training, test) if dataset is not None]
    names = tuple(class_names)
    if not names and datasets and len(datasets[0].class_names) == len(source.layers[-1].biases):
        names = datasets[0].class_names
    shape_is_known = input_shape is not None or bool(datasets)
    if input_shape is None:
        input_shape = datasets[0].images.shape[1:] if datasets else (source.layers[0].weights.shape[1],)
    last = len(source.layers) - 1
    parts = [
        quantise_layer(layer, threshold, weight_bits, outputs=number == last)
        for number, (layer, threshold) in enumerate(zip(source.layers, thresholds, strict=True))
    ]
    full = Network(encoder, tuple(layer for layer, _ in parts), tuple(input_shape), names)
    notes: list[str] = []
    training, test = (dataset and fit_dataset(dataset, full, notes.append) for dataset in (training, test))

    facts: dict[str, Any] = {}
    if training is not None:
        full, facts["calibration"] = calibrated(full, training)
    network = remove_dead_neurons(full)
    if training is not None:
        network = profile(network, held_back_images(network, training).images)
    if test is not None:
        facts |= _measured(source.layers, thresholds, network, test)
    changes = [changes for _, changes in parts]
    settings = {
        "thresholds": thresholds,
        "weight_bits": weight_bits,
        "transposed": source.transposed,
        "under": source.under,
        "calibrated": training is not None,
    }
    moved = "calibration" in facts and facts["calibration"]["lowering"] != 0
    shape_warnings = [] if shape_is_known else [_shape_warning(network.inputs)]
    return replace(
        network,
        provenance={
            "source": source.name,
            "source_sha256": source.sha256,
            "settings": settings,
            "layers": changes,
            "entries_left_out": list(source.left_out),
            "exact": all(change["exact"] for change in changes) and not moved,
            "largest_weight_error": max(change["largest_weight_error"] for change in changes),
            "weights_to_zero": sum(change["weights_to_zero"] for change in changes),
            **facts,
            "connectivity_as_imported": full.connectivity,
            "connectivity": network.connectivity,
            "warnings": [*source.warnings, *dict.fromkeys(notes), *_warnings(full, network, changes), *shape_warnings],
            "versions": versions(),
        },
    )


def _one_each(thresholds: Sequence[float], layers: Sequence[DenseLayer]) -> list[float]:
    if len(thresholds) not in (1, len(layers)):
        raise InputError(
            f"there are {len(thresholds)} thresholds for {len(layers)} layers; give one for all layers, or one for each"
        )
    for threshold in thresholds:
        if not 0 < threshold <= MAX_MAGNITUDE:
            raise InputError(f"a threshold must be above 0 and at most {MAX_MAGNITUDE:g}, not {threshold}")
    return [float(threshold) for threshold in thresholds] * (len(layers) // len(thresholds))


def _warnings(full: Network, network: Network, changes: Sequence[dict[str, Any]]) -> list[str]:
    """Return warnings of unlikely behaviour of a network; ``full`` is the network before its dead neurons were removed."""
    found = [] if network.outputs > 1 else ["the network has one output, so every image gets the same class"]
    if not full.synapses:
        return [*found, "the network has no connections: all weights are 0 or became 0, and no image changes the class"]
    for number, (before, layer, change) in enumerate(zip(full.layers, network.layers, changes, strict=True)):
        name, is_last = quoted(change["name"]), number == len(changes) - 1
        if not before.synapses:
            found.append(f"layer {name} has no connections: all of its weights are 0 or became 0")
        elif change["weights_to_zero"] * 2 > change["weights"]:
            found.append(
                f"layer {name}: {change['weights_to_zero']:,} of {change['weights']:,} weights became 0; "
                "more --weight-bits keep more"
            )
        if (layer.potential_range[1] < 0).all():
            result = ", and the class is always that with the largest potential after the last step" if is_last else ""
            found.append(f"no neuron of layer {name} can ever reach its threshold{result}; lower --threshold for it")
    return found


def _shape_warning(inputs: int) -> str:
    side = math.isqrt(inputs)
    rows, columns = (side, side) if side * side == inputs else ("ROWS", "COLUMNS")
    return (
        f"no shape of an image was given, so the network takes arrays of the shape (batch, {inputs}) only; for pictures of "
        f"{rows} by {columns} give --input-shape {rows},{columns}, and for such arrays --input-shape {inputs}"
    )


def calibrated(network: Network, training: Dataset) -> tuple[Network, dict[str, Any]]:
    """Return the network with the initial potentials of all outputs moved by one number, and the figures of this change.

    Raises
    ------
    InputError
        If there are fewer than 6 training images.
    """
    held_back = held_back_images(network, training)
    before = infer(network, held_back.images).classes
    changed, chosen = recalibrate(network, held_back.images, held_back.labels, Target(DECISION_TOLERANCE), encoder=False)
    return changed, {
        "lowering": chosen.lowering,
        "validation_images": len(held_back.images),
        "validation_accuracy": chosen.accuracy,
        "validation_accuracy_before": float((before == held_back.labels).mean()),
    }


def _measured(layers: Sequence[DenseLayer], thresholds: Sequence[float], network: Network, test: Dataset) -> dict[str, Any]:
    before = infer_float(layers, thresholds, network.spike_times(test.images), network.time_steps)
    after = infer(network, test.images)
    return {
        "dataset": test.name,
        "float_accuracy": float((before.classes == test.labels).mean()),
        "float_mean_decision_step": float(before.decision_steps.mean()),
        "same_class": float((before.classes == after.classes).mean()),
        **test_facts(after, test),
    }
