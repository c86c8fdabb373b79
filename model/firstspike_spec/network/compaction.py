"""Removal of a step-by-step network's dead neurons: those that never fire, and those whose spike no other neuron receives."""

from dataclasses import replace

import numpy as np

from .layer import Layer
from .network import Network


def without_dead_neurons(network: Network) -> Network:
    """Return a network without its dead neurons; `firstspike_spec.remove_dead_neurons` says which these are.

    A neuron cannot fire if its threshold is above the sum of its initial potential and its positive weights. Removing one
    neuron can make others dead, so this is repeated until there are none.
    """
    layers = list(network.layers)
    changed = True
    while changed:
        changed = False
        for index in range(len(layers) - 1):
            layer, reader = layers[index], layers[index + 1]
            _, high = layer.potential_range
            of_neurons = (high >= 0) & (reader.operations > 0)
            alive = np.asarray(of_neurons.reshape(layer.channels, -1).any(axis=1))
            if alive.all() or (len(alive) == 1):
                continue
            if not alive.any():
                alive[0] = True
            layers[index] = _select(layer, channels=alive)
            layers[index + 1] = _select(reader, sources=alive.repeat(layer.maps.positions))
            changed = True
    return replace(network, layers=tuple(layers))


def _select(layer: Layer, *, sources: np.ndarray | None = None, channels: np.ndarray | None = None) -> Layer:
    """Return the layer with only the chosen sources or target channels, and with potentials as wide as it needs.

    With maps, sources are chosen by whole channels.
    """
    weights, initial_potentials, activity, maps = layer.dense(), layer.initial_potentials, layer.activity, layer.maps
    if sources is not None:
        chosen = np.asarray(sources.reshape(maps.channels, -1).all(axis=1))
        maps = maps.of_channels(chosen)
        weights = weights[:, chosen.repeat(layer.maps.taps // layer.maps.channels)]
        activity = None if activity is None else activity[sources]
    if channels is not None:
        weights, initial_potentials = weights[channels], initial_potentials[channels]
    return Layer.from_dense(weights, initial_potentials, layer.threshold, layer.weight_bits, activity=activity, maps=maps)
