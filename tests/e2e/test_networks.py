"""The networks that ship are small, and as good as they say."""

from pathlib import Path

import numpy as np
import pytest

from firstspike_spec import infer, load_network

from ..levels import thorough

NETWORKS = sorted((Path(__file__).parents[2] / "networks").glob("*.safetensors"))

#: What each network is for: the largest share of its trained connections, and the least accuracy.
PROMISES = {
    "mnist-mlp": (0.05, 0.983),
    "mnist-mlp-2": (0.02, 0.977),
    "mnist-mlp-448": (0.029, 0.98),  # for the smallest engine, and for a chip full of engines
    "fashion-mlp": (0.05, 0.888),
    "mnist-conv": (0.06, 0.991),
    "fashion-conv": (0.03, 0.9),
    "mnist-mlp-200": (0.07, 0.97),  # for a Tang Nano 9K
    "mnist-mlp-88": (0.22, 0.97),  # for an iCEBreaker
    "mnist-conv-layered": (0.28, 0.994),  # 30,000 connections
    "fashion-conv-layered": (0.22, 0.916),  # 70,000
    "cifar10-100k": (0.1, 0.897),
}


#: Bytes that a file is below.
SIZES = dict.fromkeys(PROMISES, 200_000) | {
    "mnist-conv": 220_000,
    "fashion-conv": 520_000,
    "fashion-conv-layered": 270_000,
    "cifar10-100k": 450_000,
}


def test_there_is_a_network_for_each_promise():
    assert {path.stem for path in NETWORKS} == set(PROMISES)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[thorough] * ("conv" in path.stem or "cifar" in path.stem)) for path in NETWORKS],
    ids=lambda path: path.stem,
)
def test_a_network_is_what_its_provenance_says(path, test_sets):
    network = load_network(path)
    facts = network.provenance
    connectivity, accuracy = PROMISES[path.stem]
    assert path.stat().st_size < SIZES[path.stem]
    assert facts["connectivity_as_trained"] <= connectivity
    assert facts["connectivity"] == network.connectivity
    assert facts["synapses"] == network.synapses

    test = test_sets(facts["dataset"])
    inference = infer(network, test.images)
    assert len(test.images) == facts["test_images"] == 10_000
    assert float((inference.classes == test.labels).mean()) == facts["test_accuracy"] >= accuracy
    assert float(inference.decision_steps.mean()) == facts["mean_decision_step"]
    assert float(inference.synaptic_operations.mean()) == facts["mean_synaptic_operations"]


#: The most connections of layered networks.
CONNECTIONS = {"mnist-conv-layered": 30_000, "fashion-conv-layered": 70_000, "cifar10-100k": 100_000}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_layered_network_keeps_to_its_budget_and_to_what_a_processor_holds(name, test_sets):
    network = load_network(Path(__file__).parents[2] / "networks" / f"{name}.safetensors")
    assert network.synapses <= CONNECTIONS[name]
    assert max(layer.targets for layer in network.layers) <= 65_536
    times = infer(network, test_sets(network.provenance["dataset"]).images[:500]).spike_times[1:-1]
    for index, part in enumerate(times):
        spikes = (part < network.time_steps).sum(axis=1)
        assert np.percentile(spikes, 99) <= 16_384, index
        assert spikes.max() > 0, index
