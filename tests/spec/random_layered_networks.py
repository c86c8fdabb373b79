"""Random layered networks for tests: every option, silent, busy, tied or in between, with small and odd sizes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from firstspike_spec import (
    InputCode,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Projection,
    base_two_kernel,
    linear_kernel,
)

from .random_networks import some_maps

MOST_STEPS = 32

#: How the thresholds of a layer lie: within what its potentials reach, or so that all or no neurons spike.
THRESHOLDS = ("reached", "reached", "reached", "at step 0", "never", "as low as possible")


def random_weights(generator, channels, taps, bits, connectivity, *, extreme=False):
    """Return a matrix of weights of ``bits``; extreme ones are the least and the greatest."""
    half = 1 << (bits - 1)
    shape = (channels, taps)
    weights = generator.choice([-half, half - 1], shape) if extreme else generator.integers(-half, half, shape)
    weights[generator.random(shape) >= connectivity] = 0
    return weights


def random_kernel(generator, steps, most):
    """Return ``steps`` falling numbers of ``1 .. most``."""
    return np.sort(generator.choice(most, steps, replace=False) + 1)[::-1]


def thresholds_for(generator, highest, steps, kind):
    """Return ``steps`` falling thresholds for potentials of at most ``highest``."""
    limit = (1 << 31) - 1
    if kind == "as low as possible":
        return np.arange(steps, 0, -1)
    if kind == "never":
        return np.arange(steps, 0, -1) + min(limit - steps, max(highest, 0))
    if kind == "at step 0":  # far below what the largest potentials reach
        return np.arange(steps, 0, -1) + max(0, highest // 50)
    most = min(limit, max(highest, steps) + 2)
    return (np.sort(generator.integers(0, most - steps, steps)) + np.arange(steps) + 1)[::-1]


def random_layer(generator, projections, steps, highest_values, *, spread=1, kind="reached", max_pooling=1, extra_bits=None):
    """Return a layer with initial potentials and thresholds in the range of its sums.

    ``spread`` 0 makes ties likely. ``extra_bits``, if it is a number, is added to the width that the potentials need.
    """
    channels = projections[0].channels
    zero = LayeredLayer(projections, np.zeros(channels, int), np.arange(steps, 0, -1))
    low, high = (
        int(end) for end in (zero.potential_range(highest_values)[0].min(), zero.potential_range(highest_values)[1].max())
    )
    reach = max(1, min(high - low, 1 << 29) // 4)
    initial_potentials = generator.integers(-reach, reach + 1, channels) * spread
    typical = int(np.sqrt(max(1, high - low)) * 3) if generator.random() < 0.5 else high
    layer = LayeredLayer(
        projections,
        initial_potentials,
        thresholds_for(generator, high + 2 * reach if kind == "never" else typical, steps, kind),
        max_pooling,
    )
    if extra_bits is None:
        return layer
    return replace(layer, potential_bits=min(32, layer.required_potential_bits(highest_values) + extra_bits))


@st.composite
def kernels(draw, generator, steps):
    """A kernel of a number of steps: linear, powers of two, or any falling numbers."""
    kind = draw(st.sampled_from(["linear", "base two", "random", "wide"]))
    if kind == "base two" and steps <= 16:
        return base_two_kernel(steps)
    if kind == "linear":
        return linear_kernel(steps)
    return random_kernel(generator, steps, 65535 if kind == "wide" else max(steps, 40))


def _maps_with_positions(shape, positions):
    """Return maps of sources of a shape whose neurons have the given height and width, or ``None`` if there are none."""
    channels, height, width = shape
    for pooling in (1, 2, 3):
        rows, columns = -(-height // pooling), -(-width // pooling)
        for stride in (1, 2):
            for padding in (0, 1, 2):
                sides = [
                    place + 2 * padding - stride * (wanted - 1)
                    for place, wanted in zip((rows, columns), positions, strict=True)
                ]
                if all(padding < side <= place + 2 * padding for side, place in zip(sides, (rows, columns), strict=True)):
                    yield Maps(channels, height, width, *sides, pooling, stride, padding)


@st.composite
def layered_networks(draw, most_layers=4, max_channels=3, max_side=6, images=None):
    """Layered networks with every option, shrinking towards small ones.

    ``images`` says whether the input is images (else spike times); ``None`` gives both.
    """
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, input_steps = draw(st.integers(2, MOST_STEPS)), draw(st.integers(2, MOST_STEPS))
    sides = draw(st.tuples(st.integers(1, max_side), st.integers(1, max_side)))
    input_shape = draw(st.sampled_from([sides, (draw(st.integers(1, 3)), *sides), (draw(st.integers(1, 12)),)]))
    channels, height, width = (1,) * (3 - len(input_shape)) + input_shape
    tables = None
    if draw(st.booleans()) if images is None else images:
        tables = np.sort(generator.integers(1, 257, (channels, input_steps)), axis=1)[:, ::-1].copy()
        tables[:, -1] = np.minimum(tables[:, -1], 255)
    input_kernel, kernel = (draw(kernels(generator, count)) for count in (input_steps, steps))
    code = InputCode(input_kernel, tables)
    highest = [int(input_kernel[0])] + [int(kernel[0])] * most_layers

    shapes, layers, unread = [(channels, height, width)], [], set()
    count = draw(st.integers(1, most_layers))
    for index in range(count):
        last = index == count - 1
        main = len(shapes) - 1
        targets = draw(st.integers(1, max_channels + last))
        of_maps = not last and draw(st.booleans())
        maps = draw(some_maps(*shapes[main])) if of_maps else Maps.whole(*shapes[main], draw(st.integers(1, 3)))
        chosen = [(main, maps)]
        # The output layer reads what no other layer has read; any layer may read more.
        sources = [source for source in range(main) if (last and source in unread) or draw(st.booleans())]
        for source in sources + ([main] if draw(st.sampled_from([False, False, True])) else []):
            choices = list(_maps_with_positions(shapes[source], (maps.target_height, maps.target_width)))
            if choices:
                chosen.append((source, draw(st.sampled_from(choices))))
        projections = []
        for source, part in chosen:
            bits = draw(st.integers(1, 8))
            weights = random_weights(
                generator,
                targets,
                part.taps,
                bits,
                draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])),
                extreme=draw(st.booleans()),
            )
            flat = Maps.flat(part.sources) if part.positions == 1 and part.pooling == 1 and draw(st.booleans()) else part
            if flat is not part and part.taps != flat.taps:
                flat = part
            projections.append(Projection.from_dense(source, weights, bits, maps=flat))
            unread.discard(source)
        most_pooling = 1 if last else min(maps.target_height, maps.target_width)
        layer = random_layer(
            generator,
            projections,
            steps,
            highest,
            spread=draw(st.integers(0, 1)),
            kind=draw(st.sampled_from(THRESHOLDS)),
            max_pooling=draw(st.integers(1, most_pooling)),
            extra_bits=draw(st.sampled_from([None, 0, 3])),
        )
        layers.append(layer)
        shapes.append(layer.spike_shape)
        unread.add(index + 1)
    return LayeredNetwork(code, kernel, layers, input_shape)


def random_layered_times(seed, network, batch, silent=0.3):
    """Return input spike times, of which the share ``silent`` is *no spike*."""
    generator = np.random.default_rng(seed)
    times = generator.integers(0, network.input_time_steps, (batch, network.inputs))
    times[generator.random(times.shape) < silent] = network.input_time_steps
    return times.astype(np.int16)


def with_layered_activity(network, seed):
    """Return the network with a random activity of every source of every projection."""
    generator = np.random.default_rng(seed)
    layers = [
        replace(
            layer,
            projections=[
                replace(part, activity=np.clip(generator.integers(-(1 << 15), 3 << 15, part.sources), 0, (1 << 16) - 1))
                for part in layer.projections
            ],
        )
        for layer in network.layers
    ]
    return replace(network, layers=layers)


def random_chain(seed, sizes, time_steps=4, input_steps=6, bits=4, connectivity=0.6):
    """Return a network of fully connected layers with the given numbers of neurons, the inputs first; images as input."""
    generator = np.random.default_rng(seed)
    kernel, input_kernel = linear_kernel(time_steps), linear_kernel(input_steps)
    highest = [input_steps] + [time_steps] * len(sizes)
    layers = []
    for index, (sources, targets) in enumerate(pairwise(sizes)):
        weights = random_weights(generator, targets, sources, bits, connectivity)
        layers.append(random_layer(generator, [Projection.from_dense(index, weights, bits)], time_steps, highest))
    tables = [np.linspace(240, 16, input_steps).astype(int)]
    return LayeredNetwork(InputCode(input_kernel, tables), kernel, layers, (sizes[0],))


def random_layered_map_network(seed, image=(2, 9, 8), *, outputs=3, time_steps=4, input_steps=5, bits=4, connectivity=0.6):
    """Return a network of two convolutions, the first one max-pooled, with a skip of the input to the output layer."""
    generator = np.random.default_rng(seed)
    highest = [input_steps] + [time_steps] * 3

    def part(source, targets, maps):
        return Projection.from_dense(
            source, random_weights(generator, targets, maps.taps, bits, connectivity), bits, maps=maps
        )

    first = random_layer(generator, [part(0, 4, Maps(*image, 3, 3, padding=1))], time_steps, highest, max_pooling=2)
    second = random_layer(generator, [part(1, 5, Maps(*first.spike_shape, 3, 3, stride=2, padding=1))], time_steps, highest)
    read_out = [part(2, outputs, Maps.whole(*second.spike_shape, 2)), part(0, outputs, Maps.whole(*image, 3))]
    last = random_layer(generator, read_out, time_steps, highest)
    tables = np.sort(generator.integers(1, 256, (image[0], input_steps)), axis=1)[:, ::-1]
    return LayeredNetwork(
        InputCode(linear_kernel(input_steps), tables), linear_kernel(time_steps), [first, second, last], image
    )
