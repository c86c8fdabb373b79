"""Random networks and inputs for tests: silent, busy, tied or in between, with small and odd sizes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from firstspike_spec import LatencyEncoder, Layer, Maps, Network


def random_layer(generator, sources, targets, *, bits=4, connectivity=0.5, threshold=None, spread=1, extreme=False, maps=None):
    """Return a layer with weights of ``bits``; ``spread`` 0 gives equal initial potentials, which makes ties likely.

    With maps, ``sources`` is the number of taps, ``targets`` that of channels.
    """
    half = 1 << (bits - 1)
    weights = (
        generator.choice([-half, half - 1], (targets, sources))
        if extreme
        else generator.integers(-half, half, (targets, sources))
    )
    weights[generator.random(weights.shape) >= connectivity] = 0
    threshold = int(generator.integers(1, 3 * half + 1)) if threshold is None else threshold
    # Up to twice the threshold: some neurons fire without any spike.
    initial_potentials = generator.integers(-2 * threshold, 2 * threshold + 1, targets) * spread
    return Layer.from_dense(weights, initial_potentials, threshold, bits, maps=maps)


def random_network(seed, sizes, time_steps=4, **options):
    """Return a network whose layers have the given numbers of neurons, the inputs first."""
    generator = np.random.default_rng(seed)
    layers = [random_layer(generator, sources, targets, **options) for sources, targets in pairwise(sizes)]
    return Network(LatencyEncoder.linear(time_steps), layers, (sizes[0],))


def with_activity(network, seed):
    """Return the network with a random activity of every source; sources that never and that always spike are likely."""
    generator = np.random.default_rng(seed)
    layers = [
        replace(layer, activity=np.clip(generator.integers(-(1 << 15), 3 << 15, layer.sources), 0, (1 << 16) - 1))
        for layer in network.layers
    ]
    return replace(network, layers=layers)


def random_times(seed, network, batch, silent=0.3):
    """Return input spike times, of which the share ``silent`` is *no spike*."""
    generator = np.random.default_rng(seed)
    times = generator.integers(0, network.time_steps, (batch, network.inputs))
    times[generator.random(times.shape) < silent] = network.time_steps
    return times.astype(np.int16)


@st.composite
def networks(draw, max_layers=4, max_neurons=12, max_steps=16, least_layers=1):
    """Networks of all kinds, shrinking towards small ones."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    time_steps = draw(st.integers(2, max_steps))
    sizes = draw(st.lists(st.integers(1, max_neurons), min_size=least_layers + 1, max_size=max_layers + 1))
    layers = [
        random_layer(
            generator,
            sources,
            targets,
            bits=draw(st.integers(1, 8)),
            connectivity=draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])),
            spread=draw(st.integers(0, 1)),
            extreme=draw(st.booleans()),
        )
        for sources, targets in pairwise(sizes)
    ]
    return Network(LatencyEncoder.linear(time_steps, draw(st.integers(1, 100))), layers, (sizes[0],))


@st.composite
def some_maps(draw, channels, height, width):
    """A window over maps of a size, of any kind that fits."""
    pooling = draw(st.sampled_from([1, 1, 2, 3]))
    rows, columns = -(-height // pooling), -(-width // pooling)
    most = min(rows, columns)
    padding = draw(st.integers(0, 2))
    kernel = [draw(st.integers(padding + 1, max(padding + 1, min(5, side + 2 * padding)))) for side in (rows, columns)]
    if any(side > place + 2 * padding for side, place in zip(kernel, (rows, columns), strict=True)):
        padding, kernel = 0, [min(3, most)] * 2
    return Maps(channels, height, width, *kernel, pooling, draw(st.integers(1, 2)), padding)


@st.composite
def map_networks(draw, most_maps=2, max_channels=3, max_side=6, max_steps=8):
    """Networks of convolutions, perhaps a fully connected layer after them, and a fully connected output layer."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    time_steps = draw(st.integers(2, max_steps))
    image = draw(st.tuples(st.integers(1, max_side), st.integers(1, max_side)))
    shape, layers = (1, *image), []

    def add(channels, maps):
        layers.append(
            random_layer(
                generator,
                maps.taps,
                channels,
                bits=draw(st.integers(1, 8)),
                connectivity=draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])),
                spread=draw(st.integers(0, 1)),
                extreme=draw(st.booleans()),
                maps=maps,
            )
        )
        return layers[-1].target_shape

    for _convolution in range(draw(st.integers(1, most_maps))):
        shape = add(draw(st.integers(1, max_channels)), draw(some_maps(*shape)))
    if draw(st.booleans()):
        shape = add(draw(st.integers(1, 5)), Maps.whole(*shape, draw(st.integers(1, 3))))
    shape = add(draw(st.integers(1, 4)), Maps.whole(*shape, draw(st.integers(1, 3))))
    return Network(LatencyEncoder.linear(time_steps, draw(st.integers(1, 100))), layers, image)


def random_map_network(seed, image=(9, 8), *, channels=(5, 7), hidden=6, outputs=3, time_steps=4, **options):
    """Return a network of two convolutions, the first one strided, and fully connected layers after pooled maps."""
    generator = np.random.default_rng(seed)
    layers, shape = [], (1, *image)
    for number, count in enumerate(channels):
        maps = Maps(*shape, 3, 3, padding=1, stride=1 if number else 2)
        layers.append(random_layer(generator, maps.taps, count, maps=maps, **options))
        shape = layers[-1].target_shape
    whole = Maps.whole(*shape, 2)
    layers.append(random_layer(generator, whole.taps, hidden, maps=whole, **options))
    layers.append(random_layer(generator, hidden, outputs, **options))
    return Network(LatencyEncoder.linear(time_steps), layers, image)
