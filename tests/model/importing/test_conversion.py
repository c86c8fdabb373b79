"""From a file with weights to a network: exact or measured, with warnings of what can hardly be meant."""

from itertools import product

import numpy as np
import pytest

from firstspike_model.importing.conversion import import_weights
from firstspike_model.importing.float_network import infer_float
from firstspike_model.importing.weight_files import DenseLayer, WeightFile
from firstspike_spec import Dataset, InputError, LatencyEncoder, infer
from tests.spec.naive_model import infer_one

ENCODER = LatencyEncoder.linear(4)


def dense(weights, biases=None, name="fc"):
    weights = np.asarray(weights, np.float64)
    biases = np.zeros(len(weights)) if biases is None else np.asarray(biases, np.float64)
    return DenseLayer(name, weights, biases, (f"{name}.weight", f"{name}.bias"))


def weight_file(*layers, **settings):
    return WeightFile("weights.npz", "0" * 64, tuple(layers), **settings)


@pytest.mark.parametrize("unit", [1.0, 0.25, 3e-5, 7e8])
@pytest.mark.parametrize(("largest", "bits"), [(7, 4), (3, 4), (1, 2), (100, 8)])
def test_a_network_of_multiples_imports_exactly(unit, largest, bits):
    """Whatever the unit, and also where the weights do not use all their bits."""
    generator = np.random.default_rng(largest)
    layers, whole = [], []
    for sources, targets in ((12, 9), (9, 4)):
        weights = generator.integers(-largest, largest + 1, (targets, sources))
        weights[0, :2] = 1, largest
        biases = generator.integers(-2, 1, targets)
        whole.append((weights, biases))
        layers.append(dense(weights * unit, biases * unit))
    thresholds = [2 * largest, largest]
    network = import_weights(weight_file(*layers), [number * unit for number in thresholds], ENCODER, weight_bits=bits)
    images = (generator.integers(0, 256, (200, 12)) * generator.integers(0, 2, (200, 12))).astype(np.uint8)
    wanted = infer_float([dense(*pair) for pair in whole], thresholds, network.spike_times(images), 4)
    result = infer(network, images, early_exit=False)
    np.testing.assert_array_equal(result.latencies, wanted.spike_times[-1])
    np.testing.assert_array_equal(result.classes, wanted.classes)
    assert [layer.threshold for layer in network.layers] == thresholds
    np.testing.assert_array_equal(network.layers[1].initial_potentials, whole[1][1])
    assert network.provenance["largest_weight_error"] <= 1e-6 * unit * largest
    assert network.provenance["weights_to_zero"] == 0
    assert len(np.unique(result.latencies)) > 2


def test_an_exact_network_gives_every_image_its_class_as_plain_loops_of_floats_do():
    """Thresholds and biases of the hidden layer are any numbers, those of the outputs multiples; every image is tried."""
    generator = np.random.default_rng(5)
    encoder = LatencyEncoder([200, 100, 50])
    images = np.array(list(product([220, 120, 60, 0], repeat=4)), np.uint8)
    steps_seen, classes_seen = set(), set()
    for _ in range(6):
        layers = [
            dense(generator.integers(-3, 8, (5, 4)) * 0.375, generator.normal(size=5) * 0.5),
            dense(generator.integers(-4, 8, (3, 5)) * 0.25, generator.integers(-3, 2, 3) * 0.25),
        ]
        thresholds = generator.uniform(0.3, 4, 2).tolist()
        test = Dataset("all", images, np.zeros(len(images), np.int64))
        network = import_weights(weight_file(*layers), thresholds, encoder, test=test)
        assert network.provenance["exact"]
        assert network.provenance["same_class"] == 1.0
        result = infer(network, images, early_exit=False)
        weights = [layer.weights.tolist() for layer in layers]
        starts = [(threshold, layer.biases.tolist()) for layer, threshold in zip(layers, thresholds, strict=True)]
        for image, times in enumerate(network.spike_times(images).tolist()):
            wanted = infer_one(weights, starts, times, 3, early_exit=False)
            assert result.latencies[image].tolist() == wanted["times"][-1]
            assert (result.classes[image], result.decision_steps[image]) == (wanted["class"], wanted["decision_step"])
        steps_seen |= set(result.decision_steps.tolist())
        classes_seen |= set(result.classes.tolist())
    assert (steps_seen, classes_seen) == ({0, 1, 2}, {0, 1, 2})


def test_exactness_is_told_of_the_network_and_of_each_layer():
    multiples, others = dense([[1.0, 2.0], [2.0, -1.0]], [0.3, -0.7], "a"), dense([[0.3, 1.0], [0.777, -1.0]], name="b")
    facts = import_weights(weight_file(multiples, multiples), [1.5], ENCODER).provenance
    assert [layer["exact"] for layer in facts["layers"]] == [True, False]  # among outputs, fractions of biases count
    assert facts["layers"][1]["tie_error"] > 0
    assert not facts["exact"]
    facts = import_weights(weight_file(multiples, others), [1.5], ENCODER).provenance
    assert [layer["exact"] for layer in facts["layers"]] == [True, False]
    assert facts["largest_weight_error"] == facts["layers"][1]["largest_weight_error"] > 0
    assert [layer["entries"] for layer in facts["layers"]] == [["a.weight", "a.bias"], ["b.weight", "b.bias"]]


