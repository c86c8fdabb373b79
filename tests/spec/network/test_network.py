"""Layers and networks: what is refused, and the width of the potentials."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstspike_spec import InputError, InputTypeError, LatencyEncoder, Layer, Network

from ..random_networks import networks, random_layer, random_network, with_activity

#: Two sources, three neurons: 0 -> 0, 2 and 1 -> 1.
GOOD = {
    "row_starts": [0, 2, 3],
    "row_targets": [0, 2, 1],
    "row_weights": [1, -8, 7],
    "initial_potentials": [0, 0, 0],
    "threshold": 4,
    "weight_bits": 4,
}


def make_layer(**changes):
    return Layer(**{**GOOD, **changes})


def test_a_good_layer():
    layer = make_layer()
    assert (layer.sources, layer.targets, layer.synapses, layer.connectivity) == (2, 3, 3, 0.5)
    assert layer.row_lengths.tolist() == [2, 1]
    assert layer.taps_of_synapses.tolist() == [0, 0, 1]
    assert layer.dense().tolist() == [[1, 0], [0, 7], [-8, 0]]
    assert layer.potential_bits == layer.required_potential_bits == 5  # -4 - 8


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weight_bits": 0}, InputError, "weight_bits must be in 1 .. 16, not 0"),
        ({"weight_bits": 17}, InputError, "weight_bits must be in 1 .. 16, not 17"),
        ({"weight_bits": 4.0}, InputTypeError, "weight_bits must be a whole number, not 4.0"),
        ({"threshold": 0}, InputError, "threshold must be in 1 .. 2147483647, not 0"),
        ({"threshold": 1 << 31}, InputError, "threshold must be in 1 .. 2147483647, not 2147483648"),
        ({"threshold": True}, InputTypeError, "threshold must be a whole number, not True"),
        ({"initial_potentials": []}, InputError, "number of neurons must be in 1 .. 65536, not 0"),
        ({"initial_potentials": [0, 0, 1 << 31]}, InputError, r"initial_potentials\[2\] must be in"),
        ({"initial_potentials": [0.0, 0.0, 0.0]}, InputTypeError, "initial_potentials must be integers, not .* float64"),
        ({"initial_potentials": [[0, 0, 0]]}, InputError, "initial_potentials must have one dimension"),
        ({"row_targets": [0, 3, 1]}, InputError, r"row_targets\[1\] must be in 0 .. 2, not 3"),
        ({"row_targets": [0, -1, 1]}, InputError, r"row_targets\[1\] must be in 0 .. 2, not -1"),
        ({"row_targets": [2, 0, 1]}, InputError, "targets of source 0 must strictly rise, but 2 is followed by 0"),
        ({"row_targets": [1, 1, 1]}, InputError, "targets of source 0 must strictly rise, but 1 is followed by 1"),
        ({"row_targets": [0.0, 2.0, 1.0]}, InputTypeError, "row_targets must be integers"),
        ({"row_weights": [1, -9, 7]}, InputError, r"row_weights\[1\] must be in -8 .. 7, not -9"),
        ({"row_weights": [1, -8, 8]}, InputError, r"row_weights\[2\] must be in -8 .. 7, not 8"),
        ({"row_weights": [1, 0, 7]}, InputError, r"row_weights\[1\] is 0: a pruned connection has no entry"),
        ({"row_weights": [1, 2]}, InputError, r"row_weights must have the shape \(3,\), not the shape \(2,\)"),
        ({"row_weights": [1.0, np.nan, 2.0]}, InputTypeError, "row_weights must be integers, not .* float64"),
        ({"row_starts": [0, 2, 4]}, InputError, r"row_starts\[2\] must be in 0 .. 3, not 4"),
        ({"row_starts": [1, 2, 3]}, InputError, "row_starts must run from 0 to the number of synapses, 3, not from 1 to 3"),
        ({"row_starts": [0, 1, 2]}, InputError, "row_starts must run from 0 to .* 3, not from 0 to 2"),
        ({"row_starts": [0, 3, 2, 3]}, InputError, "row_starts must not fall, but falls after source 1"),
        ({"row_starts": [3]}, InputError, "number of sources must be in 1 .. 65536, not 0"),
        ({"row_starts": []}, InputError, "number of sources must be in 1 .. 65536, not -1"),
        ({"potential_bits": 4}, InputError, "potential_bits = 4 is too narrow: with these weights the worst case needs 5"),
        ({"potential_bits": 33}, InputError, "potential_bits must be in 1 .. 32, not 33"),
        ({"potential_bits": 5.0}, InputTypeError, "potential_bits must be a whole number, not 5.0"),
        ({"activity": [0, 65536]}, InputError, r"activity\[1\] must be in 0 .. 65535, not 65536"),
        ({"activity": [-1, 0]}, InputError, r"activity\[0\] must be in 0 .. 65535, not -1"),
        ({"activity": [0, 1, 2]}, InputError, r"activity must have the shape \(2,\), not the shape \(3,\)"),
        ({"activity": [0.5, 1.0]}, InputTypeError, "activity must be integers, not an array of type float64"),
    ],
)
def test_bad_layers(changes, error, message):
    with pytest.raises(error, match=message):
        make_layer(**changes)


def test_a_layer_that_needs_more_than_32_bits_is_refused():
    with pytest.raises(InputError, match=r"potential_bits must be in 1 .. 32, not 33"):
        make_layer(initial_potentials=[-(1 << 31), 0, 0])


def test_a_potential_that_only_fits_without_its_threshold_is_refused():
    """The width is that of the potential minus the threshold, but the golden model shows the potential itself."""
    with pytest.raises(InputError, match=r"the highest potential must be in -2147483648 .. 2147483647, not 2147483748"):
        make_layer(initial_potentials=[(1 << 31) - 1, 0, 0], row_weights=[101, -8, 7], weight_bits=8, threshold=1000)
    edge = make_layer(initial_potentials=[(1 << 31) - 102, 0, 0], row_weights=[101, -8, 7], weight_bits=8, threshold=1000)
    assert edge.potential_bits == 32


def test_arrays_are_read_only_copies():
    targets = np.array(GOOD["row_targets"])
    layer = make_layer(row_targets=targets, activity=[1, 2])
    targets[0] = 1
    assert layer.row_targets.tolist() == GOOD["row_targets"]
    for name in ("row_starts", "row_targets", "row_weights", "initial_potentials", "activity"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(layer, name)[0] = 1


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.zeros((2, 2)), InputTypeError, "weights must be integers, not an array of type float64"),
        (np.zeros(4, np.int8), InputError, r"weights must have the shape \(targets, sources\), not \(4,\)"),
        (np.full((2, 2), 200), InputError, r"row_weights\[0\] must be in -8 .. 7, not 200"),
    ],
)
def test_bad_dense_matrices(weights, error, message):
    with pytest.raises(error, match=message):
        Layer.from_dense(weights, [0, 0], 1, 4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(1, 16), st.sampled_from([0.0, 0.2, 1.0]))
def test_dense_is_the_reverse_of_from_dense(seed, sources, targets, bits, connectivity):
    layer = random_layer(np.random.default_rng(seed), sources, targets, bits=bits, connectivity=connectivity)
    weights = layer.dense()
    assert weights.shape == (targets, sources)
    assert layer.synapses == np.count_nonzero(weights)
    again = Layer.from_dense(weights, layer.initial_potentials, layer.threshold, layer.weight_bits)
    for name in ("row_starts", "row_targets", "row_weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(layer, name))
    # Entry by entry, as the docstring of `Layer` says.
    for source in range(sources):
        row = slice(layer.row_starts[source], layer.row_starts[source + 1])
        expected = [(j, int(weights[j, source])) for j in range(targets) if weights[j, source]]
        assert list(zip(layer.row_targets[row].tolist(), layer.row_weights[row].tolist(), strict=True)) == expected


def fits(value, bits):
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4), st.integers(1, 8), st.booleans())
@settings(max_examples=150, deadline=None)
def test_required_potential_bits_against_all_subsets(seed, sources, targets, bits, extreme):
    """The exact worst case: every set of sources that can have spiked, and not one bit more than they need."""
    layer = random_layer(np.random.default_rng(seed), sources, targets, bits=bits, extreme=extreme)
    weights = layer.dense().tolist()
    values = [
        int(layer.initial_potentials[neuron])
        - layer.threshold
        + sum(weight for weight, spikes in zip(weights[neuron], spiked, strict=True) if spikes)
        for neuron in range(targets)
        for spiked in product([False, True], repeat=sources)
    ]
    wanted = layer.required_potential_bits
    assert all(fits(value, wanted) for value in values)
    assert wanted == 1 or not all(fits(value, wanted - 1) for value in values)
    arguments = (layer.dense(), layer.initial_potentials, layer.threshold, layer.weight_bits)
    assert Layer.from_dense(*arguments, wanted).potential_bits == wanted
    if wanted > 1:
        with pytest.raises(InputError, match=f"potential_bits = {wanted - 1} is too narrow: .* needs {wanted} bits"):
            Layer.from_dense(*arguments, wanted - 1)
    if wanted < 32:
        assert Layer.from_dense(*arguments, wanted + 1).potential_bits == wanted + 1


def make_network(**changes):
    parts = {"encoder": LatencyEncoder.linear(4), "layers": (make_layer(),), "input_shape": (2,)}
    return Network(**{**parts, **changes})


def test_a_good_network():
    network = make_network(layers=[make_layer(), random_layer(np.random.default_rng(0), 3, 2, connectivity=1.0, bits=1)])
    assert (network.time_steps, network.inputs, network.outputs) == (4, 2, 2)
    assert network.class_names == ("0", "1")
    assert network.synapses == sum(layer.synapses for layer in network.layers)
    assert network.connectivity == network.synapses / 12
    assert network.summary()["digest"] == network.digest


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layers": ()}, InputError, "number of layers must be in 1 .. 256, not 0"),
        ({"input_shape": (3,)}, InputError, "layer 0 has 2 sources, but the input has 3 neurons"),
        ({"layers": (make_layer(), make_layer())}, InputError, "layer 1 has 2 sources, but layer 0 has 3 neurons"),
        ({"input_shape": (2, 0)}, InputError, "each size of input_shape must be in 1 .. 65536, not 0"),
        ({"input_shape": (2.0,)}, InputTypeError, "each size of input_shape must be a whole number, not 2.0"),
        ({"class_names": ("a", "b")}, InputError, "class_names must name the 3 output neurons, not 2"),
        ({"class_names": ("a", "b", 3)}, InputTypeError, r"class_names must be strings, not \('a', 'b', 3\)"),
    ],
)
def test_bad_networks(changes, error, message):
    with pytest.raises(error, match=message):
        make_network(**changes)


@given(networks(max_neurons=6))
@settings(max_examples=30, deadline=None)
def test_the_digest_is_of_the_content(network):
    same = Network(network.encoder, network.layers, network.input_shape)
    assert same.digest == network.digest
    other = Network(network.encoder, network.layers, network.input_shape, provenance={"seed": 1})
    assert other.digest != network.digest


def test_every_part_changes_the_digest():
    network = random_network(0, (4, 3, 2), connectivity=1.0)
    seen = {network.digest}
    layer = network.layers[1]
    for change in (
        {"threshold": layer.threshold + 1},
        {"initial_potentials": layer.initial_potentials + 1},
        {"weight_bits": 5},
    ):
        parts = {
            "weights": layer.dense(),
            "initial_potentials": layer.initial_potentials,
            "threshold": layer.threshold,
            "weight_bits": layer.weight_bits,
            "potential_bits": 20,
        }
        changed = Layer.from_dense(**{**parts, **change})
        seen.add(Network(network.encoder, (network.layers[0], changed), network.input_shape).digest)
    seen.add(Network(LatencyEncoder.linear(5), network.layers, network.input_shape).digest)
    seen.add(Network(network.encoder, network.layers, (2, 2)).digest)
    seen.add(Network(network.encoder, network.layers, (4,), ("a", "b")).digest)
    assert len(seen) == 7


def test_activity_is_optional_and_changes_no_digest():
    network = random_network(0, (4, 3, 2), connectivity=1.0)
    assert all(layer.activity is None and layer.expected_operations is None for layer in network.layers)
    measured = with_activity(network, 1)
    assert measured.digest == network.digest
    assert [layer.activity.shape for layer in measured.layers] == [(4,), (3,)]
    assert all(layer.activity.dtype == np.uint16 for layer in measured.layers)


def test_expected_operations():
    layer = Layer.from_dense(np.array([[0, 2, 0], [0, 0, 0], [3, 4, -1]]), [0, 0, 0], 5, 4, activity=[65535, 13107, 0])
    assert layer.expected_operations == pytest.approx(1 * 1 + 2 * 0.2 + 1 * 0)
    network = Network(LatencyEncoder.linear(4), [layer], (3,))
    assert network.summary()["layers"][0]["expected_operations"] == layer.expected_operations


@pytest.mark.parametrize(
    ("input_shape", "shape", "message"),
    [
        ((4, 5), (20, 5, 4), r"images must have the shape \(batch, 4, 5\) or \(batch, 20\), not \(20, 5, 4\)$"),
        ((4, 5), (4, 5), r"not \(4, 5\); if it is one image, give images\[None\]$"),
        ((4, 5), (), r"not \(\)$"),
        ((20,), (7, 4, 5), r"the shape \(batch, 20\), not \(7, 4, 5\); .* import it again with --input-shape 4,5, or give"),
        ((20,), (7, 4, 4), r"the shape \(batch, 20\), not \(7, 4, 4\)$"),
    ],
)
def test_images_of_another_shape_are_told_with_it_and_what_to_do(input_shape, shape, message):
    network = replace(random_network(1, (20, 3)), input_shape=input_shape)
    with pytest.raises(InputError, match=message):
        network.spike_times(np.zeros(shape, np.uint8))
