"""The golden model's dynamics with float weights, to measure what quantisation costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstspike_spec.network.encoder import SPIKE_TIME_TYPE

from .weight_entries import DenseLayer

#: Images, and potentials of one layer, that are computed at once: they limit the memory of a large batch.
CHUNK, CHUNK_POTENTIALS = 2000, 1 << 23


@dataclass(frozen=True, eq=False)
class FloatInference:
    """The results of a batch of inferences in float64.

    Attributes
    ----------
    spike_times : tuple of ndarray of int16, each of shape (batch, neurons)
        Of the inputs, then of each layer; ``T`` for no spike. All steps are run.
    classes : ndarray of int16, shape (batch,)
        By first spike; early exit would not change them.
    decision_steps : ndarray of int16, shape (batch,)
        The step of the first output spike, or ``T - 1`` if there was none.
    """

    spike_times: tuple[np.ndarray, ...]
    classes: np.ndarray
    decision_steps: np.ndarray


def infer_float(
    layers: Sequence[DenseLayer], thresholds: Sequence[float], spike_times: np.ndarray, time_steps: int
) -> FloatInference:
    """Run a network with float weights on a batch of input spike times, by the rules of `firstspike_spec.infer`.

    Parameters
    ----------
    layers : sequence of DenseLayer
        Their biases are the initial potentials.
    thresholds : sequence of float
        One for each layer.
    spike_times : ndarray of int16, shape (batch, inputs)
        Steps ``0 .. T - 1``, or ``T`` for no spike.
    time_steps : int
        ``T``.
    """
    widest = max(max(layer.weights.shape) for layer in layers)
    size = max(1, min(CHUNK, CHUNK_POTENTIALS // widest))
    chunks = [
        _infer_chunk(layers, thresholds, spike_times[first : first + size], time_steps)
        for first in range(0, max(len(spike_times), 1), size)
    ]
    times, classes, decision_steps = zip(*chunks, strict=True)
    joined = tuple(np.concatenate(parts) for parts in zip(*times, strict=True))
    return FloatInference(joined, np.concatenate(classes), np.concatenate(decision_steps))


def _infer_chunk(
    layers: Sequence[DenseLayer], thresholds: Sequence[float], spike_times: np.ndarray, time_steps: int
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    times = [spike_times]
    for layer, threshold in zip(layers, thresholds, strict=True):
        layer_times, potentials = _run_layer(layer, threshold, times[-1], time_steps)
        times.append(layer_times)
    first = times[-1].min(axis=1)
    earliest = times[-1] == first[:, None]  # all outputs, if none spiked
    classes = np.where(earliest, potentials, -np.inf).argmax(axis=1).astype(np.int16)
    return times, classes, np.minimum(first, time_steps - 1).astype(SPIKE_TIME_TYPE)


def _run_layer(
    layer: DenseLayer, threshold: float, source_times: np.ndarray, time_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spike times of the neurons, and their potentials at the spike or after the last step."""
    sums = np.zeros((len(source_times), len(layer.biases)))
    times = np.full(sums.shape, time_steps, SPIKE_TIME_TYPE)
    final = np.empty_like(sums)
    for step in range(time_steps):
        sums += (source_times == step).astype(np.float64) @ layer.weights.T
        potentials = sums + layer.biases  # added last: sums of weights that are multiples of one number stay exact
        fires = (potentials >= threshold) & (times == time_steps)
        times[fires] = step
        final[fires] = potentials[fires]
    silent = times == time_steps
    final[silent] = potentials[silent]
    return times, final
