"""The output layer against the golden model."""

import numpy as np
import pytest

from firstspike_hw.layer.output_layer import OutputLayer
from firstspike_hw.layer.parameters import OutputParameters
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import (
    extreme_network,
    one_sided_spike_times,
    random_network,
    random_spike_times,
    rare_spike_times,
    roomy_shape,
    silent_network,
    tied_network,
)
from firstspike_sim.stimulus.vectors import output_vectors
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan

BENCH = "firstspike_sim.benches.layer_bench"
INPUTS = 13

#: Neurons and spikes a token; four neurons have their weights in one word.
SIZES = [(1, 1), (10, 2), (8, 1)]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]} neurons, {size[1]} spikes")
def built(request):
    """The shape of the engine that is this layer alone, the network in it, its simulator."""
    neurons, width = request.param
    shape = roomy_shape(INPUTS, [neurons], spikes_per_token=width)
    network = random_network(np.random.default_rng(80), INPUTS, [neurons])
    contents = compile_network(network, shape).output
    return shape, network, build(OutputLayer(OutputParameters.of(shape), contents), "output_layer")


def test_networks_of_all_kinds(request, tmp_path, built):
    """The first network is built in; then others are loaded one after the other, and the first one again."""
    shape, first, simulator = built
    rng, neurons = np.random.default_rng(81), first.outputs
    tied = tied_network(random_network(rng, INPUTS, [neurons], connectivity=0.8))
    smaller = random_network(rng, INPUTS - 4, [max(1, neurons - 3)], time_steps=6, weight_bits=3)
    silent = silent_network(random_network(rng, INPUTS, [neurons], time_steps=2), 0)
    parts = [
        output_vectors(rng, network, shape, random_spike_times(rng, 10, network), load=at > 0)
        for at, network in enumerate((first, tied, smaller, silent, first))
    ]
    path = Vectors.join(parts).save(tmp_path / "vectors.npz")
    simulate(simulator, BENCH, path, run=f"output_layer {request.node.name}", seed=1)


def test_cycles(request, tmp_path, built):
    """With a few spikes in a step, each end waits for the verdicts of the one before."""
    shape, network, simulator = built
    rng = np.random.default_rng(85)
    vectors = output_vectors(rng, network, shape, rare_spike_times(rng, 12, network), load=True)
    vectors.settings.update(latency=OutputLayer.latency, end_interval=OutputLayer.end_interval)
    path = Vectors.join([vectors]).save(tmp_path / "vectors.npz")
    bench = "firstspike_sim.benches.output_layer_bench"
    simulate(simulator, bench, path, run=f"output_layer {request.node.name}", seed=1)


@pytest.mark.parametrize(("neurons", "weight_bits", "potential_bits", "width"), [(3, 16, 32, 2), (6, 3, 8, 1)])
def test_ends_of_the_widths(request, tmp_path, neurons, weight_bits, potential_bits, width):
    rng = np.random.default_rng(84)
    network = extreme_network(rng, 9, neurons, weight_bits=weight_bits, potential_bits=potential_bits)
    shape = plan(network, spikes_per_token=width)
    simulator = build(OutputLayer(OutputParameters.of(shape)), "output_layer")
    times = np.concatenate([one_sided_spike_times(network), random_spike_times(rng, 8, network)])
    path = Vectors.join([output_vectors(rng, network, shape, times, load=True)]).save(tmp_path / "vectors.npz")
    simulate(simulator, BENCH, path, run=f"output_layer {request.node.name}", seed=1)
