"""The lane group against the golden model."""

import numpy as np
import pytest

from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer.lane_group import LaneGroup
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import (
    as_hidden,
    extreme_network,
    ladder_network,
    one_sided_spike_times,
    pair_network,
    random_network,
    random_spike_times,
    rare_spike_times,
    roomy_shape,
)
from firstspike_sim.stimulus.vectors import layer_vectors
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from tests.levels import thorough

INPUTS = 14
BENCH = "firstspike_sim.benches.layer_bench"

#: Banks, lanes of each, spikes a token, neurons.
SIZES = [(1, 1, 1, 7), (1, 2, 2, 9), pytest.param(2, 2, 1, 11, marks=thorough), (3, 1, 2, 10)]


def group_network(rng, neurons, **options):
    """Return a network with an empty row, and a neuron at its threshold from the start."""
    network = random_network(rng, INPUTS, [neurons], **options)
    layer = network.layers[0]
    assert 0 in layer.row_lengths
    assert np.any(layer.initial_potentials >= layer.threshold)
    return network


def make_group(shape, network=None):
    """Return the only lane group of a layer, with the network in it or empty."""
    contents = compile_network(as_hidden(network), shape).banks[0] if network else None
    return LaneGroup(LayerParameters.of(shape, 0), first_bank=0, banks=shape.layers[0].banks, contents=contents)


@pytest.mark.parametrize(("banks", "bank_lanes", "width", "neurons"), SIZES)
def test_networks_of_all_kinds(request, tmp_path, banks, bank_lanes, width, neurons):
    """The first network is built in; then others are loaded one after the other, and the first one again."""
    rng = np.random.default_rng(10)
    shape = roomy_shape(INPUTS, [neurons, 1], [banks * bank_lanes], bank_lanes=bank_lanes, spikes_per_token=width)
    first = group_network(rng, neurons, connectivity=0.35)
    simulator = build(make_group(shape, first), "lane_group")

    # Dense rows fill the queues. Which neurons of the ladder spike shows their potential. Those of the pairs are left alone
    # for any number of inferences.
    dense, ladder = group_network(rng, neurons, connectivity=1.0), ladder_network(rng, INPUTS, neurons)
    pairs = pair_network(INPUTS, neurons)
    smaller = random_network(rng, INPUTS - 5, [max(1, neurons - 4)], time_steps=7, weight_bits=3)
    batches = [
        (first, random_spike_times(rng, 12, first)),
        (dense, random_spike_times(rng, 8, dense)),
        (ladder, random_spike_times(rng, 16, ladder)),
        (pairs, rare_spike_times(rng, 150, pairs)),
        (smaller, random_spike_times(rng, 5, smaller)),
        (first, random_spike_times(rng, 6, first)),
    ]
    vectors = Vectors.join(
        [layer_vectors(rng, network, shape, times, load=at > 0, lanes=True) for at, (network, times) in enumerate(batches)]
    )
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"lane_group {request.node.name}", seed=1)


@pytest.mark.parametrize(
    ("neurons", "weight_bits", "potential_bits", "bank_lanes", "width"), [(1, 16, 32, 1, 1), (3, 4, 8, 2, 2)]
)
def test_ends_of_the_widths(request, tmp_path, neurons, weight_bits, potential_bits, bank_lanes, width):
    """With one neuron each entry hits the neuron of the entry before, and its sum must be forwarded."""
    rng = np.random.default_rng(30)
    network = extreme_network(rng, 9, neurons, weight_bits=weight_bits, potential_bits=potential_bits)
    shape = plan(as_hidden(network), bank_lanes, bank_lanes=bank_lanes, spikes_per_token=width, queue_depth=8)
    simulator = build(make_group(shape), "lane_group")
    times = np.concatenate([one_sided_spike_times(network), random_spike_times(rng, 12, network)])
    vectors = Vectors.join([layer_vectors(rng, network, shape, times, load=True, lanes=True)])
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"lane_group {request.node.name}", seed=1)


def test_rates(request, tmp_path):
    """Of a group of one lane."""
    rng = np.random.default_rng(31)
    network = group_network(rng, 7, connectivity=0.35)
    assert 1 in network.layers[0].row_lengths
    shape = plan(as_hidden(network), 1, spikes_per_token=2)
    simulator = build(make_group(shape, network), "lane_group")
    vectors = Vectors.join([layer_vectors(rng, network, shape, random_spike_times(rng, 3, network), load=False, lanes=True)])
    path = vectors.save(tmp_path / "vectors.npz")
    simulate(simulator, "firstspike_sim.benches.lane_group_bench", path, run=f"lane_group {request.node.name}", seed=1)
