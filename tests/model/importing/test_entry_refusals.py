"""What no layer is made of is refused by its name, never left out without a word; and what the refusal advises is right."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from firstspike_model.importing.entry_names import left_out
from firstspike_model.importing.weight_entries import dense_layers
from firstspike_spec import InputError

RANDOM = np.random.default_rng(3)
FIRST, SECOND = RANDOM.normal(size=(6, 9)), RANDOM.normal(size=(3, 6))


def state(model):
    return dict(model.state_dict())


EXTRAS = {
    "batch normalisation": (state(nn.BatchNorm1d(6)), "n", "part of a normalisation, without which the network is another"),
    "batch normalisation without gains": (
        state(nn.BatchNorm1d(6, affine=False)),
        "n",
        "'n.running_mean', 'n.running_var', 'n.num_batches_tracked': part of a normalisation",
    ),
    "that of Keras": (
        {name: np.ones(6) for name in ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")},
        "n",
        "'n.gamma:0', 'n.beta:0', 'n.moving_mean:0', 'n.moving_variance:0': part of a normalisation",
    ),
    "that of Keras without gains": ({"beta": np.ones(6)}, "n", "'n.beta': part of a normalisation"),
    "layer normalisation": (state(nn.LayerNorm(6)), "n", "'n.weight': gains, as normalisations and PReLU have"),
    "layer normalisation of images": (state(nn.LayerNorm((2, 3))), "n", "'n.bias': gains, as normalisations"),
    "PReLU": (state(nn.PReLU()), "n", "'n.weight': gains"),
    "weight normalisation": (
        state(nn.utils.parametrizations.weight_norm(nn.Linear(9, 6))),
        "fc1",
        "'fc1.parametrizations.weight.original0'.*: parts from which weights are computed .*remove_parametrizations",
    ),
    "older weight normalisation": (
        {"weight_g": np.ones((6, 1)), "weight_v": FIRST},
        "fc1",
        r"'fc1.weight_g', 'fc1.weight_v': parts from which weights are computed .*remove_weight_norm\(layer\)",
    ),
    "spectral normalisation": (
        {"weight_orig": FIRST, "weight_u": np.ones(6), "weight_v": np.ones(9)},
        "fc1",
        r"'fc1.weight_u', 'fc1.weight_v': parts .*remove_spectral_norm\(layer\)",
    ),
    "a convolution": (state(nn.Conv2d(1, 2, 3)), "conv", "'conv.weight': more than two dimensions, as convolutions have"),
    "a convolution over time": (state(nn.Conv1d(1, 2, 3)), "conv", "'conv.weight': more than two dimensions"),
    "a recurrent layer": (
        state(nn.RNN(9, 6)),
        "rnn",
        "'rnn.weight_ih_l0'.*: part of a recurrent layer, which cannot be imported",
    ),
    "that of Keras, recurrent": ({"kernel": FIRST, "recurrent_kernel": np.ones((6, 6))}, "rnn", "of a recurrent layer"),
    "neurons": (
        {"beta": np.full((), 0.9), "threshold": np.ones(())},
        "lif",
        "'lif.beta', 'lif.threshold': a single number, as neurons have; give thresholds by --threshold",
    ),
    "a vector": ({"scales": np.ones(6)}, "q", "'q.scales': of one dimension, and not in a layer; if these are biases"),
    "something else": ({"epoch": 3}, "run", "'run.epoch': not an array of numbers; .* leave it out: --leave-out run.epoch"),
    "a dictionary": ({"optimizer": {}}, "run", "'run.optimizer': not an array of numbers"),
    "biases alone": ({"bias": np.ones(6)}, "n", r"'n.bias' has no matrix beside it; a layer needs its weights, 'n.weight'"),
    "weights before pruning": (
        {"weight_orig": FIRST},
        "fc3",
        r"'fc3.weight_orig': a weight before a change .*prune.remove\(layer",
    ),
    "a mask alone": ({"weight_mask": FIRST}, "fc1", "'fc1.weight_mask': a mask without the 'fc1.weight_orig'"),
    "another matrix": ({"weight": np.ones((2, 2))}, "skip", "'skip.weight': not in a layer that --layers names"),
}


@pytest.mark.parametrize("names", [None, ["fc1", "fc2"]])
@pytest.mark.parametrize(("extra", "place", "message"), EXTRAS.values(), ids=list(EXTRAS))
def test_what_no_layer_is_made_of_is_refused_by_its_name(extra, place, message, names):
    entries = {"fc1.weight": FIRST, "fc2.weight": SECOND} | {f"{place}.{name}": value for name, value in extra.items()}
    if place == "fc1" and "fc1.weight_mask" not in entries:
        del entries["fc1.weight"]
    if place == "skip" and names is None:
        message = "the order of the layers 'fc1', 'fc2', 'skip' does not follow from their names"
    with pytest.raises(InputError, match=message) as raised:
        dense_layers(entries, names, None)
    assert str(raised.value).isprintable()


def test_many_entries_are_listed_in_part():
    entries = {"fc": FIRST} | {f"n{number}.running_mean": np.ones(6) for number in range(20)}
    with pytest.raises(InputError, match=r"'n0\.running_mean', .*'n7\.running_mean' and 12 more: part of a normalisation"):
        dense_layers(entries, None, None)


def test_folding_a_batch_normalisation_as_the_error_says_gives_the_same_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).double()
    for _ in range(20):
        model(torch.randn(50, 9).double() * 3 + 1)
    nn.init.normal_(model[1].weight)
    nn.init.normal_(model[1].bias)
    model.eval()
    entries = {name: value.numpy() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match="fold a batch normalisation into the linear layer right before it"):
        dense_layers(entries, None, None)
    weights, biases = entries.pop("0.weight"), entries.pop("0.bias")
    gamma, beta, mean, variance, _ = (entries.pop(key) for key in list(entries) if key.startswith("1."))
    g = gamma / np.sqrt(variance + model[1].eps)
    entries |= {"0.weight": weights * g[:, None], "0.bias": (biases - mean) * g + beta}
    first, second = dense_layers(entries, None, None)[0]
    inputs = RANDOM.normal(size=(30, 9))
    hidden = np.maximum(0, inputs @ first.weights.T + first.biases)
    with torch.no_grad():
        wanted = model(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(hidden @ second.weights.T + second.biases, wanted, rtol=1e-12)


def test_undoing_weight_normalisation_as_the_error_says_gives_weights():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(9, 6))
    with torch.no_grad():
        wanted = layer.weight.double().numpy().copy()
    with pytest.raises(InputError, match=r"torch.nn.utils.parametrize.remove_parametrizations\(layer, 'weight'\)"):
        dense_layers(state(layer), None, None)
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    np.testing.assert_array_equal(dense_layers(state(layer), None, None)[0][0].weights, wanted)


def test_the_option_that_an_error_names_leaves_out_what_it_names():
    entries = {"fc1.weight": FIRST, "epoch": 3, "lr": 0.1}
    with pytest.raises(InputError) as raised:
        dense_layers(entries, None, None)
    option = re.search(r"--leave-out (\S+)", str(raised.value))[1]
    assert left_out(entries, option.split(",")) == ["epoch", "lr"]