def test_a_calibrated_network_is_not_called_exact():
    generator = np.random.default_rng(0)
    layer = dense(generator.integers(-3, 8, (3, 8)), [0, 1, 2])
    images = generator.integers(0, 256, (60, 8)).astype(np.uint8)
    training = Dataset("own", images, generator.integers(0, 3, 60))
    assert import_weights(weight_file(layer), [9.0], ENCODER).provenance["exact"]
    facts = import_weights(weight_file(layer), [9.0], ENCODER, training=training).provenance
    assert facts["calibration"]["lowering"] != 0
    assert not facts["exact"]


def test_what_was_left_out_and_where_the_weights_were_is_kept():
    source = weight_file(dense(np.eye(3)), left_out=("epoch",), under="net", warnings=("a doubt",))
    facts = import_weights(source, [1.0], ENCODER, input_shape=(3,)).provenance
    assert facts["entries_left_out"] == ["epoch"]
    assert facts["settings"]["under"] == "net"
    assert facts["warnings"] == ["a doubt"]


WARNINGS = {
    "nothing": ([dense(np.eye(4)), dense(np.ones((2, 4)))], {}, []),
    "no connections": (
        [dense(np.zeros((8, 4))), dense(np.zeros((3, 8)))],
        {},
        ["the network has no connections: all weights"],
    ),
    "none in one layer": (
        [dense(np.zeros((3, 4)), [2, 2, 0], "a"), dense(np.eye(3), name="b")],
        {},
        ["layer 'a' has no connections: all of its weights are 0 or became 0"],
    ),
    "one output": ([dense(np.ones((1, 4)))], {}, ["the network has one output, so every image gets the same class"]),
    "silent outputs": (
        [dense(np.ones((2, 4)), name="out")],
        {"thresholds": [5.0]},
        ["no neuron of layer 'out' can ever reach its threshold, and the class is always that with the largest potential"],
    ),
    "silent hidden neurons": (
        [dense(np.ones((3, 4)), name="a"), dense(np.eye(3), [1, 1, 1], name="b")],
        {"thresholds": [5.0, 1.0]},
        ["no neuron of layer 'a' can ever reach its threshold; lower --threshold for it"],
    ),
    "weights that became 0": (
        [dense([[1, 1, 0.3], [0.1, 0.1, 0.12], [0.1, 0.12, 1]], name="a")],
        {"weight_bits": 2},
        ["layer 'a': 6 of 9 weights became 0; more --weight-bits keep more"],
    ),
    "pictures perhaps": (
        [dense(np.ones((2, 784)))],
        {"input_shape": None},
        [
            "no shape of an image was given, so the network takes arrays of the shape (batch, 784) only; for pictures of "
            "28 by 28 give --input-shape 28,28, and for such arrays --input-shape 784"
        ],
    ),
    "other pictures": (
        [dense(np.ones((2, 12)))],
        {"input_shape": None},
        ["(batch, 12) only; for pictures of ROWS by COLUMNS give --input-shape ROWS,COLUMNS"],
    ),
}


@pytest.mark.parametrize(("layers", "settings", "warnings"), WARNINGS.values(), ids=list(WARNINGS))
def test_warns_of_what_can_hardly_be_meant(layers, settings, warnings):
    inputs = layers[0].weights.shape[1]
    settings = {"thresholds": [1.0], "input_shape": (inputs,)} | settings
    given = import_weights(weight_file(*layers), encoder=ENCODER, **settings).provenance["warnings"]
    assert len(given) == len(warnings)
    for text, beginning in zip(given, warnings, strict=True):
        assert beginning in text


def test_the_shape_of_the_data_set_is_a_shape_that_was_given():
    test = Dataset("own", np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.int64))
    network = import_weights(weight_file(dense(np.ones((2, 4)))), [1.0], ENCODER, test=test)
    assert network.input_shape == (2, 2)
    assert network.provenance["warnings"] == []


@pytest.mark.parametrize(
    ("thresholds", "settings", "message"),
    [
        ([1.0, 2.0, 3.0], {}, "there are 3 thresholds for 2 layers; give one for all layers, or one for each"),
        ([], {}, "there are 0 thresholds"),
        ([0.0], {}, "above 0 and at most 1e[+]30, not 0.0"),
        ([float("nan")], {}, "not nan"),
        ([1e10], {}, "layer 'fc': its weights, of magnitude 1 at most, are too small beside the threshold 1e[+]10"),
        ([1.0], {"weight_bits": 9}, r"weight_bits must be in 2 \.\. 8, not 9"),
        ([1.0], {"input_shape": (2, 2)}, "layer 0 has 3 sources, but the input has 4"),
        ([1.0], {"class_names": ("cat",)}, "class_names must name the 2 output neurons"),
    ],
)
def test_refuses_settings(thresholds, settings, message):
    source = weight_file(dense(np.ones((4, 3))), dense(np.ones((2, 4))))
    with pytest.raises(InputError, match=message):
        import_weights(source, thresholds, ENCODER, **settings)
