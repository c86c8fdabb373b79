"""Names of entries: the layer of an entry, the order of layers, and what is left out."""

import numpy as np
import pytest

from firstspike_model.importing.entry_names import left_out
from firstspike_model.importing.weight_entries import dense_layers
from firstspike_spec import InputError

RANDOM = np.random.default_rng(3)
FIRST, SECOND = RANDOM.normal(size=(6, 9)), RANDOM.normal(size=(3, 6))
FIRST_BIASES, SECOND_BIASES = RANDOM.normal(size=6), RANDOM.normal(size=3)


def names_of(entries, names=None, transpose=None):
    layers, _, _ = dense_layers(entries, names, transpose)
    return [layer.name for layer in layers]


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (("fc1.weight", "fc1.bias"), ("fc2.weight", "fc2.bias"), None),
        (("fc2.weight", "fc2.bias"), ("fc10.weight", "fc10.bias"), None),
        (("fc1_weight", "fc1_bias"), ("fc2_weight", "fc2_bias"), None),
        (("module.net.0.weight", "module.net.0.bias"), ("module.net.2.weight", "module.net.2.bias"), None),
        (("module.fc1.weight", "module.fc1.bias"), ("module.out.weight", "module.out.bias"), ["fc1", "out.weight"]),
        (("fc1", "fc1.bias"), ("fc2", "fc2.bias"), None),
        (("fc1", "fc1_b"), ("fc2", "fc2_b"), None),
        (("fc1.W", "fc1.b"), ("fc2.W", "fc2.b"), None),
        (("W1", "b1"), ("W2", "b2"), None),
        (("w_1", "b_1"), ("w_2", "b_2"), None),
        (("weight1", "bias1"), ("weight2", "bias2"), None),
        (("linear/w", "linear/b"), ("linear_1/w", "linear_1/b"), ["linear", "linear_1"]),
        (("fc1.weights", "fc1.biases"), ("fc2.weights", "fc2.biases"), None),
        (("first_layer_b.weight", "first_layer_b.bias"), ("layer.weight", "layer.bias"), ["first_layer_b", "layer"]),
    ],
)
def test_biases_are_used_under_all_their_usual_names(first, second, names):
    entries = {second[1]: SECOND_BIASES, first[0]: FIRST, second[0]: SECOND, first[1]: FIRST_BIASES}
    layers, transposed, warnings = dense_layers(entries, names, None)
    assert (transposed, warnings) == (False, [])
    for layer, weights, biases, keys in zip(
        layers, (FIRST, SECOND), (FIRST_BIASES, SECOND_BIASES), (first, second), strict=True
    ):
        np.testing.assert_array_equal(layer.weights, weights)
        np.testing.assert_array_equal(layer.biases, biases)
        assert set(layer.entries) == set(keys)


def test_a_lone_linear_layer_and_one_without_biases():
    (layer,), _, _ = dense_layers({"weight": FIRST, "bias": FIRST_BIASES}, None, None)
    assert (layer.name, layer.biases.tolist()) == ("", FIRST_BIASES.tolist())
    (layer,), _, _ = dense_layers({"fc": FIRST}, None, None)
    assert (layer.name, layer.biases.tolist()) == ("fc", [0] * 6)


def test_a_matrix_whose_name_ends_as_biases_do_is_a_matrix():
    assert names_of({"layer_a": FIRST, "layer_b": SECOND}, ["layer_a", "layer_b"]) == ["layer_a", "layer_b"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fc1", "fc3"], "there is no layer 'fc3'; the file has 'fc1', 'fc2'"),
        (["fc1", "fc1"], "layer 'fc1' is named twice"),
        ([], "at least one layer must be named"),
        (
            ["fc1"],
            "'fc2.weight', 'fc2.bias': not in a layer that --layers names.*leave it out: --leave-out fc2.weight,fc2.bias",
        ),
    ],
)
def test_refuses_names(names, message):
    with pytest.raises(InputError, match=message):
        dense_layers({"fc1": np.ones((3, 3)), "fc2.weight": np.ones((3, 3)), "fc2.bias": np.ones(3)}, names, None)


def test_leaves_out_names_and_patterns():
    entries = ["fc1.weight", "bn1.weight", "bn1.bias", "epoch", "odd[0]"]
    assert left_out(entries, []) == []
    assert left_out(entries, ["bn*", "epoch"]) == ["bn1.weight", "bn1.bias", "epoch"]
    assert left_out(entries, ["odd[0]"]) == ["odd[0]"]
    with pytest.raises(InputError, match=r"no entry is called 'bn2\.\*'; the file has 'fc1.weight', "):
        left_out(entries, ["bn2.*"])
    with pytest.raises(InputError, match=r"--leave-out \* leaves nothing of 'fc1.weight'"):
        left_out(entries, ["*"])
