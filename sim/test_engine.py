"""The engine against the golden model."""

from pathlib import Path

import numpy as np
import pytest

from firstspike_hw.engine import Engine
from firstspike_sim.handover import Vectors
from firstspike_sim.networks import dense_network, random_network, random_spike_times
from firstspike_sim.runner import build, simulate
from firstspike_sim.vectors import compare_seen, engine_vectors
from firstspike_spec import load_network
from firstspike_spec.compiler import compile_network, plan
from firstspike_spec.datasets import read_idx

BENCH = "firstspike_sim.engine_bench"
ROOT = Path(__file__).resolve().parents[1]

#: Lanes, inputs, neurons of each layer, depth of the queues.
SIZES = {
    "1 lane, 2 layers": (1, 9, [6, 4], 2),
    "2 lanes, 1 layer": (2, 12, [7], 8),
    "3 lanes, 3 layers": (3, 10, [8, 7, 5], 2),
    "16 lanes, 2 layers": (16, 20, [37, 10], 8),
}


def vectors_of(rng, network, shape, batch, *, load=True):
    return engine_vectors(compile_network(network, shape), random_spike_times(rng, batch, network), load=load)


@pytest.mark.parametrize("size", SIZES)
def test_networks_loaded_one_after_the_other(request, tmp_path, size):
    """The first network fills the engine; the others are smaller in every way."""
    lanes, inputs, neurons, queue_depth = SIZES[size]
    rng = np.random.default_rng(60)
    shape = plan(dense_network(inputs, neurons), lanes, queue_depth=queue_depth)
    fewer = [max(1, count - 2) for count in neurons]
    networks = [
        random_network(rng, inputs, neurons, time_steps=5),
        random_network(rng, inputs - 3, fewer, time_steps=2, weight_bits=3),
        random_network(rng, inputs, fewer, time_steps=9, connectivity=0.2),
    ]
    simulator = build(Engine(shape), "engine")
    batches = [(compile_network(network, shape), random_spike_times(rng, 8, network)) for network in networks]
    vectors = Vectors.join([engine_vectors(*batch, load=True) for batch in batches])
    run = simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"engine {request.node.name}", seed=1)
    for early_exit in (False, True):
        for number, (image, times) in enumerate(batches):
            # The first network ran once more at the end.
            compare_seen(run.folder, number or len(batches), image, times, early_exit=early_exit).check()


@pytest.fixture(scope="module")
def initial():
    """An engine that was built with a network, and the network."""
    network = random_network(np.random.default_rng(61), 11, [9, 5], time_steps=4)
    shape = plan(network, [3, 2], queue_depth=4)
    return network, shape, build(Engine(shape, compile_network(network, shape)), "engine")


def test_network_as_initial_contents(request, tmp_path, initial):
    network, shape, simulator = initial
    vectors = Vectors.join([vectors_of(np.random.default_rng(62), network, shape, 16, load=False)])
    path = vectors.save(tmp_path / "vectors.npz")
    simulate(simulator, BENCH, path, run=f"engine {request.node.name}", seed=1, test_filter="batches_match")


def test_network_loaded_over_initial_contents(request, tmp_path, initial):
    _, shape, simulator = initial
    rng = np.random.default_rng(63)
    network = random_network(rng, 10, [6, 4], time_steps=3, connectivity=0.2, weight_bits=3)
    vectors = Vectors.join([vectors_of(rng, network, shape, 8)])
    simulate(simulator, BENCH, vectors.save(tmp_path / "vectors.npz"), run=f"engine {request.node.name}", seed=1)


def test_shipped_network(request, tmp_path):
    network = load_network(ROOT / "networks" / "mnist-mlp.safetensors")
    digits = ROOT / "sw" / "firstspike" / "demo" / "digits-images-idx3-ubyte.gz"
    times = network.spike_times(read_idx(digits.read_bytes(), str(digits))[:32])
    shape = plan(network, 16)
    image = compile_network(network, shape)
    # Built in, as loading its 40,000 words would take more time than all the images.
    simulator = build(Engine(shape, image), "engine")
    path = Vectors.join([engine_vectors(image, times, load=False)]).save(tmp_path / "vectors.npz")
    stalls = "batches_match/stall_in=0.5/stall_out=0.5"
    run = simulate(simulator, BENCH, path, run=f"engine {request.node.name}", seed=1, test_filter=stalls)
    for early_exit in (False, True):
        compare_seen(run.folder, 0, image, times, early_exit=early_exit).check()
