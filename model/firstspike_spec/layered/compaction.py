"""Removal of dead neurons from networks of either kind."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from ..network.compaction import without_dead_neurons
from ..network.network import Network, check_network
from .layer import LayeredLayer
from .network import LayeredNetwork
from .projection import Projection


@overload
def remove_dead_neurons(network: Network) -> Network: ...


@overload
def remove_dead_neurons(network: LayeredNetwork) -> LayeredNetwork: ...


def remove_dead_neurons(network: Network | LayeredNetwork) -> Network | LayeredNetwork:
    """Return the network without hidden neurons that cannot fire or that have no connection to a later layer.

    No class, latency or output potential changes on any input. Each hidden layer keeps at least one neuron, and the output
    layer keeps all of them. In a convolution, only whole channels are removed.

    Raises
    ------
    InputTypeError
        If ``network`` is none.
    """
    if isinstance(network, LayeredNetwork):
        return _without_dead_channels(network)
    check_network(network)
    return without_dead_neurons(network)


def _without_dead_channels(network: LayeredNetwork) -> LayeredNetwork:
    """Return a layered network without its dead neurons.

    A neuron cannot fire if its last threshold, the lowest, is above its highest potential. Removing one channel can make
    others dead, so this is repeated until there are none.
    """
    layers: list[LayeredLayer] = list(network.layers)
    changed = True
    while changed:
        changed = False
        for index in range(len(layers) - 1):
            layer, source = layers[index], index + 1
            read = np.zeros(layer.spikes, bool)
            for later in layers[source:]:
                for part in later.projections:
                    if part.source == source:
                        read |= part.operations > 0
            of_spikes = read & _can_fire(layer, network.highest_values)
            alive = np.asarray(of_spikes.reshape(layer.channels, -1).any(axis=1))
            if alive.all() or len(alive) == 1:
                continue
            if not alive.any():
                alive[0] = True
            layers[index] = _with_targets(layer, alive)
            chosen = alive.repeat(layer.spikes // layer.channels)
            layers[source:] = [_with_sources(later, source, chosen) for later in layers[source:]]
            changed = True
    return replace(network, layers=tuple(layers))


def _can_fire(layer: LayeredLayer, highest: Sequence[int]) -> np.ndarray:
    """Return whether each spike of a layer, after max pooling, is possible: bool, shape (spikes,)."""
    reached = layer.potential_range(highest)[1] >= layer.thresholds[-1]
    channels, height, width = layer.spike_shape
    side = layer.max_pooling
    maps = reached.reshape(layer.target_shape)[:, : height * side, : width * side]
    possible: np.ndarray = maps.reshape(channels, height, side, width, side).any(axis=(2, 4)).reshape(-1)
    return possible


def _with_targets(layer: LayeredLayer, chosen: np.ndarray) -> LayeredLayer:
    """Return a layer with only the chosen target channels, and with potentials as wide as it needs."""
    projections = [
        Projection.from_dense(part.source, part.dense()[chosen], part.weight_bits, part.activity, part.maps)
        for part in layer.projections
    ]
    return LayeredLayer(projections, layer.initial_potentials[chosen], layer.thresholds, layer.max_pooling)


def _with_sources(layer: LayeredLayer, source: int, chosen: np.ndarray) -> LayeredLayer:
    """Return a layer of which the projections from a source have only the chosen sources, by whole channels."""
    if all(part.source != source for part in layer.projections):
        return layer
    projections = [_selected(part, chosen) if part.source == source else part for part in layer.projections]
    return replace(layer, projections=tuple(projections), potential_bits=None)


def _selected(part: Projection, chosen: np.ndarray) -> Projection:
    channels = np.asarray(chosen.reshape(part.maps.channels, -1).all(axis=1))
    weights = part.dense()[:, channels.repeat(part.maps.taps // part.maps.channels)]
    activity = None if part.activity is None else part.activity[chosen]
    return Projection.from_dense(part.source, weights, part.weight_bits, activity, part.maps.of_channels(channels))
