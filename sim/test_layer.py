"""The layer against the golden model."""

import numpy as np
import pytest

from firstspike_hw.layer import Layer
from firstspike_sim.networks import dense_network, random_network, random_spike_times
from firstspike_sim.runner import build, simulate
from firstspike_sim.vectors import layer_vectors
from firstspike_spec import Layer as SpecLayer
from firstspike_spec import Network
from firstspike_spec.compiler import compile_network, plan

BENCH = "firstspike_sim.layer_bench"
INPUTS = 13

# The neurons do not divide by the lanes, where there is more than one; two tokens fill a queue.
SIZES = [(1, 5, True), (2, 7, True), (3, 10, False), (3, 10, True), (16, 37, False), (16, 37, True)]


def lopsided_network(rng, neurons, lanes):
    """Return a network in which the first lane has far longer rows than the others, so that its queue fills."""
    network = random_network(rng, INPUTS, [neurons], connectivity=0.4)
    layer = network.layers[0]
    weights = layer.dense()
    others = np.arange(neurons) % lanes != 0
    weights[others] *= rng.random(weights[others].shape) < 0.3
    thinned = SpecLayer.from_dense(weights, layer.start_potentials, layer.threshold, layer.weight_bits)
    return Network(network.encoder, (thinned,), network.input_shape)


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}-lanes-{'reports' if size[2] else 'plain'}")
def built(request):
    """The shape of the engine that the layer is the only one of, whether it reports, the network in it, its simulator."""
    lanes, neurons, reports = request.param
    shape = plan(dense_network(INPUTS, [neurons]), lanes, queue_depth=2)
    network = random_network(np.random.default_rng(40), INPUTS, [neurons])
    images = compile_network(network, shape).lanes[0]
    return shape, reports, network, build(Layer(shape.layers[0], queue_depth=2, reports=reports, images=images), "layer")


def test_network_as_initial_contents(request, tmp_path, built):
    shape, reports, network, simulator = built
    rng = np.random.default_rng(41)
    vectors = layer_vectors(rng, network, shape, random_spike_times(rng, 8, network), reports=reports, load=False)
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"layer {request.node.name}", seed=1)


def test_long_rows_in_one_lane(request, tmp_path, built):
    shape, reports, network, simulator = built
    rng = np.random.default_rng(42)
    network = lopsided_network(rng, network.outputs, shape.layers[0].lanes)
    vectors = layer_vectors(rng, network, shape, random_spike_times(rng, 12, network), reports=reports, load=True)
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"layer {request.node.name}", seed=2)


def test_smaller_network_loaded(request, tmp_path, built):
    shape, reports, network, simulator = built
    rng = np.random.default_rng(43)
    network = random_network(rng, INPUTS - 4, [max(1, network.outputs - 3)], time_steps=8, weight_bits=3)
    vectors = layer_vectors(rng, network, shape, random_spike_times(rng, 4, network), reports=reports, load=True)
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"layer {request.node.name}", seed=3)
