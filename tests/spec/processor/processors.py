"""Processors for tests: shapes in which random networks take tiles and slots, and runs compared with the golden model."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from firstspike_spec import infer_spikes, plan_processor
from firstspike_spec.processor.layout import LayerLayout
from firstspike_spec.processor.model import ProcessorModel
from firstspike_spec.processor.placement import slot_choices
from firstspike_spec.processor.spikes import input_words

from ..random_layered_networks import random_layered_times


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
    most = max(least, draw(st.sampled_from([least, shape.potentials, 2 * shape.potentials + 5])))
    return replace(
        shape,
        potentials=draw(st.integers(least, most)),
        entries=shape.entries * 9 + 2000,
        rows=shape.rows * draw(st.sampled_from([16, 40])),
        row_entries=shape.row_entries + draw(st.sampled_from([0, 20])),
        program=4096,
        inputs=1 << 10,
        spikes=1 << 14,
    )


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
