"""The golden model of layered networks gives the same numbers as `naive_layered_model`, which is plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import (
    InputCode,
    InputError,
    InputTypeError,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Projection,
    infer,
    infer_spikes,
)
from firstspike_spec.inference import layered

from ...levels import THOROUGH
from .. import naive_layered_model
from ..random_layered_networks import layered_networks, random_chain, random_layered_map_network, random_layered_times
from .test_golden import assert_equal

BATCH = 4
EXAMPLES = 5000 if THOROUGH else 300


def test_equals_the_naive_model(record_property):
    compared = 0

    @given(layered_networks(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.booleans())
    @settings(max_examples=EXAMPLES, deadline=None)
    def compare(network, seed, silent, early_exit):
        nonlocal compared
        times = random_layered_times(seed, network, BATCH, silent)
        got = infer_spikes(network, times, early_exit=early_exit)
        assert_equal(got, naive_layered_model.infer(network, times))
        assert got.time_steps == network.time_steps
        assert [part.dtype for part in got.spike_times] == [np.int16] * (len(network.layers) + 1)
        assert [part.dtype for part in got.potentials] == [np.int32] * len(network.layers)
        assert (got.classes.dtype, got.decision_steps.dtype) == (np.int16, np.int16)
        assert (got.spikes.dtype, got.synaptic_operations.dtype) == (np.int64, np.int64)
        compared += sum(part.size for part in got.spike_times + got.potentials) + 4 * BATCH

    compare()
    assert compared > EXAMPLES * BATCH
    record_property("values", compared)


@given(layered_networks(images=True), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_images_are_encoded_by_the_table_of_their_channel(network, seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, *network.input_shape)).astype(np.uint8)
    images[0] = 0  # nothing spikes
    expected = naive_layered_model.infer(network, naive_layered_model.spike_times(network, images))
    assert_equal(infer(network, images), expected)
    assert_equal(infer(network, images.reshape(3, network.inputs)), expected)


def test_the_strategy_reaches_every_option():
    """Each kind of case that could be computed wrongly does occur among the random ones."""
    seen = set()

    @given(layered_networks(), st.integers(0, 2**32 - 1))
    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    def look(network, seed):
        inference = infer_spikes(network, random_layered_times(seed, network, BATCH))
        for latencies, potentials in zip(inference.latencies, inference.potentials[-1], strict=True):
            first = latencies == latencies.min()
            if latencies.min() == network.time_steps:
                seen.add("silent")
            elif first.sum() > 1:
                seen.add("tie" if np.ptp(potentials[first]) else "tie of potentials")
            else:
                seen.add("one winner")
        seen.update(_options(network))
        for layer_times in inference.spike_times[1:]:
            if (layer_times == 0).all():
                seen.add("all at step 0")
            if len(set(layer_times.ravel().tolist()) - {network.time_steps}) > 2:
                seen.add("several steps")
            if (layer_times == network.time_steps).all():
                seen.add("a silent layer")

    look()
    assert seen == {
        "silent", "tie", "tie of potentials", "one winner", "all at step 0", "several steps", "a silent layer",
        "four layers", "skip of the input", "skip of a layer", "twice the same source", "max pooling", "dropped edge",
        "average pooling",
        "average pooling of a rest", "stride", "padding", "channels", "images", "spike times", "another number of input steps",
        "no connections", "two steps", "32 steps", "float64",
    }  # fmt: skip


def _options(network):
    """Yield the options that a network uses."""
    yield "images" if network.input_code.thresholds is not None else "spike times"
    if network.input_time_steps != network.time_steps:
        yield "another number of input steps"
    if len(network.layers) == 4:
        yield "four layers"
    yield {2: "two steps", 32: "32 steps"}.get(network.time_steps, "spike times")
    if len(network.input_shape) == 3 and network.input_shape[0] > 1:
        yield "channels"
    for index, layer in enumerate(network.layers):
        sources = [part.source for part in layer.projections]
        if index and 0 in sources[1:]:
            yield "skip of the input"
        if any(0 < source < index for source in sources):
            yield "skip of a layer"
        if len(set(sources)) < len(sources):
            yield "twice the same source"
        if layer.max_pooling > 1:
            yield "max pooling"
            if any(side % layer.max_pooling for side in layer.target_shape[1:]):
                yield "dropped edge"
        if layer.largest_sum(network.highest_values) > 1 << 24:
            yield "float64"
        for part in layer.projections:
            if not part.synapses:
                yield "no connections"
            if part.maps.stride > 1:
                yield "stride"
            if part.maps.padding:
                yield "padding"
            if part.maps.pooling > 1:
                yield "average pooling"
                if part.maps.height % part.maps.pooling:
                    yield "average pooling of a rest"


def one_layer(weights, thresholds, kernel, *, start=None, bits=8, maps=None, max_pooling=1):
    weights = np.array(weights)
    start = np.zeros(len(weights), int) if start is None else start
    layer = LayeredLayer([Projection.from_dense(0, weights, bits, maps=maps)], start, thresholds, max_pooling)
    shape = (layer.projections[0].sources,) if maps is None else maps.source_shape
    return LayeredNetwork(InputCode(kernel), np.arange(len(thresholds), 0, -1), [layer], shape)


def run_one(network, times):
    return infer_spikes(network, np.array([times], np.int16))


def test_a_spike_counts_its_weight_times_the_kernel_of_its_step():
    network = one_layer([[3, -2]], [20, 10, 5], [7, 4, 1], start=[1])
    got = run_one(network, [0, 2])
    assert (got.potentials[0].tolist(), got.latencies.tolist()) == ([[1 + 3 * 7 - 2]], [[0]])
    assert run_one(network, [1, 3]).potentials[0].tolist() == [[1 + 3 * 4]]
    assert run_one(network, [3, 3]).potentials[0].tolist() == [[1]]


@pytest.mark.parametrize(("start", "step"), [(21, 0), (20, 0), (19, 1), (10, 1), (9, 2), (5, 2), (4, 3), (-1, 3)])
def test_a_neuron_spikes_at_the_first_step_whose_threshold_it_reaches(start, step):
    got = run_one(one_layer([[0]], [20, 10, 5], [2, 1], start=[start]), [2])
    assert got.latencies.tolist() == [[step]]
    assert got.decision_steps.tolist() == [min(step, 2)]
    assert got.spikes.tolist() == [int(step < 3)]


def test_the_decision_is_the_earliest_spike_then_the_larger_potential_then_the_lower_index():
    thresholds, kernel = [20, 10], [2, 1]
    assert run_one(one_layer([[0]] * 3, thresholds, kernel, start=[19, 20, 10]), [0]).classes.tolist() == [1]
    assert run_one(one_layer([[0]] * 3, thresholds, kernel, start=[12, 13, 13]), [0]).classes.tolist() == [1]
    assert run_one(one_layer([[0]] * 3, thresholds, kernel, start=[-9, -7, -7]), [0]).classes.tolist() == [1]


def test_partial_sums_beyond_the_potentials_are_exact():
    """A product of 25 bits whose potential, with the initial one, has 24: float32 would lose the last bit."""
    kernel, weight = [65535, 1], 127
    weights = np.array([[weight] * 3 + [1]])
    network = one_layer(weights, [2, 1], kernel, start=[-12_483_000])
    times = [[0, 0, 0, 1], [0, 0, 0, 2], [0, 2, 0, 1], [2, 2, 2, 1]]
    got = infer_spikes(network, np.array(times, np.int16))
    assert_equal(got, naive_layered_model.infer(network, times))
    assert got.potentials[0].max() > 1 << 23
    assert layered._LayerArrays(network.layers[0], network.highest_values).number is np.float64


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_a_batch_in_chunks_is_the_same_batch(chunk, monkeypatch):
    network = random_layered_map_network(2)
    times = random_layered_times(2, network, 7)
    monkeypatch.setattr(layered, "CHUNK", chunk)
    assert_equal(infer_spikes(network, times), naive_layered_model.infer(network, times))


@pytest.mark.parametrize("exact", [1, 1 << 24])
def test_both_number_types_give_the_same(exact, monkeypatch):
    network = random_layered_map_network(3)
    times = random_layered_times(3, network, 5)
    monkeypatch.setattr(layered, "EXACT_IN_FLOAT32", exact)
    assert_equal(infer_spikes(network, times), naive_layered_model.infer(network, times))


@pytest.mark.parametrize("connected", [0, 1])
def test_an_empty_batch_gives_empty_results_of_the_right_shapes(connected):
    network = random_layered_map_network(3, connectivity=connected)
    got = infer_spikes(network, np.zeros((0, 144), np.int16))
    assert [times.shape[1] for times in got.spike_times] == [144, 4 * 4 * 4, 5 * 2 * 2, 3]
    assert [potentials.shape for potentials in got.potentials] == [(0, 4 * 9 * 8), (0, 20), (0, 3)]
    assert got.classes.shape == got.decision_steps.shape == got.spikes.shape == got.synaptic_operations.shape == (0,)


def test_max_pooling_passes_the_earliest_spike_and_drops_the_edges():
    """Five neurons in a row of three, three rows: only the upper left square of two is complete."""
    maps = Maps(1, 3, 3, 1, 1)
    first = LayeredLayer([Projection.from_dense(0, [[1]], 2, maps=maps)], [0], [3, 2, 1], 2)
    last = LayeredLayer([Projection.from_dense(1, [[1]], 2)], [0], [3, 2, 1])
    network = LayeredNetwork(InputCode([3, 2, 1]), [3, 2, 1], [first, last], (3, 3))
    got = run_one(network, [2, 3, 0, 3, 1, 0, 0, 0, 0])
    assert [times.tolist() for times in got.spike_times[1:]] == [[[1]], [[1]]]
    assert got.potentials[0].tolist() == [[1, 0, 3, 0, 2, 3, 3, 3, 3]]
    assert got.spikes.tolist() == [7 + 1 + 1]


def test_images_for_a_network_of_spike_times():
    network = one_layer([[1, 1]], [2, 1], [2, 1])
    for images in (np.zeros((1, 2), np.uint8), np.zeros((1, 2), np.int16)):
        with pytest.raises(InputError, match=r"^the network takes spike times and no images: .*; use infer_spikes$"):
            infer(network, images)


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        (np.zeros((2, 5), np.int64), InputTypeError, "spike times must be an array of int16, not of int64"),
        (np.zeros((2, 6), np.int16), InputError, r"spike times must have the shape \(batch, 5\), not \(2, 6\)"),
        (np.full((1, 5), 7, np.int16), InputError, r"spike times must be in 0 .. 6 \(6 for no spike\), not 7 .. 7"),
        (np.full((1, 5), -1, np.int16), InputError, r"spike times must be in 0 .. 6 .*, not -1 .. -1"),
    ],
)
def test_bad_spike_times(times, error, message):
    with pytest.raises(error, match=message):
        infer_spikes(random_chain(3, (5, 4, 3)), times)


def test_bad_images():
    network = random_layered_map_network(0)
    with pytest.raises(InputTypeError, match="images must be an array of uint8"):
        infer(network, np.zeros((1, 2, 9, 8)))
    with pytest.raises(InputError, match=r"images must have the shape \(batch, 2, 9, 8\) or \(batch, 144\), not \(1, 9, 8\)"):
        infer(network, np.zeros((1, 9, 8), np.uint8))
