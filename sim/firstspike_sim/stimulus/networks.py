"""Random networks and input spikes, small and full of corner cases, and the shapes of engines that hold them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from firstspike_spec import LatencyEncoder, Layer, Maps, Network
from firstspike_spec.compiler.engine_shape import EngineShape
from firstspike_spec.compiler.plan import plan
from firstspike_spec.compiler.shapes import LayerShape, OutputShape, index_bits


def roomy_shape(
    inputs: int,
    neurons: Sequence[int],
    lanes: Sequence[int] = (),
    *,
    bank_lanes: int = 1,
    spikes_per_token: int = 1,
    queue_depth: int = 8,
    weight_bits: int = 4,
) -> EngineShape:
    """Return an engine with room for every random network of at most these sizes and 16 steps.

    Parameters
    ----------
    inputs : int
    neurons : sequence of int
        Of each layer, the output layer being the last one.
    lanes : sequence of int
        Of each hidden layer.
    bank_lanes, spikes_per_token, queue_depth, weight_bits : int
    """
    layers, sources, source_bits = [], inputs, index_bits(inputs + 1)
    for targets, count in zip(neurons[:-1], lanes, strict=True):
        room = -(-targets // count)
        entries, bits = (sources + 1) * room * bank_lanes, _potential_bits(sources, weight_bits)
        layers.append(LayerShape(source_bits, count, bank_lanes, room, entries, room, weight_bits, bits))
        sources, source_bits = targets, layers[-1].address_bits
    output = OutputShape(source_bits, neurons[-1], weight_bits, _potential_bits(sources, weight_bits))
    return EngineShape(tuple(layers), output, spikes_per_token, 16, queue_depth)


def shape_for(networks: Sequence[Network], lanes: int | Sequence[int], **options) -> EngineShape:
    """Return an engine that holds any of the networks and has a few unused places. All have the same number of layers.

    Parameters
    ----------
    networks : sequence of Network
    lanes, **options
        As for `firstspike_spec.compiler.plan.plan`.
    """
    return reduce(_for_both, (plan(network, lanes, **options) for network in networks))


def _for_both(one: EngineShape, two: EngineShape) -> EngineShape:
    layers, source_bits = [], max(one.source_bits, two.source_bits)
    for pair in zip(one.layers, two.layers, strict=True):
        layer, address_table = _larger(*pair), _larger(*(layer.address_table for layer in pair))
        address_table = address_table and replace(
            address_table, places=address_table.places + 1, row_bits=address_table.row_bits + 1
        )
        layers.append(
            replace(layer, address_table=address_table, source_bits=source_bits, lane_neurons=layer.lane_neurons + 1)
        )
        source_bits = layers[-1].address_bits
    output, address_table = _larger(one.output, two.output), _larger(one.output.address_table, two.output.address_table)
    output = replace(output, source_bits=source_bits, address_table=address_table)
    return replace(one, layers=tuple(layers), output=output, time_steps=max(one.time_steps, two.time_steps))


def _larger(one, two):
    """Return one of two shapes with all sizes that are larger in the other; nothing where there is none."""
    if one is None:
        return None
    return replace(one, **{name: max(size, getattr(two, name)) for name, size in vars(one).items() if isinstance(size, int)})


def _potential_bits(sources: int, weight_bits: int) -> int:
    """Return the width of the potentials of a random network: initial potentials are at most 3 halves from the threshold."""
    return 1 + ((sources + 3) << (weight_bits - 1)).bit_length()


def as_hidden(network: Network) -> Network:
    """Return a network of one layer with an output layer of one neuron after it, so that its own is a hidden one."""
    (layer,) = network.layers
    output = Layer.from_dense(np.ones((1, layer.targets), int), np.zeros(1, int), 1, 2)
    return Network(network.encoder, (layer, output), network.input_shape)


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
        potentials = rng.integers(-half, half, targets)
        if targets > 1:
            potentials[rng.integers(targets)] = threshold + rng.integers(half)
        layers.append(Layer.from_dense(weights, potentials, threshold, weight_bits))
        sources = targets
    return Network(LatencyEncoder.linear(time_steps), tuple(layers), (inputs,))


def random_convolution(
    rng: np.random.Generator, maps: Maps, channels: int, *, weight_bits: int = 4, time_steps: int = 4
) -> Network:
    """Return a network of one convolution, without an engine's output layer: neurons spike early, late and not at all.

    One channel has no kernel left, and one source channel, if there are several, is not used.
    """
    half = 1 << (weight_bits - 1)
    weights = rng.integers(-half, half, (channels, maps.taps))
    weights = np.where(rng.random(weights.shape) < 0.3, np.abs(weights).clip(max=half - 1), weights)
    weights *= rng.random(weights.shape) < rng.choice([0.3, 1.0])
    if channels > 2:
        weights[rng.integers(channels)] = 0
    if maps.channels > 1:
        weights.reshape(channels, maps.channels, -1)[:, rng.integers(maps.channels)] = 0
    threshold = int(rng.integers(half, 3 * half))
    potentials = rng.integers(-half, half, channels)
    if channels > 3:
        potentials[rng.integers(channels)] = threshold  # a whole map that spikes by itself, where nothing holds it back
    layer = Layer.from_dense(weights, potentials, threshold, weight_bits, maps=maps)
    return Network(LatencyEncoder.linear(time_steps), (layer,), maps.source_shape)


def random_map_network(
    rng: np.random.Generator,
    channels: Sequence[int],
    neurons: Sequence[int],
    *,
    image: tuple[int, int] = (9, 7),
    weight_bits: int = 4,
    time_steps: int = 4,
) -> Network:
    """Return a network of convolutions, the first one strided, and fully connected layers after pooled maps.

    Of its layers, what `random_convolution` and `random_network` say holds.

    Parameters
    ----------
    rng : numpy.random.Generator
    channels : sequence of int
        Of each convolution.
    neurons : sequence of int
        Of each layer after them, the output layer being the last one.
    image : tuple of int
    weight_bits, time_steps : int
    """
    layers, shape = [], (1, *image)
    for stride, count in zip((2, *[1] * len(channels)), channels, strict=False):
        maps = Maps(*shape, 3, 3, stride=stride, padding=1)
        layers += random_convolution(rng, maps, count, weight_bits=weight_bits).layers
        shape = layers[-1].target_shape
    layers += random_convolution(rng, Maps.whole(*shape, 2), neurons[0], weight_bits=weight_bits).layers
    if len(neurons) > 1:
        layers += random_network(rng, neurons[0], neurons[1:], weight_bits=weight_bits).layers
    return Network(LatencyEncoder.linear(time_steps), tuple(layers), image)


def ladder_network(rng: np.random.Generator, inputs: int, targets: int, *, time_steps: int = 4) -> Network:
    """Return a network of one layer, all of whose neurons have the same weights, and initial potentials one apart.

    Which of them spike in a step shows their potential exactly.
    """
    weights = np.tile(rng.integers(-2, 4, inputs), (targets, 1))
    layer = Layer.from_dense(weights, -np.arange(targets), 1, 4)
    return Network(LatencyEncoder.linear(time_steps), (layer,), (inputs,))


def pair_network(inputs: int, targets: int) -> Network:
    """Return a network of one layer and two steps, whose neurons spike only after two of their sources have spiked.

    A weight that is left over from another inference makes a neuron spike that should not.
    """
    weights = np.where(np.arange(inputs) % targets == np.arange(targets)[:, None], 5, 0)
    layer = Layer.from_dense(weights, np.zeros(targets, int), 8, 4)
    return Network(LatencyEncoder.linear(2), (layer,), (inputs,))


def tied_network(network: Network) -> Network:
    """Return the network with pairs of output neurons that do the very same."""
    last = network.layers[-1]
    same = np.arange(last.targets) // 2 * 2
    return _with_layer(network, -1, last.dense()[same], last.initial_potentials[same])


def silent_network(network: Network, layer: int) -> Network:
    """Return the network with a layer that never spikes."""
    old = network.layers[layer]
    return _with_layer(network, layer, -np.abs(old.dense()), np.minimum(old.initial_potentials, old.threshold - 1))


def unconnected_network(network: Network) -> Network:
    """Return the network with an output layer without connections, whose neurons all stay at the same potential."""
    last = network.layers[-1]
    return _with_layer(network, -1, np.zeros((last.targets, last.sources), int), np.zeros(last.targets, int))


def _with_layer(network: Network, at: int, weights: np.ndarray, potentials: np.ndarray) -> Network:
    layers = list(network.layers)
    layers[at] = Layer.from_dense(weights, potentials, layers[at].threshold, layers[at].weight_bits)
    return replace(network, layers=tuple(layers))


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
    potentials = np.where(np.arange(targets) % 2 == 0, lowest, highest) + threshold
    layer = Layer.from_dense(weights, potentials, threshold, weight_bits)
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


def rare_spike_times(rng: np.random.Generator, batch: int, network: Network) -> np.ndarray:
    """Return input spike times, int16: no spike, one or two in an image. Most neurons are left alone for many inferences."""
    times = np.full((batch, network.inputs), network.time_steps, np.int16)
    for image in range(batch):
        times[image, rng.permutation(network.inputs)[: rng.integers(3)]] = rng.integers(network.time_steps)
    return times


def one_sided_spike_times(network: Network) -> np.ndarray:
    """Return, for each neuron of the first layer, an image of its negative and one of its positive sources only."""
    weights = network.layers[0].dense()
    steps = network.time_steps
    order = np.arange(network.inputs) % steps
    return np.concatenate([np.where(weights < 0, order, steps), np.where(weights > 0, order, steps)]).astype(np.int16)
