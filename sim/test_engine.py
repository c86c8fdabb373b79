"""The engine against the golden model."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.chain.engine import Engine
from firstspike_sim.points import POINTS
from firstspike_sim.runner import RUNS, build, simulate
from firstspike_sim.stimulus.handover import Vectors
from firstspike_sim.stimulus.networks import (
    random_map_network,
    random_network,
    random_spike_times,
    roomy_shape,
    shape_for,
    silent_network,
    tied_network,
    unconnected_network,
)
from firstspike_sim.stimulus.vectors import compare_seen, engine_vectors
from firstspike_spec import load_network
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.datasets import read_idx
from tests.levels import thorough

BENCH = "firstspike_sim.benches.engine_bench"
ROOT = Path(__file__).resolve().parents[1]

#: Inputs, neurons of each layer, lanes of each hidden layer, lanes of a bank, spikes a token.
SIZES = {
    "no hidden layer": (12, [7], [], 1, 1),
    "1 lane": (9, [6, 4], [1], 1, 1),
    "2 lanes": (11, [7, 5], [2], 2, 2),
    "3 lanes and 2": (10, [8, 7, 5], [3, 2], 1, 2),
    "8 lanes": (20, [37, 10], [8], 2, 1),
}

#: Lanes, lanes of a bank, spikes a token; a network of those that are shipped, and whether it is loaded or built in.
SHIPPED = [
    (1, 1, 2, "mnist-mlp-88", True),
    pytest.param(2, 1, 1, "mnist-mlp-88", False, marks=thorough),
    pytest.param(3, 1, 2, "mnist-mlp-88", True, marks=thorough),
    pytest.param(8, 2, 1, "mnist-mlp-88", False, marks=thorough),
    pytest.param(16, 2, 2, "mnist-mlp", False, marks=thorough),
    pytest.param(32, 2, 2, "mnist-mlp-2", False, marks=thorough),
]


def vectors_of(rng, network, shape, batch, *, load=True):
    return engine_vectors(compile_network(network, shape), random_spike_times(rng, batch, network), load=load, rng=rng)


def run_one_after_the_other(request, tmp_path, rng, shape, networks):
    """Load each network into one engine in turn, run images, and compare all that they do with the golden model."""
    simulator = build(Engine(shape), "engine")
    batches = [(compile_network(network, shape), random_spike_times(rng, 6, network)) for network in networks]
    vectors = Vectors.join([engine_vectors(*batch, load=True, rng=rng) for batch in batches])
    run = simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"engine {request.node.name}", seed=1)
    for early_exit in (False, True):
        for number, (image, times) in enumerate(batches):
            # The first network ran once more at the end.
            compare_seen(run.folder, number or len(batches), image, times, early_exit=early_exit).check()


@pytest.mark.parametrize("size", [pytest.param(size, marks=[thorough] * (size == "8 lanes")) for size in SIZES])
def test_networks_loaded_one_after_the_other(request, tmp_path, size):
    """The first network fills the engine; others are smaller in every way, have ties, or are silent in a layer."""
    inputs, neurons, lanes, bank_lanes, width = SIZES[size]
    rng = np.random.default_rng(60)
    shape = roomy_shape(inputs, neurons, lanes, bank_lanes=bank_lanes, spikes_per_token=width)
    fewer = [max(1, count - 2) for count in neurons]
    networks = [
        random_network(rng, inputs, neurons, time_steps=5),
        random_network(rng, inputs - 3, fewer, time_steps=2, weight_bits=3),
        tied_network(random_network(rng, inputs, neurons, connectivity=0.8)),
        random_network(rng, inputs, fewer, time_steps=9, connectivity=0.2),
        silent_network(random_network(rng, inputs, neurons), 0),
        silent_network(random_network(rng, inputs, neurons, time_steps=3), -1),
        unconnected_network(random_network(rng, inputs, neurons, time_steps=3)),
    ]
    run_one_after_the_other(request, tmp_path, rng, shape, networks)


#: Channels of each convolution, neurons of the layers after them, lanes of each hidden layer, spikes a token.
WITH_MAPS = {
    "a convolution before the output": ([5], [3], [2], 1),
    "two convolutions and a hidden layer": ([3, 7], [11, 4], [2, 4, 3], 2),
}


@pytest.mark.parametrize("name", WITH_MAPS)
def test_convolutional_networks_loaded_one_after_the_other(request, tmp_path, name):
    """Others have fewer channels and steps, or more steps; every spike time, potential, class and counter."""
    channels, neurons, lanes, width = WITH_MAPS[name]
    rng = np.random.default_rng(64)
    networks = [
        random_map_network(rng, channels, neurons),
        random_map_network(rng, [count - 1 for count in channels], neurons, time_steps=2, weight_bits=3),
        random_map_network(rng, channels, neurons, time_steps=7),
    ]
    shape = shape_for(networks, lanes, spikes_per_token=width, bank_lanes=1)
    run_one_after_the_other(request, tmp_path, rng, shape, networks)


@pytest.fixture(scope="module")
def initial():
    """An engine that was built with a network, and the network."""
    network = random_network(np.random.default_rng(61), 11, [9, 5], time_steps=4)
    shape = plan(network, 3, queue_depth=16)
    return network, shape, build(Engine(shape, compile_network(network, shape)), "engine")


def test_network_as_initial_contents(request, tmp_path, initial):
    network, shape, simulator = initial
    vectors = Vectors.join([vectors_of(np.random.default_rng(62), network, shape, 16, load=False)])
    path = vectors.save(tmp_path / "vectors.npz")
    tests = "batches_match|read_back|reset"
    simulate(simulator, BENCH, path, run=f"engine {request.node.name}", seed=1, test_filter=tests)


def test_network_loaded_over_initial_contents(request, tmp_path, initial):
    _, shape, simulator = initial
    rng = np.random.default_rng(63)
    network = random_network(rng, 10, [6, 4], time_steps=3, connectivity=0.2, weight_bits=3)
    vectors = Vectors.join([vectors_of(rng, network, shape, 8)])
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"engine {request.node.name}", seed=1)


@pytest.mark.parametrize(("lanes", "bank_lanes", "width", "name", "load"), SHIPPED)
def test_shipped_network(request, tmp_path, lanes, bank_lanes, width, name, load):
    network = load_network(ROOT / "networks" / f"{name}.safetensors")
    digits = ROOT / "sw" / "firstspike" / "demo" / "digits-images-idx3-ubyte.gz"
    times = network.spike_times(read_idx(digits.read_bytes(), str(digits))[:16])
    shape = plan(network, lanes, bank_lanes=bank_lanes, spikes_per_token=width)
    assert shape.layers[0].lanes == lanes
    image = compile_network(network, shape)
    # To load tens of thousands of words takes more time than all the images.
    simulator = build(Engine(shape, None if load else image), "engine")
    path = Vectors.join([engine_vectors(image, times, load=load)]).save(tmp_path / "vectors.npz")
    stalls = "batches_match/stall_in=0.5/stall_out=0.5"
    run = simulate(simulator, BENCH, path, run=f"engine {request.node.name}", seed=1, test_filter=stalls)
    for early_exit in (False, True):
        compare_seen(run.folder, 0, image, times, early_exit=early_exit).check()


def test_every_situation_is_reached():
    """Counted over all that ran before: in each of them an engine could do something wrong that it does nowhere else."""
    if not RUNS:
        pytest.skip("no bench ran before")
    reached = sum((run.reached for run in RUNS), Counter())
    for point, meaning in POINTS.items():
        print(f"{reached[point]:8,} {point}: {meaning}")
    missed = [point for point in POINTS if not reached[point]]
    assert not missed, f"never reached: {', '.join(missed)}"
    assert set(reached) <= set(POINTS)
