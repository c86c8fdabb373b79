"""Removing dead neurons changes no result."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import LatencyEncoder, Layer, Maps, Network, infer_spikes, remove_dead_neurons

from ..random_networks import map_networks, networks, random_times, with_activity


@given(networks() | map_networks(), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=200, deadline=None)
def test_results_stay_and_a_second_run_removes_nothing(network, seed, early_exit):
    compact = remove_dead_neurons(network)
    times = random_times(seed, network, 6)
    expected = infer_spikes(network, times, early_exit=early_exit)
    got = infer_spikes(compact, times, early_exit=early_exit)
    np.testing.assert_array_equal(got.classes, expected.classes)
    np.testing.assert_array_equal(got.decision_steps, expected.decision_steps)
    np.testing.assert_array_equal(got.latencies, expected.latencies)
    np.testing.assert_array_equal(got.potentials[-1], expected.potentials[-1])
    assert remove_dead_neurons(compact).digest == compact.digest
    assert compact.outputs == network.outputs
    assert compact.inputs == network.inputs
    for before, after in zip(network.layers, compact.layers, strict=True):
        assert 1 <= after.targets <= before.targets
        assert after.synapses <= before.synapses


def layer(weights, threshold=10):
    return Layer.from_dense(np.array(weights), np.zeros(len(weights), np.int64), threshold, 8)


def compacted_sizes(*layers):
    network = Network(LatencyEncoder.linear(2), layers, (layers[0].sources,))
    return [layer.targets for layer in remove_dead_neurons(network).layers]


def test_a_neuron_that_cannot_fire_is_removed():
    # 9 of 10, exactly 10 of 10, and 20 - 20, which fires when only the first source spikes.
    assert compacted_sizes(layer([[4, 5], [4, 6], [20, -20]]), layer([[1, 1, 1]], 1)) == [2, 1]


def test_a_neuron_without_connections_to_the_next_layer_is_removed():
    assert compacted_sizes(layer([[10], [10], [10]]), layer([[1, 0, 1]], 1)) == [2, 1]


def test_a_removal_that_makes_others_dead_goes_on():
    # Layer 1's second neuron cannot fire; without it, layer 0's second one has no connection left.
    assert compacted_sizes(layer([[10], [10]]), layer([[10, 0], [0, 9]]), layer([[1, 1]], 1)) == [1, 1, 1]


def test_a_layer_keeps_at_least_one_neuron():
    assert compacted_sizes(layer([[1], [1]]), layer([[1, 1], [1, 1]])) == [1, 2]


def test_output_neurons_stay_even_if_they_cannot_fire():
    assert compacted_sizes(layer([[1], [10], [0]])) == [3]


def test_potentials_get_the_width_that_they_need():
    wide = Layer.from_dense(np.array([[100, 100], [10, 10]]), [-500, 0], 10, 8, 20)
    network = Network(LatencyEncoder.linear(2), (wide, layer([[1, 1]], 1)), (2,))
    compact = remove_dead_neurons(network).layers[0]
    assert (compact.targets, compact.potential_bits) == (1, 5)


@given(networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_neurons_that_stay_keep_their_activity(network, seed):
    """Each neuron is recognised by its initial potential, which is unique and does not change whether it fires."""
    network = with_activity(network, seed)
    marked, layers = {}, []
    for index, one in enumerate(network.layers):
        initial_potentials = one.initial_potentials.astype(np.int64) * 64 + np.arange(one.targets)
        scaled = one.dense() * 64
        layers.append(Layer.from_dense(scaled, initial_potentials, one.threshold * 64, 16, activity=one.activity))
        if index + 1 < len(network.layers):
            activity = network.layers[index + 1].activity
            marked[index] = dict(zip(initial_potentials.tolist(), activity.tolist(), strict=True))
    compact = remove_dead_neurons(replace(network, layers=layers))
    np.testing.assert_array_equal(compact.layers[0].activity, network.layers[0].activity)
    for index, numbers in marked.items():
        expected = [numbers[start] for start in compact.layers[index].initial_potentials.tolist()]
        assert compact.layers[index + 1].activity.tolist() == expected


def test_a_channel_goes_with_its_maps():
    """Of three channels, one has no kernel and one has no reader; the third keeps the activity of its maps."""
    first = Maps(1, 4, 4, 3, 3)
    kernels = np.stack([np.full(9, 3), np.zeros(9, int), np.full(9, 2)])
    last = Maps.whole(3, 2, 2)
    reads = np.array([[0, 0, 0, 0, 5, 5, 5, 5, 0, 6, 7, 8]])
    layers = [
        Layer.from_dense(kernels, np.zeros(3, np.int64), 4, 4, maps=first),
        Layer.from_dense(reads, np.zeros(1, np.int64), 9, 5, maps=last, activity=np.arange(12)),
    ]
    compact = remove_dead_neurons(Network(LatencyEncoder.linear(2), layers, (4, 4)))
    assert compact.layers[0].dense().tolist() == [[2] * 9]
    assert compact.layers[1].dense().tolist() == [[0, 6, 7, 8]]
    assert compact.layers[1].maps == Maps.whole(1, 2, 2)
    assert compact.layers[1].activity.tolist() == [8, 9, 10, 11]
