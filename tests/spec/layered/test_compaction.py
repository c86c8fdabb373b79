"""Removing dead neurons of a layered network changes no result."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import (
    InputCode,
    InputTypeError,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Projection,
    infer_spikes,
    remove_dead_neurons,
)

from ...levels import THOROUGH
from ..random_layered_networks import layered_networks, random_layered_times, with_layered_activity

KERNEL = [2, 1]


@given(layered_networks(max_channels=5), st.integers(0, 2**32 - 1))
@settings(max_examples=2000 if THOROUGH else 200, deadline=None)
def test_results_stay_and_a_second_run_removes_nothing(network, seed):
    compact = remove_dead_neurons(with_layered_activity(network, seed))
    times = random_layered_times(seed, network, 6)
    expected, got = infer_spikes(network, times), infer_spikes(compact, times)
    np.testing.assert_array_equal(got.classes, expected.classes)
    np.testing.assert_array_equal(got.decision_steps, expected.decision_steps)
    np.testing.assert_array_equal(got.latencies, expected.latencies)
    np.testing.assert_array_equal(got.potentials[-1], expected.potentials[-1])
    assert (got.spikes <= expected.spikes).all()
    assert (got.synaptic_operations <= expected.synaptic_operations).all()
    assert remove_dead_neurons(compact).digest == compact.digest
    assert (compact.outputs, compact.inputs) == (network.outputs, network.inputs)
    for before, after in zip(network.layers, compact.layers, strict=True):
        assert 1 <= after.channels <= before.channels
        assert after.target_shape[1:] == before.target_shape[1:]
        assert [part.source for part in after.projections] == [part.source for part in before.projections]


def test_the_random_networks_have_dead_channels_of_every_kind():
    seen = set()

    @given(layered_networks(max_channels=5))
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def look(network):
        compact = remove_dead_neurons(network)
        for before, after in zip(network.layers, compact.layers, strict=True):
            if after.channels < before.channels:
                seen.add("maps" if before.maps.positions > 1 else "neurons")
                seen.add(f"pooled: {before.max_pooling > 1}")
                seen.add(f"several projections: {len(before.projections) > 1}")

    look()
    assert seen == {"maps", "neurons"} | {
        f"{what}: {is_so}" for what in ("pooled", "several projections") for is_so in (True, False)
    }


def part(source, weights, **options):
    return Projection.from_dense(source, np.array(weights), 8, **options)


def layer(*projections, thresholds=(20, 10), max_pooling=1):
    return LayeredLayer(projections, [0] * projections[0].channels, thresholds, max_pooling)


def compacted(*layers, shape=None):
    return remove_dead_neurons(LayeredNetwork(InputCode(KERNEL), KERNEL, layers, shape or (layers[0].projections[0].sources,)))


def channels(network):
    return [layer.channels for layer in network.layers]


def test_a_neuron_that_cannot_reach_its_last_threshold_is_removed():
    # With a kernel of 2 at most: 2 * 4, 2 * 5, and 2 * 20 - 2 * 20, which fires when only the first source spikes.
    network = compacted(layer(part(0, [[4, 0], [5, 0], [20, -20]])), layer(part(1, [[1, 1, 1]])))
    assert network.layers[0].projections[0].dense().tolist() == [[5, 0], [20, -20]]
    assert network.layers[1].projections[0].dense().tolist() == [[1, 1]]


def test_all_projections_count_for_what_a_neuron_can_reach():
    hidden = layer(part(0, [[5]]))
    assert channels(compacted(hidden, layer(part(1, [[3], [4]]), part(0, [[1], [1]])), layer(part(2, [[1, 1]])))) == [1, 1, 1]


def test_a_skip_keeps_a_neuron_that_the_next_layer_does_not_read():
    hidden = layer(part(0, [[9], [9], [9]]))
    middle = layer(part(1, [[9, 0, 0]]))
    assert channels(compacted(hidden, middle, layer(part(2, [[1]]), part(1, [[0, 0, 3]])))) == [2, 1, 1]
    assert channels(compacted(hidden, middle, layer(part(2, [[1]]), part(1, [[0, 0, 0]])))) == [1, 1, 1]


def test_a_removal_that_makes_others_dead_goes_on():
    assert channels(compacted(layer(part(0, [[9], [9]])), layer(part(1, [[9, 0], [0, 4]])), layer(part(2, [[1, 1]])))) == [
        1,
        1,
        1,
    ]


def test_a_layer_keeps_at_least_one_neuron_and_the_output_all():
    assert channels(compacted(layer(part(0, [[1], [1]])), layer(part(1, [[1, 1], [0, 0]])))) == [1, 2]


def test_a_channel_that_fires_only_at_an_edge_which_pooling_drops():
    """Each of 3 x 3 neurons sees the only source through another tap; the first channel's tap leads to the last neuron."""
    maps = Maps(1, 1, 1, 3, 3, padding=2)
    weights = np.zeros((2, 9), int)
    weights[0, 0] = weights[1, 8] = 9
    everywhere = layer(part(0, weights, maps=maps))
    assert channels(compacted(everywhere, layer(part(1, [[1] * 18])), shape=(1, 1))) == [2, 1]
    pooled = replace(everywhere, max_pooling=2)
    kept = compacted(pooled, layer(part(1, [[1, 1]])), shape=(1, 1))
    assert kept.layers[0].projections[0].dense().tolist() == [weights[1].tolist()]


def test_the_neurons_that_stay_keep_their_activity():
    maps = Maps(1, 2, 2, 1, 1)
    first = layer(part(0, [[9], [1], [9]], maps=maps))
    flat = part(1, [[1] * 12], activity=np.arange(12))
    whole = part(1, [[1] * 12], activity=np.arange(12), maps=Maps.whole(3, 2, 2))
    for reader in (flat, whole):
        kept = compacted(first, layer(reader), shape=(2, 2)).layers[1].projections[0]
        assert kept.activity.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
        assert kept.sources == 8


def test_potentials_get_the_width_that_they_need():
    wide = replace(layer(part(0, [[100], [9]])), initial_potentials=[-5000, 0], potential_bits=20)
    assert compacted(wide, layer(part(1, [[1, 1]]))).layers[0].potential_bits == 6


def test_something_else():
    with pytest.raises(InputTypeError, match="a Network is wanted, not 3"):
        remove_dead_neurons(3)
