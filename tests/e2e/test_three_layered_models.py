"""Random layered networks through all golden models: naive, numpy and PyTorch, spike time by spike time.

The three share the network's tables and nothing else: the naive one is plain loops, numpy multiplies matrices of windows, and
PyTorch convolves. A difference is shrunk by hypothesis, and the smallest network that shows it is kept beside its inputs.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike.nn import IntegerNetwork
from firstspike_spec import compare_inferences, infer, infer_spikes, load_network, save_network

from ..levels import THOROUGH
from ..spec import naive_layered_model
from ..spec.inference.test_golden import assert_equal
from ..spec.random_layered_networks import layered_networks, random_layered_map_network, random_layered_times

EXAMPLES = 3000 if THOROUGH else 150
BATCH = 3

#: Where the smallest network with a difference is kept, with its inputs.
FAILURES = Path("build/failures")


def kept(network, times):
    """Keep a network and its inputs, and return their files for a message."""
    FAILURES.mkdir(parents=True, exist_ok=True)
    files = FAILURES / "layered-models.safetensors", FAILURES / "layered-models.npy"
    save_network(network, files[0])
    np.save(files[1], times)
    return files


def compare(network, times):
    """Compare the three models, and return the number of values."""
    numpy_form = infer_spikes(network, times)
    comparison = compare_inferences(numpy_form, IntegerNetwork(network).infer_spikes(times))
    try:
        comparison.check()
        assert_equal(numpy_form, naive_layered_model.infer(network, times))
    except AssertionError as error:
        network_file, times_file = kept(network, times)
        raise AssertionError(f"the models differ; see {network_file} and {times_file}\n{error}") from error
    return comparison.compared_values


def test_random_networks(record_property):
    compared = 0

    @given(layered_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    @settings(max_examples=EXAMPLES, deadline=None)
    def case(network, seed, silent):
        nonlocal compared
        compared += compare(network, random_layered_times(seed, network, BATCH, silent))

    case()
    assert compared > EXAMPLES * BATCH
    record_property("values", compared)


@pytest.mark.parametrize("seed", range(40 if THOROUGH else 4))
def test_larger_networks(seed, record_property):
    """Two convolutions with max pooling and a skip, of more maps than the random ones have, and images of colour."""
    network = random_layered_map_network(seed, (3, 14, 11), outputs=10, time_steps=2 + seed % 15, input_steps=2 + seed % 7)
    images = np.random.default_rng(seed).integers(0, 256, (8, 3, 14, 11)).astype(np.uint8)
    comparison = compare_inferences(infer(network, images), IntegerNetwork(network).infer(images))
    comparison.check()
    times = np.array(naive_layered_model.spike_times(network, images), np.int16)
    record_property("values", comparison.compared_values + compare(network, times))


def test_the_outputs_of_the_module_are_the_potentials():
    network = random_layered_map_network(1)
    images = np.random.default_rng(1).integers(0, 256, (5, *network.input_shape)).astype(np.uint8)
    outputs = IntegerNetwork(network)(torch.from_numpy(images))
    np.testing.assert_array_equal(outputs.numpy(), infer(network, images).potentials[-1])


def test_a_network_from_a_file_gives_the_same(tmp_path):
    network = random_layered_map_network(5)
    save_network(network, tmp_path / "n.safetensors")
    times = random_layered_times(5, network, 6)
    compare_inferences(infer_spikes(network, times), infer_spikes(load_network(tmp_path / "n.safetensors"), times)).check()
