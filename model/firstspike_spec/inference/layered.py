"""The golden model of layered networks in numpy.

A layer takes in all spikes of its sources, each worth its weight times what its step counts. Then each neuron spikes at the
first step whose threshold its potential reaches. So a layer is one matrix product and a few comparisons.
"""

import numpy as np

from ..layered.layer import LayeredLayer
from ..layered.network import LayeredNetwork
from ..network.encoder import SPIKE_TIME_TYPE
from ..network.layer import EXACT_IN_FLOAT32
from .decision import decide
from .inference import Inference

#: Most numbers of a layer that are held at once: values at taps, and the potentials of each neuron.
CHUNK_NUMBERS = 1 << 23

#: Most images that are processed together.
CHUNK = 2000


def infer_layered(network: LayeredNetwork, spike_times: np.ndarray) -> Inference:
    """Run a layered network on a batch of input spike times.

    Parameters
    ----------
    network : LayeredNetwork
    spike_times : ndarray of int16, shape (batch, inputs)
        Steps of the input's kernel, or their number for no spike.
    """
    most = max(
        part.maps.positions * (part.maps.taps + 4 * part.channels) for layer in network.layers for part in layer.projections
    )
    chunk = max(1, min(CHUNK, CHUNK_NUMBERS // most))
    layers = [_LayerArrays(layer, network.highest_values) for layer in network.layers]
    chunks = [
        _infer_chunk(network, layers, spike_times[first : first + chunk])
        for first in range(0, max(len(spike_times), 1), chunk)
    ]
    times, potentials = (tuple(map(np.concatenate, zip(*parts, strict=True))) for parts in zip(*chunks, strict=True))
    fired = [part < steps for part, steps in zip(times, _steps(network), strict=True)]
    return Inference(
        time_steps=network.time_steps,
        spike_times=times,
        potentials=potentials,
        classes=decide(times[-1], potentials[-1]),
        decision_steps=np.minimum(times[-1].min(axis=1), network.time_steps - 1).astype(SPIKE_TIME_TYPE),
        spikes=sum(part.sum(axis=1) for part in fired),
        synaptic_operations=count_layered_operations(network, times),
    )


def count_layered_operations(network: LayeredNetwork, spike_times: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the number of weights that each image's spikes add to potentials.

    Parameters
    ----------
    network : LayeredNetwork
    spike_times : tuple of ndarray of int16
        Of the inputs, then of each layer; each of shape (batch, sources).

    Returns
    -------
    ndarray of int64, shape (batch,)
    """
    steps = _steps(network)
    total = np.zeros(len(spike_times[0]), np.int64)
    for layer in network.layers:
        for part in layer.projections:
            total += (spike_times[part.source] < steps[part.source]) @ part.operations
    return total


def _steps(network: LayeredNetwork) -> list[int]:
    """Return the number of steps of the input's spikes, then of each layer's."""
    return [network.input_code.time_steps] + [network.time_steps] * len(network.layers)


class _LayerArrays:
    """A layer's weights as matrices of a type in which every partial sum is exact."""

    def __init__(self, layer: LayeredLayer, highest: list[int]):
        self.layer = layer
        exact = layer.largest_sum(highest) < EXACT_IN_FLOAT32
        self.number: type[np.floating] = np.float32 if exact else np.float64
        # A threshold that no potential reaches may as well be the least such one.
        highest_potential = int(layer.potential_range(highest)[1].max())
        self.thresholds = np.minimum(layer.thresholds, max(1, highest_potential + 1)).astype(self.number)
        self.used: list[np.ndarray | None] = []
        self.weights: list[np.ndarray] = []
        for part in layer.projections:
            weights = part.dense().T
            used = np.flatnonzero(weights.any(axis=1))
            self.used.append(None if len(used) == len(weights) else used)
            self.weights.append(np.ascontiguousarray(weights[used], self.number))
        self.initial_potentials = layer.initial_potentials.astype(self.number)

    def potentials(self, values: list[np.ndarray]) -> np.ndarray:
        """Return the potentials, shape (batch, positions, channels), from what each source's spikes count."""
        total: np.ndarray = self.initial_potentials
        for part, used, weights in zip(self.layer.projections, self.used, self.weights, strict=True):
            windows = part.maps.windows(values[part.source].astype(self.number))
            if used is not None:
                windows = windows[:, :, used]
            rows, columns = windows.shape[0] * windows.shape[1], self.layer.channels
            total = total + (windows.reshape(rows, len(weights)) @ weights).reshape(*windows.shape[:2], columns)
        return total


def _infer_chunk(
    network: LayeredNetwork, layers: list[_LayerArrays], spike_times: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the spike times of the inputs and each layer, and the potentials of each layer."""
    batch = len(spike_times)
    kernel, input_kernel = (np.append(table, 0).astype(np.float32) for table in (network.kernel, network.input_code.kernel))
    times, potentials, values = [spike_times], [], [input_kernel[spike_times]]
    for arrays in layers:
        layer = arrays.layer
        found = arrays.potentials(values).transpose(0, 2, 1)
        potentials.append(found.astype(np.int32).reshape(batch, layer.targets))
        earliest = _max_pooled(found.reshape(batch, *layer.target_shape), layer.max_pooling).reshape(batch, layer.spikes)
        steps = np.full(earliest.shape, network.time_steps, SPIKE_TIME_TYPE)
        for threshold in arrays.thresholds:
            steps -= earliest >= threshold
        times.append(steps)
        values.append(kernel[steps])
    return tuple(times), tuple(potentials)


def _max_pooled(maps: np.ndarray, side: int) -> np.ndarray:
    """Return the largest number of each square of a side; incomplete squares are dropped."""
    if side == 1:
        return maps
    batch, channels, height, width = maps.shape
    rows, columns = height // side, width // side
    squares = maps[:, :, : rows * side, : columns * side].reshape(batch, channels, rows, side, columns, side)
    return squares.max(axis=(3, 5))
