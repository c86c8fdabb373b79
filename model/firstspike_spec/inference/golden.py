"""The golden model in numpy: the exact definition of an inference.

A neuron adds the weights of its sources as they spike. At the end of each step it spikes if its potential has reached the
threshold and it has not spiked before. There is no leak and no reset, so the potential after step ``t`` is the initial
potential plus the weights of all sources that have spiked by then.
"""

import numpy as np

from ..common.errors import InputError, InputTypeError
from ..layered.network import LayeredNetwork
from ..network.encoder import SPIKE_TIME_TYPE
from ..network.layer import EXACT_IN_FLOAT32, Layer
from ..network.network import Network, check_network
from .decision import decide
from .inference import Inference
from .layered import count_layered_operations, infer_layered

#: Most images that are processed together; this bounds the memory that a large batch takes.
CHUNK = 2000

#: Most numbers of a layer that are held at once: spikes at taps, and the values of each neuron.
CHUNK_NUMBERS = 1 << 25


def infer(network: Network | LayeredNetwork, images: np.ndarray, *, early_exit: bool = True) -> Inference:
    """Run a network on a batch of images.

    Parameters
    ----------
    network : Network or LayeredNetwork
    images : ndarray of uint8, shape (batch, \\*input_shape) or (batch, inputs)
    early_exit : bool
        End each inference after the first step in which an output spikes. Layered networks have no early exit: they always
        give all results.

    Returns
    -------
    Inference

    Raises
    ------
    InputTypeError, InputError
        If the images are not ``uint8`` or of another shape.
    """
    check_any_network(network)
    return infer_spikes(network, network.spike_times(images), early_exit=early_exit)


def infer_spikes(network: Network | LayeredNetwork, spike_times: np.ndarray, *, early_exit: bool = True) -> Inference:
    """Run a network on a batch of input spike times, as `infer` does on images.

    Parameters
    ----------
    network : Network or LayeredNetwork
    spike_times : ndarray of int16, shape (batch, inputs)
        Steps ``0 .. T - 1``, or ``T`` for no spike.
    early_exit : bool
        End each inference after the first step in which an output spikes. Layered networks have no early exit: they always
        give all results.

    Returns
    -------
    Inference

    Raises
    ------
    InputTypeError, InputError
        As `check_spike_times` does.
    """
    check_spike_times(network, spike_times)
    if isinstance(network, LayeredNetwork):
        return infer_layered(network, spike_times)
    most = max(layer.maps.positions * (layer.maps.taps + 4 * layer.channels) for layer in network.layers)
    chunk = max(1, min(CHUNK, CHUNK_NUMBERS // most))
    chunks = [
        _infer_chunk(network, spike_times[first : first + chunk], early_exit)
        for first in range(0, max(len(spike_times), 1), chunk)
    ]
    return Inference(
        time_steps=network.time_steps,
        spike_times=tuple(map(np.concatenate, zip(*(chunk.spike_times for chunk in chunks), strict=True))),
        potentials=tuple(map(np.concatenate, zip(*(chunk.potentials for chunk in chunks), strict=True))),
        **{
            name: np.concatenate([getattr(chunk, name) for chunk in chunks])
            for name in ("classes", "decision_steps", "spikes", "synaptic_operations")
        },
    )


def check_spike_times(network: Network | LayeredNetwork, spike_times: np.ndarray) -> None:
    """Raise an error unless ``spike_times`` are possible input spike times of a network.

    Raises
    ------
    InputTypeError, InputError
        If they are of another type than int16, of another shape than (batch, inputs), or out of ``0 .. T``.
    """
    check_any_network(network)
    if not isinstance(spike_times, np.ndarray) or spike_times.dtype != SPIKE_TIME_TYPE:
        kind = getattr(spike_times, "dtype", type(spike_times).__name__)
        raise InputTypeError(f"spike times must be an array of int16, not of {kind}")
    if spike_times.ndim != 2 or spike_times.shape[1] != network.inputs:
        raise InputError(f"spike times must have the shape (batch, {network.inputs}), not {spike_times.shape}")
    steps = network.input_time_steps
    if spike_times.size and not (spike_times.min() >= 0 and spike_times.max() <= steps):
        raise InputError(
            f"spike times must be in 0 .. {steps} ({steps} for no spike), not {spike_times.min()} .. {spike_times.max()}"
        )


def check_any_network(value: object) -> None:
    """Raise `InputTypeError` unless ``value`` is a network of either kind."""
    if not isinstance(value, LayeredNetwork):
        check_network(value)


def _infer_chunk(network: Network, spike_times: np.ndarray, early_exit: bool) -> Inference:
    times, potentials = _propagate(network, spike_times)
    decision_steps = np.minimum(times[-1].min(axis=1), network.time_steps - 1).astype(SPIKE_TIME_TYPE)
    if early_exit:
        # Stopping after step d is the same as sending no spike later than d: potentials stay, so no neuron spikes later.
        kept = np.where(spike_times <= decision_steps[:, None], spike_times, network.time_steps)
        times, potentials = _propagate(network, kept.astype(SPIKE_TIME_TYPE))
    fired = [layer_times < network.time_steps for layer_times in times]
    return Inference(
        time_steps=network.time_steps,
        spike_times=times,
        potentials=potentials,
        classes=decide(times[-1], potentials[-1]),
        decision_steps=decision_steps,
        spikes=sum(layer_fired.sum(axis=1) for layer_fired in fired),
        synaptic_operations=count_operations(network, times),
    )


def count_operations(network: Network | LayeredNetwork, spike_times: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the number of weights that each image's spikes add to potentials.

    Parameters
    ----------
    network : Network
    spike_times : tuple of ndarray of int16
        Of the inputs, then of each layer; each of shape (batch, neurons).

    Returns
    -------
    ndarray of int64, shape (batch,)
    """
    if isinstance(network, LayeredNetwork):
        return count_layered_operations(network, spike_times)
    counts = (layer.operations for layer in network.layers)
    return sum((times < network.time_steps) @ count for times, count in zip(spike_times[:-1], counts, strict=True))


def _propagate(network: Network, spike_times: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the spike times of the inputs and each layer, and the potentials of each layer."""
    times, potentials = [spike_times], []
    for layer in network.layers:
        layer_times, layer_potentials = _run_layer(layer, times[-1], network.time_steps)
        times.append(layer_times)
        potentials.append(layer_potentials)
    return tuple(times), tuple(potentials)


def _run_layer(layer: Layer, source_times: np.ndarray, time_steps: int) -> tuple[np.ndarray, np.ndarray]:
    weights = layer.dense().T
    number = np.float32 if layer.largest_sum < EXACT_IN_FLOAT32 else np.float64
    weights = weights.astype(number)

    potential = np.tile(layer.neuron_initial_potentials.astype(number), (len(source_times), 1))
    times = np.full(potential.shape, time_steps, SPIKE_TIME_TYPE)
    final = np.empty(potential.shape, np.int32)
    for step in range(time_steps):
        potential += sums(layer, (source_times == step).astype(number), weights)
        fires = (potential >= layer.threshold) & (times == time_steps)
        times[fires] = step
        final[fires] = potential[fires]
    silent = times == time_steps
    final[silent] = potential[silent]
    return times, final


def sums(layer: Layer, spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what spikes, shape (batch, sources), add to the potentials, shape (batch, targets)."""
    windows = layer.maps.windows(spikes).reshape(-1, layer.maps.taps)
    sums = (windows @ weights).reshape(len(spikes), layer.maps.positions, layer.channels)
    return sums.transpose(0, 2, 1).reshape(len(spikes), layer.targets)
