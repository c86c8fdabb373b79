"""The hidden layer against the golden model."""

import numpy as np
import pytest

from firstspike_hw.lane.parameters import LayerParameters
from firstspike_hw.layer.layer import Layer
from firstspike_sim.runner import build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import as_hidden, random_network, random_spike_times, roomy_shape
from firstspike_sim.stimulus.vectors import layer_vectors
from firstspike_spec import Layer as SpecLayer
from firstspike_spec import Network
from firstspike_spec.compiler import fit
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.placement import arrange
from tests.levels import thorough

BENCH = "firstspike_sim.benches.layer_bench"
INPUTS = 13

#: Lanes, lanes of a bank, spikes a token, neurons, which do not divide by the lanes where there is more than one.
SIZES = [
    (1, 1, 2, 5),
    (3, 1, 1, 10),
    (4, 2, 1, 11),
    pytest.param(10, 2, 2, 27, marks=thorough),
    pytest.param(9, 1, 2, 23, marks=thorough),
]


def lopsided_network(rng, neurons, lanes):
    """Return a network in which the neurons of one lane have far more connections than the others.

    Placed in order, they fill the queue of one lane while the others wait.
    """
    network = random_network(rng, INPUTS, [neurons], connectivity=0.6)
    layer = network.layers[0]
    weights = layer.dense()
    others = np.arange(neurons) >= -(-neurons // lanes)
    weights[others] *= rng.random(weights[others].shape) < 0.2
    thinned = SpecLayer.from_dense(weights, layer.initial_potentials, layer.threshold, layer.weight_bits)
    return Network(network.encoder, (thinned,), network.input_shape)


def place_in_order(layer, lanes):
    """Return a placement that fills one lane with the first neurons, the next lane with the next ones, and so on."""
    owners, numbers = np.divmod(np.arange(layer.targets), -(-layer.targets // lanes))
    return arrange(layer, owners, numbers)


@pytest.mark.parametrize(("lanes", "bank_lanes", "width", "neurons"), SIZES)
def test_networks_of_all_kinds(request, tmp_path, monkeypatch, lanes, bank_lanes, width, neurons):
    """The first network is built in; then others are loaded one after the other, and the first one again."""
    rng = np.random.default_rng(40)
    shape = roomy_shape(INPUTS, [neurons, 1], [lanes], bank_lanes=bank_lanes, spikes_per_token=width)
    first = random_network(rng, INPUTS, [neurons])
    contents = compile_network(as_hidden(first), shape).banks[0]
    simulator = build(Layer(LayerParameters.of(shape, 0), contents), "layer")

    dense = random_network(rng, INPUTS, [neurons], connectivity=1.0)
    smaller = random_network(rng, INPUTS - 4, [max(1, neurons - 3)], time_steps=8, weight_bits=3)
    parts = [
        layer_vectors(rng, network, shape, random_spike_times(rng, batch, network), load=load)
        for network, batch, load in ((first, 8, False), (dense, 8, True), (smaller, 4, True))
    ]
    with monkeypatch.context() as patch:
        patch.setattr(fit, "place", place_in_order)
        lopsided = lopsided_network(rng, neurons, lanes)
        parts.append(layer_vectors(rng, lopsided, shape, random_spike_times(rng, 10, lopsided), load=True))
    parts.append(layer_vectors(rng, first, shape, random_spike_times(rng, 4, first), load=True))
    path = Vectors.join(parts).save(tmp_path / "vectors.npz")
    simulate(simulator, BENCH, path, run=f"layer {request.node.name}", seed=1)
