"""Layers of entries: masks of pruning, how matrices lie, and what their values may be."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from firstspike_model.importing.weight_entries import dense_layers
from firstspike_spec import InputError, InputTypeError

RANDOM = np.random.default_rng(3)
FIRST, SECOND = RANDOM.normal(size=(6, 9)), RANDOM.normal(size=(3, 6))
FIRST_BIASES, SECOND_BIASES = RANDOM.normal(size=6), RANDOM.normal(size=3)


def state(model):
    return dict(model.state_dict())


# Masks of pruning are applied.


def test_pruned_weights_are_those_that_pytorch_computes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 3))
    for layer, parameter in ((model[0], "weight"), (model[0], "bias"), (model[2], "weight")):
        prune.random_unstructured(layer, parameter, 0.4)
    pruned = dense_layers(state(model), None, None)[0]
    assert pruned[0].entries == ("0.weight_orig", "0.bias_orig", "0.weight_mask", "0.bias_mask")
    for layer, parameter in ((model[0], "weight"), (model[0], "bias"), (model[2], "weight")):
        prune.remove(layer, parameter)
    for layer, wanted in zip(pruned, dense_layers(state(model), None, None)[0], strict=True):
        np.testing.assert_array_equal(layer.weights, wanted.weights)
        np.testing.assert_array_equal(layer.biases, wanted.biases)
        assert 0.3 < (layer.weights == 0).mean() < 0.5


@pytest.mark.parametrize("kind", [np.bool_, np.int64, np.float16])
def test_masks_may_be_of_any_type(kind):
    mask = RANDOM.random((9, 6)) < 0.5
    entries = {"fc/kernel_orig": FIRST.T, "fc/kernel_mask": mask.astype(kind), "fc/bias": FIRST_BIASES}
    (layer,), transposed, _ = dense_layers(entries, None, None)
    assert transposed
    np.testing.assert_array_equal(layer.weights, np.where(mask.T, FIRST, 0))


def test_refuses_masks_that_are_none():
    with pytest.raises(InputError, match=r"'fc.weight_mask' must be a mask of 0 and 1"):
        dense_layers({"fc.weight_orig": FIRST, "fc.weight_mask": FIRST}, None, None)
    with pytest.raises(InputError, match=r"'fc.weight_mask' must have the shape \(6, 9\) of what it masks, not \(9, 6\)"):
        dense_layers({"fc.weight_orig": FIRST, "fc.weight_mask": np.ones((9, 6))}, None, None)
    with pytest.raises(InputError, match=r"'fc.weight' and 'fc.weight_orig' are both there"):
        dense_layers({"fc.weight": FIRST, "fc.weight_orig": FIRST, "fc.weight_mask": np.ones((6, 9))}, None, None)


# How matrices lie.


def kernels(*arrays):
    """As Keras names them; biases are vectors."""
    parts = {1: "bias:0", 2: "kernel:0"}
    names = [f"dense_{number}" for number in range(1, 9)]
    layers = iter(names)
    name = ""
    entries = {}
    for array in arrays:
        name = next(layers) if array.ndim == 2 else name
        entries[f"{name}/{parts[array.ndim]}"] = array
    return entries


@pytest.mark.parametrize(
    "entries",
    [
        kernels(FIRST.T, FIRST_BIASES, SECOND.T, SECOND_BIASES),
        kernels(FIRST.T, SECOND.T),
        kernels(FIRST.T, FIRST_BIASES),
        kernels(np.ones((6, 6)), FIRST_BIASES, SECOND.T),
    ],
)
def test_kernels_are_transposed_where_their_shapes_show_it(entries):
    layers, transposed, _ = dense_layers(entries, None, None)
    assert transposed
    for layer, matrix in zip(layers, (array for array in entries.values() if array.ndim == 2), strict=True):
        np.testing.assert_array_equal(layer.weights, matrix.T)
    biases = [array for array in entries.values() if array.ndim == 1]
    assert layers[0].biases.tolist() == (biases[0].tolist() if biases else [0] * 6)


@pytest.mark.parametrize("entries", [kernels(FIRST.T), kernels(np.ones((6, 6)), FIRST_BIASES, np.ones((6, 6)))])
def test_asks_how_kernels_lie_where_shapes_do_not_tell(entries):
    with pytest.raises(InputError, match=r"the shapes do not show how the kernels lie: give --transpose .* or --no-transpose"):
        dense_layers(entries, None, None)
    for transpose in (True, False):
        layers, transposed, _ = dense_layers(entries, None, transpose)
        assert transposed == transpose
        matrix = next(iter(entries.values()))
        np.testing.assert_array_equal(layers[0].weights, matrix.T if transpose else matrix)


def test_kernels_in_the_wrong_order_are_not_taken_for_others():
    """Turned round, they would fit: 3 inputs, 6 neurons, 9 outputs."""
    with pytest.raises(InputError, match=r"'dense_1' has 9 sources, but layer 'dense_2' before it has 3 neurons.*--no-transp"):
        dense_layers(kernels(FIRST.T, SECOND.T), ["dense_2", "dense_1"], None)


def test_says_what_the_other_way_round_would_give():
    entries = {"W1": FIRST.T, "b1": FIRST_BIASES, "W2": SECOND.T}
    advice = r"give --transpose: then there are 9 inputs, and layers of 6, 3 neurons"
    with pytest.raises(InputError, match=rf"the biases of layer '1' must have the shape \(9,\), .*not \(6,\).*{advice}"):
        dense_layers(entries, None, None)
    layers, transposed, _ = dense_layers(entries, None, True)
    assert transposed
    assert [layer.weights.shape for layer in layers] == [(6, 9), (3, 6)]
    with pytest.raises(InputError, match=r"--no-transpose: then there are 9 inputs, and layers of 6, 3 neurons"):
        dense_layers({"W1": FIRST, "b1": FIRST_BIASES, "W2": SECOND}, None, True)
    with pytest.raises(InputError, match=r"before it has 6 neurons; give the layers .* with --layers$"):
        dense_layers({"W1": FIRST, "W2": np.ones((4, 5))}, None, None)


@pytest.mark.parametrize(("names", "warned"), list(product([("W1", "W2"), ("1.weight", "2.weight")], [None])))
def test_warns_where_neither_names_nor_shapes_show_how_matrices_lie(names, warned):
    layers, _, warnings = dense_layers(dict.fromkeys(names, np.ones((6, 6))), None, warned)
    assert len(layers) == 2
    wanted = ["matrices taken as (targets, sources), though neither names"] if names[0] == "W1" else []
    assert [warning[:58] for warning in warnings] == wanted
    assert dense_layers(dict.fromkeys(names, np.ones((6, 6))), None, False)[2] == []


# Values.


def at(value):
    array = np.ones((2, 3))
    array[1, 2] = value
    return array


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({"fc": np.ones(4)}, InputError, "'fc': of one dimension, and not in a layer"),
        ({"fc": np.ones((0, 3))}, InputError, r"layer 'fc' must have sources and targets, not the shape \(0, 3\)"),
        ({"fc": at(np.nan)}, InputError, r"'fc'\[1, 2\] is nan"),
        ({"fc": at(-np.inf)}, InputError, r"'fc'\[1, 2\] is -inf"),
        ({"fc": at(1e31)}, InputError, r"'fc'\[1, 2\] is 1e\+31, not a number of magnitude 1e\+30 at most"),
        ({"fc": np.ones((2, 3), np.int8)}, InputTypeError, "'fc' must be floats, not int8; save the weights as they were"),
        ({"fc": np.ones((2, 3), np.complex64)}, InputTypeError, "must be floats, not complex64"),
        ({"fc": np.full((2, 3), "a")}, InputTypeError, "must be floats, not <U1"),
        ({"fc": torch.ones(2, 2, dtype=torch.int64)}, InputTypeError, "must be floats, not int64"),
        ({"fc": torch.ones(2, 2, dtype=torch.complex64)}, InputTypeError, "must be floats, not complex64"),
        ({"fc": torch.empty(2, 2, dtype=torch.uint4)}, InputTypeError, "must be plain floats, not a tensor of torch.uint4"),
        ({"fc": torch.ones(2, 2).to_sparse()}, InputTypeError, "not a tensor of torch.sparse_coo"),
        ({"fc": torch.ones(2, 2, device="meta")}, InputTypeError, "must be plain floats, not a tensor of torch.float32"),
        ({"a1": np.ones((2, 3)), "a2": np.ones((2, 3))}, InputError, "'a2' has 3 sources, but layer 'a1' before it has 2"),
        ({"fc.weight": np.ones((2, 3)), "fc.bias": np.ones(3)}, InputError, r"layer 'fc' must have the shape \(2,\)"),
        ({"fc.weight": np.ones((2, 3)), "fc.bias": at(1)}, InputError, "'fc.bias': gains"),
        ({"hidden": np.ones((2, 3)), "out": np.ones((2, 2))}, InputError, "does not follow from their names.*--layers"),
        ({"fc": np.ones((2, 3)), "fc.weight": np.ones((2, 3))}, InputError, "'fc' and 'fc.weight' are both the weight"),
        ({"fc.bias": np.ones(2), "fc.b": np.ones(2)}, InputError, "'fc.bias' and 'fc.b' are both the bias of a layer 'fc'"),
        ({"f\x1b[31mc": np.ones((2, 3))}, InputError, r"the name 'f\\x1b\[31mc' is not printable text"),
        ({"f" * 101: np.ones((2, 3))}, InputError, "is not printable text of at most 100 characters"),
    ],
)
def test_refuses_entries(entries, error, message):
    with pytest.raises(error, match=message):
        dense_layers(entries, None, None)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_takes_every_type_of_float_exactly(kind):
    weights = torch.from_numpy(FIRST).to(kind)
    (layer,), _, _ = dense_layers({"fc": nn.Parameter(weights)}, None, None)
    assert layer.weights.dtype == np.float64
    assert layer.weights.tolist() == weights.tolist()
    if kind != torch.bfloat16:
        assert dense_layers({"fc": weights.numpy()}, None, None)[0][0].weights.tolist() == weights.tolist()


def test_a_tensor_that_is_larger_than_its_content_is_refused_before_it_is_made():
    """One number, repeated a million times a million times."""
    entries = {"fc": torch.ones(1, 1).expand(1 << 20, 1 << 20)}
    with pytest.raises(InputError, match=r"the layers have 1,099,511,627,776 weights, more than the 67,108,864 of a network"):
        dense_layers(entries, None, None)
