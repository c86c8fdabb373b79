"""Layered networks and their parts: what is refused, and the width of the potentials."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from firstspike_spec import (
    InputCode,
    InputError,
    InputTypeError,
    LatencyEncoder,
    Layer,
    LayeredLayer,
    LayeredNetwork,
    Maps,
    Network,
    Projection,
    infer_spikes,
)
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.layered.network import check_layered

from ..random_layered_networks import layered_networks, random_layered_times

KERNEL = [3, 2, 1]
CODE = InputCode([9, 1])


def part(source, weights, bits=8, **options):
    return Projection.from_dense(source, np.array(weights), bits, **options)


def layer(*projections, thresholds=(5, 3, 1), **options):
    return LayeredLayer(projections, [0] * projections[0].channels, thresholds, **options)


#: Two maps of 4 x 4 from one, pooled to 2 x 2, then two outputs that also read the input.
FIRST = layer(part(0, np.ones((2, 9), int), maps=Maps(1, 4, 4, 3, 3, padding=1)), max_pooling=2)
LAST = layer(part(1, np.ones((2, 8), int)), part(0, np.ones((2, 16), int)))


def network(*layers, **changes):
    return LayeredNetwork(
        **{"input_code": CODE, "kernel": KERNEL, "layers": layers or (FIRST, LAST), "input_shape": (4, 4)} | changes
    )


def test_a_good_network():
    good = network()
    assert (good.inputs, good.outputs, good.time_steps, good.input_time_steps) == (16, 2, 3, 2)
    assert [one.target_shape for one in good.layers] == [(2, 4, 4), (2, 1, 1)]
    assert [one.spike_shape for one in good.layers] == [(2, 2, 2), (2, 1, 1)]
    assert (good.synapses, good.connectivity) == (18 + 16 + 32, 1.0)
    assert good.class_names == ("0", "1")
    assert good.kind == "layered"
    summary = good.summary()
    assert (summary["kind"], summary["kernel"], summary["input_kernel"]) == ("layered", KERNEL, [9, 1])
    assert summary["layers"][0]["spike_shape"] == [2, 2, 2]
    assert [one["source"] for one in summary["layers"][1]["projections"]] == [1, 0]


@pytest.mark.parametrize("name", ["kernel", "input kernel"])
@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([3, 3], InputError, r"kernel must fall, but (input )?kernel\[0\] = 3 is followed by 3"),
        ([3, 4, 1], InputError, r"kernel must fall, but (input )?kernel\[0\] = 3 is followed by 4"),
        ([3, 0], InputError, r"kernel\[1\] must be in 1 .. 65535, not 0"),
        ([65536, 1], InputError, r"kernel\[0\] must be in 1 .. 65535, not 65536"),
        ([1], InputError, r"number of steps of the (input )?kernel must be in 2 .. 32, not 1"),
        (list(range(33, 0, -1)), InputError, r"number of steps of the (input )?kernel must be in 2 .. 32, not 33"),
        ([], InputError, r"number of steps of the (input )?kernel must be in 2 .. 32, not 0"),
        ([3.0, 1.0], InputTypeError, r"kernel must be integers, not an array of type float64"),
        ([[3, 1]], InputError, r"kernel must have one dimension, not the shape \(1, 2\)"),
        ("falling", InputTypeError, r"kernel must be integers, not an array of type"),
    ],
)
def test_kernels(name, values, error, message):
    with pytest.raises(error, match=message) as caught:
        network(kernel=values) if name == "kernel" else InputCode(values)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([3, 2], InputError, r"input thresholds must have the shape \(channels, 2\), .* not \(2,\)"),
        ([[3, 2, 1]], InputError, r"input thresholds must have the shape \(channels, 2\), .* not \(1, 3\)"),
        (np.zeros((0, 2), int), InputError, r"input thresholds must have the shape \(channels, 2\), .* not \(0, 2\)"),
        ([[3.0, 2.0]], InputTypeError, "input thresholds must be integers, not an array of type float64"),
        ([[3, 2], [3]], InputError, "input thresholds must be an array, or lists of one length"),
        ([[3, 2], [3, 4]], InputError, "channel 1 of the input: encoder thresholds must not rise"),
        ([[257, 2]], InputError, r"channel 0 of the input: encoder thresholds\[0\] must be in 1 .. 256, not 257"),
    ],
)
def test_input_thresholds(values, error, message):
    with pytest.raises(error, match=message):
        InputCode([2, 1], values)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"thresholds": [5, 5, 1]}, InputError, r"thresholds must fall, but thresholds\[0\] = 5 is followed by 5"),
        ({"thresholds": [5, 3, 0]}, InputError, r"thresholds\[2\] must be in 1 .. 2147483647, not 0"),
        ({"thresholds": [1 << 31, 1]}, InputError, r"thresholds\[0\] must be in 1 .. 2147483647, not 2147483648"),
        ({"thresholds": [1]}, InputError, r"number of thresholds \(time steps\) must be in 2 .. 32, not 1"),
        ({"thresholds": range(40, 0, -1)}, InputError, r"number of thresholds \(time steps\) must be in 2 .. 32, not 40"),
        ({"thresholds": [5.0, 3.0]}, InputTypeError, "thresholds must be integers, not an array of type float64"),
        ({"initial_potentials": [0]}, InputError, r"initial_potentials must have the shape \(2,\), not the shape \(1,\)"),
        ({"initial_potentials": [0, 1 << 31]}, InputError, r"initial_potentials\[1\] must be in"),
        ({"projections": []}, InputError, "number of projections must be in 1 .. 8, not 0"),
        ({"projections": [part(0, [[1], [1]])] * 9}, InputError, "number of projections must be in 1 .. 8, not 9"),
        ({"projections": [1]}, InputTypeError, "projections must be a list of Projection, not of 1"),
        ({"projections": part(0, [[1], [1]])}, InputTypeError, "projections must be a list, not Projection"),
        (
            {"projections": [part(0, [[1], [1]]), part(1, [[1]])]},
            InputError,
            "all projections of a layer must have neurons of the same shape, but the one from source 0 has 2 x 1 x 1, and the "
            "one from source 1 has 1 x 1 x 1",
        ),
        ({"max_pooling": 5}, InputError, "max_pooling must be in 1 .. 4, not 5"),
        ({"max_pooling": 0}, InputError, "max_pooling must be in 1 .. 4, not 0"),
        ({"max_pooling": 2.0}, InputTypeError, "max_pooling must be a whole number, not 2.0"),
        ({"potential_bits": 0}, InputError, "potential_bits must be in 1 .. 32, not 0"),
        ({"potential_bits": 33}, InputError, "potential_bits must be in 1 .. 32, not 33"),
    ],
)
def test_layers(changes, error, message):
    with pytest.raises(error, match=message):
        replace(FIRST, **changes)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (-1, InputError, "source must be in 0 .. 255, not -1"),
        (256, InputError, "source must be in 0 .. 255, not 256"),
        (0.0, InputTypeError, "source must be a whole number, not 0.0"),
    ],
)
def test_sources(source, error, message):
    with pytest.raises(error, match=message):
        part(source, [[1]])


SMALL = layer(part(0, np.ones((2, 16), int)))


@pytest.mark.parametrize(
    ("layers", "changes", "error", "message"),
    [
        ((), {"input_code": KERNEL}, InputTypeError, r"input_code must be an InputCode, not \[3, 2, 1\]"),
        ((), {"layers": []}, InputError, "number of layers must be in 1 .. 256, not 0"),
        ((), {"layers": [part(0, [[1]])]}, InputTypeError, "layers must be a list of LayeredLayer, not of Projection"),
        ((), {"layers": LAST}, InputTypeError, "layers must be a list, not LayeredLayer"),
        ((), {"kernel": [2, 1]}, InputError, "layer 0: it must have 2 thresholds, one for each step of the kernel, not 3"),
        (
            (),
            {"input_shape": (4, 5)},
            InputError,
            "layer 0: its projection from source 0 has 16 sources, but the input has 20",
        ),
        ((), {"input_shape": (2, 8)}, InputError, "has sources of 1 x 4 x 4, but the input neurons of 1 x 2 x 8"),
        ((), {"input_shape": [1.0]}, InputTypeError, "each size of input_shape must be a whole number, not 1.0"),
        (
            (),
            {"input_code": InputCode([2, 1], [[9, 1]] * 3)},
            InputError,
            r"the input code must have thresholds for 1 channels, those of inputs of \(4, 4\), not for 3",
        ),
        (
            (FIRST, layer(part(1, np.ones((2, 32), int)))),
            {},
            InputError,
            "layer 1: its projection from source 1 has 32 sources, but layer 0 has 8 neurons",
        ),
        (
            (FIRST, layer(part(1, np.ones((2, 8), int)), part(0, np.ones((2, 8), int)))),
            {},
            InputError,
            "layer 1: its projection from source 0 has 8 sources, but the input has 16 neurons",
        ),
        ((FIRST, layer(part(2, np.ones((2, 2), int)))), {}, InputError, r"layer 1: source .* must be in 0 .. 1, not 2"),
        ((FIRST, SMALL), {}, InputError, "layer 0 is read by no later layer; leave it out"),
        ((FIRST,), {}, InputError, "the output layer must not be pooled, but has max_pooling = 2; leave it out"),
        ((), {"class_names": ["a"]}, InputError, "class_names must name the 2 output neurons, not 1"),
        ((), {"provenance": []}, InputTypeError, r"provenance must be a dictionary, not \[\]"),
    ],
)
def test_parts_that_do_not_fit_together(layers, changes, error, message):
    with pytest.raises(error, match=message):
        network(*layers, **changes)


def test_the_width_of_the_potentials():
    """16 inputs that count 9 and 8 spikes that count 3, of weight 1: 168, which nine bits hold and eight do not."""
    assert network().layers[1].potential_bits == 9
    assert network(FIRST, replace(LAST, potential_bits=12)).layers[1].potential_bits == 12
    with pytest.raises(InputError, match=r"layer 1: potential_bits = 8 is too narrow: .* the worst case needs 9 bits"):
        network(FIRST, replace(LAST, potential_bits=8))


@pytest.mark.parametrize(("sign", "end"), [(1, "highest"), (-1, "lowest")])
def test_sums_beyond_32_bits(sign, end):
    """The sum of 16-bit weights times 16-bit values: one is possible, two are not."""
    code, weight = InputCode([65535, 1]), sign * 32767
    one = layer(part(0, [[weight]], 16))
    assert network(one, input_code=code, input_shape=(1,)).layers[0].potential_bits == 32
    with pytest.raises(
        InputError, match=rf"layer 0: the {end} potential must be in -2147483648 .. 2147483647, not -?{2 * 32767 * 65535}"
    ):
        network(layer(part(0, [[weight, weight]], 16)), input_code=code, input_shape=(2,))


@given(layered_networks())
@settings(max_examples=100, deadline=None)
def test_potentials_stay_in_the_range_that_is_promised(network):
    """No potential leaves the range, and single sources reach together what it says, so it is as narrow as it can be."""
    for times in (np.zeros((1, network.inputs), np.int16), random_layered_times(0, network, 4)):
        for one, potentials in zip(network.layers, infer_spikes(network, times).potentials, strict=True):
            low, high = one.potential_range(network.highest_values)
            assert (potentials >= low).all()
            assert (potentials <= high).all()
            assert -(1 << (one.potential_bits - 1)) <= low.min()
            assert high.max() < 1 << (one.potential_bits - 1)
    first = network.layers[0]
    low, high = first.potential_range(network.highest_values)
    neuron = int(np.argmax(high))
    for sign, end in ((1, high), (-1, low)):
        single = np.eye(network.inputs, dtype=bool)
        times = np.where(single, 0, network.input_time_steps).astype(np.int16)
        of_each = infer_spikes(network, times).potentials[0][:, neuron] - first.neuron_initial_potentials[neuron]
        # Several taps of one source (pooled, or projections of opposite signs) may cancel, so this is a bound.
        reached = first.neuron_initial_potentials[neuron] + of_each[sign * of_each > 0].sum()
        assert sign * reached <= sign * end[neuron]
        if len(first.projections) == 1:
            assert reached == end[neuron]


def test_what_was_given_can_neither_change_nor_be_changed():
    kernel, thresholds = np.array(KERNEL), np.array([5, 3, 1])
    good = network(replace(LAST, projections=[SMALL.projections[0]], thresholds=thresholds), kernel=kernel)
    kernel[0] = thresholds[0] = 99
    assert good.kernel.tolist() == KERNEL
    assert good.layers[0].thresholds.tolist() == [5, 3, 1]
    for array in (good.kernel, good.layers[0].thresholds, good.layers[0].initial_potentials, good.input_code.kernel):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_one_kind_where_the_other_is_wanted():
    refusal = (
        "the network is layered, and the chain of layers runs step-by-step networks only; run this one on the golden model"
    )
    with pytest.raises(InputTypeError, match=refusal):
        plan(network(), 8)
    steps = Network(LatencyEncoder([2, 1]), [Layer.from_dense([[1]], [0], 1, 2)], (1,))
    with pytest.raises(InputTypeError, match=refusal):
        compile_network(network(), plan(steps, 8))
    with pytest.raises(InputTypeError, match="a LayeredNetwork is wanted, not one that is step by step"):
        check_layered(steps)
    check_layered(network())
