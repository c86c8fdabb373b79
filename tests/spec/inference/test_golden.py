"""The golden model gives the same numbers as `naive_model`, which follows the contract in plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Layer, Network, infer, infer_spikes
from firstspike_spec.inference import golden

from .. import naive_model
from ..random_networks import map_networks, networks, random_network, random_times

BATCH = 4


def assert_equal(got, expected):
    """Compare an `Inference` with what the naive model gave for each image, number by number."""
    assert len(got.classes) == len(expected)
    for image, wanted in enumerate(expected):
        assert [times[image].tolist() for times in got.spike_times] == wanted["times"]
        assert [potentials[image].tolist() for potentials in got.potentials] == wanted["potentials"]
        assert got.classes[image] == wanted["class"]
        assert got.decision_steps[image] == wanted["decision_step"]
        assert got.spikes[image] == wanted["spikes"]
        assert got.synaptic_operations[image] == wanted["synaptic_operations"]


@given(networks() | map_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.booleans())
@settings(max_examples=500, deadline=None)
def test_equals_the_naive_model(network, seed, silent, early_exit):
    times = random_times(seed, network, BATCH, silent)
    got = infer_spikes(network, times, early_exit=early_exit)
    assert_equal(got, naive_model.infer(network, times, early_exit))
    assert got.time_steps == network.time_steps
    assert got.latencies is got.spike_times[-1]


@given(networks() | map_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.9]))
@settings(max_examples=100, deadline=None)
def test_early_exit_changes_no_class_and_no_decision_step(network, seed, silent):
    times = random_times(seed, network, 8, silent)
    early = infer_spikes(network, times, early_exit=True)
    full = infer_spikes(network, times, early_exit=False)
    np.testing.assert_array_equal(early.classes, full.classes)
    np.testing.assert_array_equal(early.decision_steps, full.decision_steps)
    for short, long in zip(early.spike_times, full.spike_times, strict=True):
        known = long <= full.decision_steps[:, None]
        np.testing.assert_array_equal(short, np.where(known, long, network.time_steps))
    assert (early.synaptic_operations <= full.synaptic_operations).all()


@given(networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_images_are_encoded_by_the_networks_table(network, seed):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (3, network.inputs)).astype(np.uint8)
    images[0] = 0  # nothing spikes
    table = network.encoder.thresholds.tolist()
    times = [[naive_model.encode(int(pixel), table) for pixel in image] for image in images]
    assert_equal(infer(network, images), naive_model.infer(network, times, True))


def test_the_strategies_reach_every_kind_of_network():
    """Ties, silence, neurons that fire by themselves and full steps do occur among the random cases."""
    seen = set()

    @given(networks(), st.integers(0, 2**32 - 1))
    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    def look(network, seed):
        inference = infer_spikes(network, random_times(seed, network, BATCH), early_exit=False)
        for latencies, potentials in zip(inference.latencies, inference.potentials[-1], strict=True):
            first = latencies == latencies.min()
            if latencies.min() == network.time_steps:
                seen.add("silent")
            elif first.sum() > 1:
                seen.add("tie" if np.ptp(potentials[first]) else "tie of potentials")
            else:
                seen.add("one winner")
        if any((layer.initial_potentials >= layer.threshold).any() for layer in network.layers):
            seen.add("fires by itself")

    look()
    assert seen == {"silent", "tie", "tie of potentials", "one winner", "fires by itself"}


def layer(weights, start=None, threshold=10, bits=8):
    weights = np.array(weights)
    return Layer.from_dense(weights, np.zeros(len(weights), np.int64) if start is None else start, threshold, bits)


def run_one(layers, times, time_steps=3, *, early_exit=True):
    network = Network(LatencyEncoder.linear(time_steps), layers, (len(times),))
    return infer_spikes(network, np.array([times], np.int16), early_exit=early_exit)


def test_the_earliest_spike_decides_regardless_of_potentials():
    got = run_one([layer([[10, 0], [0, 100]])], [0, 1], early_exit=False)
    assert (got.classes[0], got.decision_steps[0]) == (0, 0)
    assert got.latencies.tolist() == [[0, 1]]


def test_among_equal_times_the_larger_potential_decides_then_the_lower_index():
    assert run_one([layer([[10, 0], [10, 1]])], [0, 0]).classes[0] == 1
    assert run_one([layer([[10, 0], [10, 0]])], [0, 0]).classes[0] == 0


def test_a_silent_network_decides_by_the_largest_potential_after_the_last_step_then_the_lower_index():
    got = run_one([layer([[9, -3], [7, 0], [7, 0]])], [0, 2])
    assert (got.classes[0], got.decision_steps[0]) == (1, 2)
    assert got.potentials[-1].tolist() == [[6, 7, 7]]
    assert got.latencies.tolist() == [[3, 3, 3]]


def test_a_neuron_is_compared_with_the_threshold_once_after_each_step():
    # 100 - 95: above the threshold only between two additions.
    assert run_one([layer([[100, -95]])], [0, 0]).latencies.tolist() == [[3]]
    # Reaching the threshold is enough, and later weights change neither the spike nor its potential.
    got = run_one([layer([[10, -128]])], [0, 1], early_exit=False)
    assert (got.latencies.tolist(), got.potentials[-1].tolist()) == ([[0]], [[10]])


def test_layers_run_in_the_same_step():
    got = run_one([layer([[10]]), layer([[10]]), layer([[10]])], [1])
    assert [times.tolist() for times in got.spike_times] == [[[1]]] * 4


def test_an_initial_potential_at_the_threshold_fires_in_the_first_step():
    got = run_one([layer([[1]], start=[10])], [3])
    assert (got.latencies.tolist(), got.decision_steps.tolist()) == ([[0]], [0])


def test_integers_too_large_for_the_fast_sum_are_exact():
    """1,001 weights of 32,767 in one step: the sum needs 25 bits although the potential never does."""
    sources, weight = 1001, (1 << 15) - 1
    start = -(sources * weight) // 2
    network = Network(LatencyEncoder.linear(2), [layer(np.full((1, sources), weight), [start], 1, 16)], (sources,))
    times = np.zeros((1, sources), np.int16)
    assert_equal(infer_spikes(network, times), naive_model.infer(network, times, True))


@pytest.mark.parametrize("bits", [8, 16])
def test_both_number_types_give_the_same(bits, monkeypatch):
    network = random_network(1, (30, 20, 5), bits=bits, connectivity=0.8, threshold=50)
    times = random_times(1, network, 10)
    fast = infer_spikes(network, times, early_exit=False)
    monkeypatch.setattr(golden, "EXACT_IN_FLOAT32", 1)
    slow = infer_spikes(network, times, early_exit=False)
    for one, other in zip(fast.spike_times + fast.potentials, slow.spike_times + slow.potentials, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_a_batch_in_chunks_is_the_same_batch(chunk, monkeypatch):
    network = random_network(2, (9, 8, 4))
    times = random_times(2, network, 7)
    whole = naive_model.infer(network, times, True)
    monkeypatch.setattr(golden, "CHUNK", chunk)
    assert_equal(infer_spikes(network, times), whole)


def test_an_empty_batch_gives_empty_results_of_the_right_shapes():
    network = random_network(3, (5, 4, 3))
    got = infer_spikes(network, np.zeros((0, 5), np.int16))
    assert [times.shape for times in got.spike_times] == [(0, 5), (0, 4), (0, 3)]
    assert [potentials.shape for potentials in got.potentials] == [(0, 4), (0, 3)]
    assert got.classes.shape == got.decision_steps.shape == got.spikes.shape == got.synaptic_operations.shape == (0,)


def test_types_of_the_results():
    network = random_network(3, (5, 4, 3))
    got = infer_spikes(network, random_times(0, network, 2))
    assert {times.dtype for times in got.spike_times} == {np.dtype(np.int16)}
    assert {potentials.dtype for potentials in got.potentials} == {np.dtype(np.int32)}
    assert (got.classes.dtype, got.decision_steps.dtype) == (np.int16, np.int16)
    assert (got.spikes.dtype, got.synaptic_operations.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        (np.zeros((2, 5), np.int64), InputTypeError, "spike times must be an array of int16, not of int64"),
        ([[0] * 5], InputTypeError, "spike times must be an array of int16, not of list"),
        (np.zeros((2, 6), np.int16), InputError, r"spike times must have the shape \(batch, 5\), not \(2, 6\)"),
        (np.zeros(5, np.int16), InputError, r"spike times must have the shape \(batch, 5\), not \(5,\)"),
        (np.full((1, 5), 5, np.int16), InputError, r"spike times must be in 0 .. 4 \(4 for no spike\), not 5 .. 5"),
        (np.full((1, 5), -1, np.int16), InputError, r"spike times must be in 0 .. 4 .*, not -1 .. -1"),
    ],
)
def test_bad_spike_times(times, error, message):
    with pytest.raises(error, match=message):
        infer_spikes(random_network(3, (5, 4, 3)), times)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            np.zeros((1, 5)),
            InputTypeError,
            r"images must be an array of uint8 \(0 .. 255\), not of float64; multiply them by 255",
        ),
        (np.zeros((1, 6), np.uint8), InputError, r"images must have the shape \(batch, 5\), not \(1, 6\)"),
        (np.zeros(5, np.uint8), InputError, r"images must have the shape .*, not \(5,\)"),
    ],
)
def test_bad_images(images, error, message):
    with pytest.raises(error, match=message):
        infer(random_network(3, (5, 4, 3)), images)


def test_images_of_both_shapes():
    layers = random_network(3, (6, 3)).layers
    network = Network(LatencyEncoder.linear(4), layers, (2, 3))
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    np.testing.assert_array_equal(infer(network, images).classes, infer(network, images.reshape(2, 6)).classes)
