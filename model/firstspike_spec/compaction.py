"""Removal of what cannot matter: neurons that never fire, and neurons whose spike nobody reads."""

from dataclasses import replace

import numpy as np

from .network import Layer, Network


def remove_dead_neurons(network: Network) -> Network:
    """Return the network without hidden neurons that cannot fire or that no later neuron reads.

    No class, latency or output potential changes on any input. A neuron cannot fire when its threshold is above the sum
    of its start potential and its positive weights. Removing one can make others unread, so this runs until nothing is
    left to remove; each hidden layer keeps at least one neuron, and the output layer all of its neurons.
    """
    layers = list(network.layers)
    changed = True
    while changed:
        changed = False
        for index in range(len(layers) - 1):
            reader = layers[index + 1]
            _, high = layers[index].potential_range
            alive = (high >= 0) & (reader.row_lengths > 0)
            if alive.all() or (len(alive) == 1):
                continue
            if not alive.any():
                alive[0] = True
            layers[index] = _select(layers[index], targets=alive)
            layers[index + 1] = _select(reader, sources=alive)
            changed = True
    return replace(network, layers=tuple(layers))


def _select(layer: Layer, *, sources: np.ndarray | None = None, targets: np.ndarray | None = None) -> Layer:
    """Return the layer with the chosen sources and targets only; potentials get the width they need."""
    weights, start_potentials, activity = layer.dense(), layer.start_potentials, layer.activity
    if sources is not None:
        weights = weights[:, sources]
        activity = None if activity is None else activity[sources]
    if targets is not None:
        weights, start_potentials = weights[targets], start_potentials[targets]
    return Layer.from_dense(weights, start_potentials, layer.threshold, layer.weight_bits, activity=activity)
