"""From a trained classifier to the network that golden model, compiler and hardware share."""

from typing import Any

import numpy as np
import torch

from firstspike_spec import InputError, LatencyEncoder, Layer, Network

from .classifier import FirstSpikeClassifier


@torch.no_grad()
def to_network(
    classifier: FirstSpikeClassifier, encoder: LatencyEncoder, input_shape: tuple[int, ...], lowering: int = 0, **facts: Any
) -> Network:
    """Return the network of whole numbers that the classifier's quantised forward pass computes.

    Parameters
    ----------
    classifier : FirstSpikeClassifier
        With a scale in each layer.
    encoder : LatencyEncoder
    input_shape : tuple of int
    lowering : int
        Subtracted from the initial potentials of the outputs (`firstspike_model.calibration.output_threshold`).
    **facts
        Class names and provenance.

    Returns
    -------
    Network
        With all neurons, also dead ones; `firstspike_spec.remove_dead_neurons` removes those.

    Raises
    ------
    InputError
        If a layer is not quantised.
    """
    layers = []
    for number, layer in enumerate(classifier.layers):
        if layer.scale is None:
            raise InputError(f"layer {number} is not quantised; call its fit_scale() first, and train on")
        weights = layer.integer_weights().cpu().numpy().astype(np.int32)
        initial_potentials = layer.integer_initial_potentials().cpu().numpy().astype(np.int64)
        if layer is classifier.layers[-1]:
            initial_potentials -= lowering
        layers.append(
            Layer.from_dense(weights, initial_potentials, layer.integer_threshold, layer.weight_bits, maps=layer.maps)
        )
    return Network(encoder, tuple(layers), input_shape, **facts)
