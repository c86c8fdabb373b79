"""Random networks through all four models: naive, golden, PyTorch and the compiled RTL, spike time by spike time.

The four share the contract and nothing else: the naive one is plain loops, PyTorch's sums matrices, the RTL adds one weight
at a time. A difference is shrunk by hypothesis, and the smallest network that shows it is kept beside its inputs.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_hw.simulation import NativeEngine
from firstspike_model.inference import golden as pytorch
from firstspike_spec import compare_inferences, infer_spikes, load_network, save_network
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.inference.results import Results, compare_results

from ..hw.models import roomy, roomy_for_maps
from ..levels import THOROUGH
from ..spec import naive_model
from ..spec.inference.test_golden import assert_equal
from ..spec.random_networks import map_networks, networks, random_map_network, random_network, random_times

#: Networks of each depth.
EXAMPLES = 300 if THOROUGH else 20

#: Where the smallest network with a difference is kept, with its inputs.
FAILURES = Path("build/failures")

LAYERS, MOST_NEURONS, BATCH = (1, 2, 3, 4), 40, 3

#: By number of layers, engines with room for any such network; lanes differ, and some share a bank.
SHAPES = {
    1: roomy((40, 40), (), spikes_per_token=1, time_steps=16),
    2: roomy((40, 40, 40), (4,), spikes_per_token=2, bank_lanes=2, time_steps=16),
    3: roomy((40, 40, 40, 40), (1, 2), spikes_per_token=1, time_steps=16),
    4: roomy((40, 40, 40, 40, 40), (3, 2, 1), spikes_per_token=2, time_steps=16, queue_depth=16),
}

#: By number of layers, engines for networks that begin with convolutions.
SHAPES_FOR_MAPS = {
    2: roomy_for_maps((2,), bank_lanes=2),
    3: roomy_for_maps((1, 3), spikes_per_token=1),
    4: roomy_for_maps((3, 2, 1), queue_depth=16),
}


@pytest.fixture(scope="module")
def engines():
    yield from _engines(SHAPES)


@pytest.fixture(scope="module")
def engines_for_maps():
    yield from _engines(SHAPES_FOR_MAPS)


def _engines(shapes):
    made = {layers: NativeEngine(shape) for layers, shape in shapes.items()}
    yield made
    for engine in made.values():
        engine.close()


def compare_all(network, times, early_exit, engine) -> int:
    """Compare the four models; return how many values were the same in all of them."""
    golden = infer_spikes(network, times, early_exit=early_exit)
    assert_equal(golden, naive_model.infer(network, times, early_exit))
    comparison = compare_inferences(golden, pytorch.infer_spikes(network, times, early_exit=early_exit))
    engine.load(compile_network(network, engine.shape))
    got = engine.run(times, early_exit=early_exit)
    comparison.add(compare_results(Results.from_inference(golden, early_exit=early_exit), got))
    comparison.check()
    return comparison.compared_values


def keep(network, times) -> Path:
    """Write a network and its inputs; `replay` runs them again."""
    FAILURES.mkdir(parents=True, exist_ok=True)
    path = FAILURES / "network.safetensors"
    save_network(network, path)
    np.save(path.with_suffix(".npy"), times)
    return path


@pytest.mark.parametrize("layers", LAYERS)
def test_four_models_agree(engines, layers, record_property):
    """One to four layers of one to forty neurons, one to eight bits, two to sixteen steps, any connectivity."""
    agree(networks(layers, MOST_NEURONS, least_layers=layers), EXAMPLES, engines, record_property)


def test_four_models_agree_with_maps(engines_for_maps, record_property):
    """One or two convolutions of any stride, padding and pooling, perhaps a fully connected layer, and the output."""
    agree(map_networks(), 2 * EXAMPLES, engines_for_maps, record_property)


def agree(some_networks, examples, engines, record_property):
    """Draw networks and inputs, and compare all models."""
    compared = count = 0

    @given(some_networks, st.integers(0, 2**32 - 1), st.booleans())
    @settings(max_examples=examples, deadline=None)
    def compare(network, seed, early_exit):
        nonlocal compared, count
        times = random_times(seed, network, BATCH, silent=(0.0, 0.3, 0.9, 1.0)[seed % 4])
        try:
            compared += compare_all(network, times, early_exit, engines[len(network.layers)])
        except Exception as error:
            path = keep(network, times)
            raise AssertionError(f"{path} shows a difference: FIRSTSPIKE_REPLAY={path} pytest {__file__} -k replay") from error
        count += 1

    compare()
    assert compared > count > 0
    record_property("networks", count)
    record_property("values", compared)


def test_replay(engines, engines_for_maps):
    """The network that ``FIRSTSPIKE_REPLAY`` names, kept by a run that found a difference; else one of each depth."""
    path = os.environ.get("FIRSTSPIKE_REPLAY")
    if path:
        cases = [(load_network(path), np.load(Path(path).with_suffix(".npy")))]
    else:
        cases = [(random_network(0, [5] * (layers + 1)), None) for layers in LAYERS]
        cases.append((random_map_network(0, (5, 6), channels=(2, 3)), None))
    for network, times in cases:
        times = random_times(0, network, BATCH) if times is None else times
        fitting = engines if all(layer.maps.is_flat for layer in network.layers) else engines_for_maps
        for early_exit in (False, True):
            assert compare_all(network, times, early_exit, fitting[len(network.layers)])


def test_a_difference_is_kept(tmp_path, monkeypatch):
    """What is kept is the network and the inputs themselves."""
    monkeypatch.chdir(tmp_path)
    network = random_network(3, (4, 5, 3))
    times = random_times(3, network, BATCH)
    path = keep(network, times)
    assert load_network(path).digest == network.digest
    np.testing.assert_array_equal(np.load(path.with_suffix(".npy")), times)
