"""Processors for tests: shapes in which random networks take tiles and slots, and runs compared with the golden model."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from firstspike_spec import (
    InputCode,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Projection,
    infer_spikes,
    linear_kernel,
    plan_processor,
)
from firstspike_spec.processor.layout import LayerLayout
from firstspike_spec.processor.model import ProcessorModel
from firstspike_spec.processor.placement import slot_choices
from firstspike_spec.processor.spikes import input_words

from ..random_layered_networks import random_layer, random_layered_times, random_weights
from ..random_networks import some_maps


def least_potentials(network):
    """Return the potentials with which a lane holds the largest unit, of as many slots as a layer can have."""
    shapes = [network.layers[0].maps.source_shape, *(layer.spike_shape for layer in network.layers)]
    shapes[0] = (*(1,) * (3 - len(network.input_shape)), *network.input_shape)
    return max(min(LayerLayout(layer, shapes, slots).places(1) for slots in slot_choices(layer)) for layer in network.layers)


@st.composite
def shapes_for(draw, network):
    """A shape that holds a network: 1 .. 9 lanes, potentials from the least to plenty, and room for slots or none."""
    shape = plan_processor(network, draw(st.integers(1, 9)))
    least = max(16, least_potentials(network))
    potentials = draw(st.integers(least, max(least, draw(st.sampled_from([least, shape.potentials])))))
    if draw(st.booleans()):
        potentials = shape.potentials + draw(st.integers(0, shape.potentials))
    tight = potentials >= shape.potentials and draw(st.sampled_from([False, False, True]))
    return replace(
        shape,
        potentials=potentials,
        entries=shape.entries * 16 + 2000,
        rows=shape.rows if tight else 1 << 14,
        row_entries=shape.row_entries * 4,
        program=4096,
        inputs=1 << 10,
        spikes=1 << 14,
    )


@st.composite
def dense_convolutions(draw):
    """A network of one or two convolutions with few channels and all weights, so that slots make it faster."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = [(draw(st.integers(1, 2)), draw(st.integers(4, 11)), draw(st.integers(3, 7)))]
    layers, highest = [], [3, 4, 4, 4]
    for source in range(draw(st.integers(1, 2))):
        maps = draw(some_maps(*shapes[-1]))
        weights = random_weights(generator, draw(st.integers(1, 2)), maps.taps, 4, 1.0)
        most = min(3, maps.target_height, maps.target_width)
        part = Projection.from_dense(source, weights, 4, maps=maps)
        layers.append(random_layer(generator, [part], 4, highest, max_pooling=draw(st.integers(1, most))))
        shapes.append(layers[-1].spike_shape)
    whole = Maps.whole(*shapes[-1])
    output = Projection.from_dense(len(layers), random_weights(generator, 3, whole.taps, 4, 0.5), 4, maps=whole)
    layers.append(random_layer(generator, [output], 4, highest))
    return LayeredNetwork(InputCode(linear_kernel(3)), linear_kernel(4), layers, shapes[0])


def times_of(run, network):
    """Return the spike times of each hidden layer in a model's run, shape (spikes,); no neuron spikes twice."""
    found = []
    for source, layer in enumerate(network.layers[:-1], 1):
        times = np.full(layer.spike_shape, network.time_steps)
        channel, y, x, step = run.spikes[source].T
        times[channel, y, x] = step
        assert np.count_nonzero(times < network.time_steps) == len(step), "a neuron spikes twice, or in no step"
        found.append(times.reshape(-1))
    return found


def check_runs(network, contents, seed, batch=3):
    """Run images one after the other on the model of a processor and the golden model; return how many values are equal."""
    shape = contents.shape
    model = ProcessorModel(shape, contents.load_words())
    times = random_layered_times(seed, network, batch, silent=[0.0, 0.3, 0.9][seed % 3])
    golden, compared = infer_spikes(network, times), 0
    for image in range(batch):
        run = model.run(input_words(shape, network, times[image : image + 1]))
        assert run.dropped == 0
        for mine, wanted in zip(times_of(run, network), golden.spike_times[1:-1], strict=True):
            np.testing.assert_array_equal(mine, wanted[image])
            compared += len(mine)
        latencies, last = golden.latencies[image], network.time_steps - 1
        outputs = np.stack(
            [np.arange(network.outputs), golden.potentials[-1][image], np.minimum(latencies, last), latencies <= last], axis=1
        )
        np.testing.assert_array_equal(run.outputs, outputs)
        assert run.output_class == golden.classes[image]
        assert run.decision_step == golden.decision_steps[image]
        assert run.synaptic_operations == golden.synaptic_operations[image]
        assert not model.potentials.any(), "a potential is left for the next image"
        compared += outputs.size + 4
    return compared


def convolution(channels, image, *, max_pooling=1, source=0):
    """Return a convolution with 3 x 3 taps of weight 1."""
    maps = Maps(*image, 3, 3, padding=1)
    part = Projection.from_dense(source, np.ones((channels, maps.taps), int), 2, maps=maps)
    return LayeredLayer([part], np.zeros(channels, int), [2, 1], max_pooling)


def network_of(layers, image):
    """Return the network with these layers, and a fully connected output layer of two classes."""
    whole = Maps.whole(*layers[-1].spike_shape)
    part = Projection.from_dense(len(layers), np.ones((2, whole.taps), int), 2, maps=whole)
    return LayeredNetwork(
        InputCode(linear_kernel(2)), linear_kernel(2), [*layers, LayeredLayer([part], [0, 0], [2, 1])], image
    )
