"""Random networks and input spikes, small and full of corner cases."""

from collections.abc import Sequence

import numpy as np

from firstspike_spec import LatencyEncoder, Layer, Network


def random_network(
    rng: np.random.Generator,
    inputs: int,
    neurons: Sequence[int],
    *,
    time_steps: int = 4,
    connectivity: float = 0.5,
    weight_bits: int = 4,
) -> Network:
    """Return a network whose neurons spike early, late and not at all, some of them from the start.

    A tenth of the sources of each layer have no row.
    """
    layers, sources = [], inputs
    for targets in neurons:
        half = 1 << (weight_bits - 1)
        weights = rng.integers(-half, half, (targets, sources))
        # More of the weights pull up than down, or the deeper layers would stay silent.
        weights = np.where(rng.random(weights.shape) < 0.3, np.abs(weights).clip(max=half - 1), weights)
        weights *= rng.random(weights.shape) < connectivity
        weights[:, rng.permutation(sources)[: max(1, sources // 10)]] = 0
        threshold = int(rng.integers(half, 2 * half))
        starts = rng.integers(-half, half, targets)
        if targets > 1:
            starts[rng.integers(targets)] = threshold + rng.integers(half)
        layers.append(Layer.from_dense(weights, starts, threshold, weight_bits))
        sources = targets
    return Network(LatencyEncoder.linear(time_steps), tuple(layers), (inputs,))


def dense_network(inputs: int, neurons: Sequence[int], *, weight_bits: int = 4) -> Network:
    """Return a network with every connection, into whose engine all random networks of these sizes fit."""
    layers, sources = [], inputs
    half = 1 << (weight_bits - 1)
    for targets in neurons:
        weights = np.full((targets, sources), -half)
        layers.append(Layer.from_dense(weights, np.full(targets, -half), 2 * half, weight_bits))
        sources = targets
    return Network(LatencyEncoder.linear(2), tuple(layers), (inputs,))


def extreme_network(rng: np.random.Generator, inputs: int, targets: int, *, weight_bits: int, potential_bits: int) -> Network:
    """Return a network of one layer whose neurons can reach both ends of the potential's width exactly.

    Neurons with an even number begin so that all their negative weights lead to the lowest potential, the others so that
    all positive ones lead to the highest. Weights are mostly the extreme ones.
    """
    half, end = 1 << (weight_bits - 1), 1 << (potential_bits - 1)
    weights = np.where(rng.random((targets, inputs)) < 0.5, -half, half - 1)
    threshold = 1
    lowest = -end - np.minimum(weights, 0).sum(axis=1)
    # The potential itself, with the threshold, must be a number of 32 bits too.
    highest = end - 1 - np.maximum(weights, 0).sum(axis=1) - (threshold if potential_bits == 32 else 0)
    starts = np.where(np.arange(targets) % 2 == 0, lowest, highest) + threshold
    layer = Layer.from_dense(weights, starts, threshold, weight_bits)
    if layer.potential_bits != potential_bits:
        raise ValueError(f"the network needs {layer.potential_bits} bits a potential, not {potential_bits}")
    return Network(LatencyEncoder.linear(4), (layer,), (inputs,))


def random_spike_times(rng: np.random.Generator, batch: int, network: Network) -> np.ndarray:
    """Return input spike times, int16: at first a silent image, a full one at step 0, and one at the last step.

    The others have from few to many spikes, in some of the steps only.
    """
    steps = network.time_steps
    times = np.full((batch, network.inputs), steps, np.int16)
    for image in range(3, batch):
        used = rng.permutation(steps)[: rng.integers(1, steps + 1)]
        spikes = rng.random(network.inputs) < rng.uniform(0.1, 1)
        times[image, spikes] = rng.choice(used, int(spikes.sum()))
    times[1:2], times[2:3] = 0, steps - 1
    return times


def one_sided_spike_times(network: Network) -> np.ndarray:
    """Return, for each neuron of the first layer, an image of its negative and one of its positive sources only."""
    weights = network.layers[0].dense()
    steps = network.time_steps
    order = np.arange(network.inputs) % steps
    return np.concatenate([np.where(weights < 0, order, steps), np.where(weights > 0, order, steps)]).astype(np.int16)
