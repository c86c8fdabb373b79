"""The bare lane against the golden model."""

import numpy as np
import pytest

from firstspike_hw.lane import Lane
from firstspike_sim.networks import dense_network, extreme_network, one_sided_spike_times, random_network, random_spike_times
from firstspike_sim.runner import build, simulate
from firstspike_sim.vectors import layer_vectors
from firstspike_spec.compiler import compile_network, plan

INPUTS, NEURONS = 14, 7
BENCH = "firstspike_sim.lane_bench"
SHAPE = plan(dense_network(INPUTS, [NEURONS]), 1)


def lane_network(rng):
    """Return a network with a row of one entry, an empty row, and hits on one neuron in a row across rows."""
    network = random_network(rng, INPUTS, [NEURONS], connectivity=0.35)
    layer = network.layers[0]
    lengths = layer.row_lengths
    assert 0 in lengths
    assert 1 in lengths
    starts, ends = layer.row_starts[:-1][lengths > 0], layer.row_starts[1:][lengths > 0]
    assert np.intersect1d(layer.row_targets[starts], layer.row_targets[ends - 1]).size
    assert np.any(layer.start_potentials >= layer.threshold)
    return network


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "reports"])
def reports(request):
    return request.param


@pytest.fixture(scope="module")
def initial(reports):
    """The network that the lane is built with, the lane, and its simulator."""
    network = lane_network(np.random.default_rng(10))
    lane = Lane(SHAPE.layers[0], reports=reports, image=compile_network(network, SHAPE).lanes[0][0])
    return network, lane, build(lane, "lane")


def test_network_as_initial_contents(request, tmp_path, initial, reports):
    network, lane, simulator = initial
    rng = np.random.default_rng(11)
    times = random_spike_times(rng, 20, network)
    vectors = layer_vectors(rng, network, SHAPE, times, reports=reports, load=False, lane=lane)
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"lane {request.node.name}", seed=1)


@pytest.mark.parametrize("seed", [20, 21])
def test_network_loaded(request, tmp_path, initial, reports, seed):
    _, lane, simulator = initial
    rng = np.random.default_rng(seed)
    network = lane_network(rng)
    times = random_spike_times(rng, 20, network)
    vectors = layer_vectors(rng, network, SHAPE, times, reports=reports, load=True, lane=lane)
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"lane {request.node.name}", seed=seed)


@pytest.mark.parametrize(("neurons", "weight_bits", "potential_bits"), [(1, 16, 32), (3, 4, 8)])
def test_ends_of_the_widths(request, tmp_path, neurons, weight_bits, potential_bits):
    """With one neuron each entry hits the neuron of the entry before, and its sum must be forwarded."""
    rng = np.random.default_rng(30)
    network = extreme_network(rng, 9, neurons, weight_bits=weight_bits, potential_bits=potential_bits)
    shape = plan(network, 1)
    lane = Lane(shape.layers[0], reports=True)
    simulator = build(lane, "lane")
    times = np.concatenate([one_sided_spike_times(network), random_spike_times(rng, 12, network)])
    vectors = layer_vectors(rng, network, shape, times, reports=True, load=True, lane=lane)
    path = vectors.save(tmp_path / "vectors.npz")
    # The latencies are measured with rows of no and of one entry, which these networks do not have.
    simulate(simulator, BENCH, path, run=f"lane {request.node.name}", seed=1, test_filter="spikes_and_potentials_match")
