"""Import of weights from elsewhere: the float dynamics, the quantisation, the files, and how bad input is refused."""

import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import typer
from safetensors.numpy import save_file
from torch import nn
from typer.testing import CliRunner

from firstspike_model import import_command
from firstspike_model.dense_quantisation import grid_scale, quantise_layer
from firstspike_model.float_network import infer_float
from firstspike_model.importing import import_weights
from firstspike_model.weight_files import DenseLayer, WeightFile, read_weights
from firstspike_spec import InputError, InputTypeError, LatencyEncoder, infer, load_dataset, load_network, profile

runner = CliRunner()
ENCODER = LatencyEncoder.linear(4)


def dense(weights, biases=None, name="fc"):
    weights = np.asarray(weights, np.float64)
    return DenseLayer(name, weights, np.zeros(len(weights)) if biases is None else np.asarray(biases, np.float64))


def weight_file(*layers):
    return WeightFile("weights.npz", "0" * 64, tuple(layers))


def float_one(layers, thresholds, input_times, time_steps):
    """One float inference in plain loops with early exit, step by step through all layers.

    Returns the class, the decision step, and the spike times of each layer so far.
    """
    times = [list(input_times)] + [[time_steps] * len(layer.biases) for layer in layers]
    potentials = [[float(bias) for bias in layer.biases] for layer in layers]
    for step in range(time_steps):
        for number, layer in enumerate(layers):
            for target in range(len(layer.biases)):
                for source, time in enumerate(times[number]):
                    if time == step:
                        potentials[number][target] += float(layer.weights[target, source])
                if times[number + 1][target] == time_steps and potentials[number][target] >= thresholds[number]:
                    times[number + 1][target] = step
        fired = [output for output, time in enumerate(times[-1]) if time == step]
        if fired:
            break
    best = None
    for output in fired or range(len(potentials[-1])):
        if best is None or potentials[-1][output] > potentials[-1][best]:
            best = output
    return best, step, times[1:]


def test_the_float_dynamics_are_those_of_plain_loops():
    """With quarters as weights, so that sums are exact in any order and ties are frequent."""
    generator = np.random.default_rng(0)
    sizes, time_steps, thresholds = [5, 4, 3], 4, [0.5, 0.5]
    silent = ties = 0
    for _ in range(8):
        layers = [
            dense(generator.integers(-4, 5, (targets, sources)) / 4, generator.integers(-2, 3, targets) / 4)
            for sources, targets in pairwise(sizes)
        ]
        spike_times = generator.integers(0, time_steps + 1, (60, 5)).astype(np.int16)
        result = infer_float(layers, thresholds, spike_times, time_steps)
        for image, row in enumerate(spike_times):
            wanted, step, times = float_one(layers, thresholds, row, time_steps)
            assert (result.classes[image], result.decision_steps[image]) == (wanted, step)
            for all_times, layer_times in zip(result.spike_times[1:], times, strict=True):
                known = np.where(all_times[image] <= step, all_times[image], time_steps)
                assert known.tolist() == layer_times
            silent += min(times[-1]) == time_steps
            ties += times[-1].count(step) > 1
    assert silent > 50
    assert ties > 50


def test_the_float_dynamics_take_more_images_than_one_chunk_and_none():
    layers, times = [dense([[1.0], [2.0]])], np.zeros((2001, 1), np.int16)
    times[-1] = 2
    result = infer_float(layers, [1.0], times, 2)
    assert result.classes.tolist() == [1] * 2000 + [0]  # without any spike, potentials tie and the lower index wins
    assert result.decision_steps.tolist() == [0] * 2000 + [1]
    assert len(infer_float(layers, [1.0], times[:0], 2).classes) == 0


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
    np.testing.assert_array_equal(network.layers[1].start_potentials, whole[1][1])
    assert network.provenance["largest_weight_error"] <= 1e-6 * unit * largest
    assert network.provenance["weights_to_zero"] == 0
    assert len(np.unique(result.latencies)) > 2


def test_rounding_of_weights_threshold_and_biases():
    """No grid fits these weights, so the scale is the best one; everything else follows from it."""
    generator = np.random.default_rng(1)
    layer = dense(generator.normal(size=(20, 30)) * 0.1, generator.normal(size=20))
    whole, changes = quantise_layer(layer, 0.7, 4)
    scale = changes["scale"]
    back = whole.dense() * scale
    assert whole.threshold == round(0.7 / scale)
    np.testing.assert_array_equal(whole.start_potentials, np.rint(layer.biases / scale))
    assert changes["largest_weight_error"] == pytest.approx(np.abs(back - layer.weights).max())
    assert changes["weights_to_zero"] == np.count_nonzero(np.abs(layer.weights) < scale / 2)
    assert changes["weights"] == 600
    errors = [
        np.square(np.clip(np.rint(layer.weights / s), -7, 7) * s - layer.weights).sum() for s in np.linspace(0.01, 0.06, 300)
    ]
    assert np.square(back - layer.weights).sum() <= min(errors) * 1.01


def test_a_threshold_is_at_least_one():
    whole, _ = quantise_layer(dense([[1.0, -7.0]]), 1e-9, 4)
    assert whole.threshold == 1


@pytest.mark.parametrize(
    ("weights", "others", "bits", "scale"),
    [
        ([2, 4, 6], [6.0], 4, 2.0),  # the largest step that suits the threshold too
        ([2, 4, 6], [5.0], 4, 1.0),
        ([2, 4, 6], [0.1], 4, 1.0),  # none suits: the smallest
        ([2, 4, 6], [5.0], 3, 2.0),
        ([4, 6], [2.0], 4, 2.0),  # the smallest weight is no divisor of the others
        ([1, 8], [1.0], 4, None),
        ([0, 0], [1.0], 4, None),
    ],
)
def test_the_grid_that_weights_lie_on(weights, others, bits, scale):
    assert grid_scale(np.array(weights, np.float64), np.array(others), bits) == scale


@pytest.fixture
def arrays():
    generator = np.random.default_rng(3)
    shapes = {"fc1.weight": (6, 9), "fc1.bias": (6,), "fc2.weight": (5, 6), "fc10.weight": (3, 5), "fc10.bias": (3,)}
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def npz(path, arrays):
    np.savez(path, **arrays)
    return path


def test_every_file_format_gives_the_same_network(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    np.savez_compressed(tmp_path / "b.npz", **{name.replace(".", "_"): array for name, array in arrays.items()})
    transposed = {name: np.ascontiguousarray(array.T) for name, array in arrays.items()}
    np.savez(tmp_path / "c.npz", **transposed)
    tensors = {name: nn.Parameter(torch.from_numpy(array)) for name, array in arrays.items()}
    torch.save(tensors, tmp_path / "d.pt")
    torch.save(tensors, tmp_path / "e.pth", _use_new_zipfile_serialization=False)
    save_file(arrays, tmp_path / "f.safetensors")
    networks = []
    for file in sorted(tmp_path.iterdir()):
        source = read_weights(file, transpose=file.name == "c.npz")
        assert [layer.weights.shape for layer in source.layers] == [(6, 9), (5, 6), (3, 5)]  # 10 comes after 2
        network = import_weights(source, [1.0], ENCODER)
        assert network.provenance["source"] == file.name
        assert network.provenance["source_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        networks.append(replace(network, provenance={}))
    assert len(networks) == 6
    assert {network.digest for network in networks} == {networks[0].digest}


def test_named_layers_are_taken_in_their_order_and_others_left(tmp_path):
    entries = {"in": np.ones((3, 4)), "out.weight": np.ones((2, 3)), "out.bias": np.ones(2), "steps": np.arange(3)}
    source = read_weights(npz(tmp_path / "w.npz", entries), ["in", "out"])
    assert [layer.name for layer in source.layers] == ["in", "out"]
    assert source.layers[0].biases.tolist() == [0, 0, 0]
    assert source.layers[1].biases.tolist() == [1, 1]


def test_bfloat16_and_a_lone_linear_layer_are_read(tmp_path):
    layer = nn.Linear(4, 2).to(torch.bfloat16)
    torch.save(layer.state_dict(), tmp_path / "w.pt")
    (read,) = read_weights(tmp_path / "w.pt").layers
    np.testing.assert_array_equal(read.weights, layer.weight.detach().double().numpy())
    np.testing.assert_array_equal(read.biases, layer.bias.detach().double().numpy())


def nan_at(shape, value=np.nan):
    array = np.ones(shape)
    array[1, 2] = value
    return array


@pytest.mark.parametrize(
    ("entries", "error", "message"),
    [
        ({}, InputError, "the file has no entries"),
        ({"fc": np.ones(4)}, InputError, r"fc must be a matrix of the shape \(targets, sources\), not of \(4,\)"),
        ({"fc": np.ones((2, 1, 3, 3))}, InputError, "only linear layers can be imported"),
        ({"fc": np.ones((0, 3))}, InputError, r"not of \(0, 3\)"),
        ({"fc": nan_at((2, 3))}, InputError, r"fc\[1, 2\] is nan"),
        ({"fc": nan_at((2, 3), -np.inf)}, InputError, r"fc\[1, 2\] is -inf"),
        ({"fc": nan_at((2, 3), 1e31)}, InputError, r"fc\[1, 2\] is 1e\+31, no number of magnitude 1e\+30 at most"),
        ({"fc": np.ones((2, 3), np.int8)}, InputTypeError, "fc must be floats, not an array of type int8; convert"),
        ({"fc": np.ones((2, 3), np.complex64)}, InputTypeError, "not an array of type complex64"),
        ({"fc": np.full((2, 3), None)}, InputError, "cannot read fc .*Object arrays cannot be loaded"),
        ({"a1": np.ones((2, 3)), "a2": np.ones((2, 3))}, InputError, "'a2' has 3 sources, but layer 'a1' before it has 2"),
        ({"fc.weight": np.ones((2, 3)), "fc.bias": np.ones(3)}, InputError, r"fc.bias must have the shape \(2,\)"),
        ({"fc.bias": np.ones(3)}, InputError, r"fc.bias has no matrix beside it; .* fc\.weight"),
        ({"hidden": np.ones((2, 3)), "out": np.ones((2, 2))}, InputError, "does not follow from their names.*--layers"),
        ({"fc": np.ones((2, 3)), "fc.weight": np.ones((2, 3))}, InputError, "fc and fc.weight are both the weight"),
    ],
)
def test_refuses_entries(tmp_path, entries, error, message):
    with pytest.raises(error, match=message):
        read_weights(npz(tmp_path / "w.npz", entries))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fc1", "fc3"], "there is no layer 'fc3'; the file has 'fc1', 'fc2'"),
        (["fc1", "fc1"], "named twice"),
        ([], "at least one"),
    ],
)
def test_refuses_names(tmp_path, names, message):
    file = npz(tmp_path / "w.npz", {"fc1": np.ones((3, 3)), "fc2": np.ones((3, 3))})
    with pytest.raises(InputError, match=message):
        read_weights(file, names)


class NotPlain:
    """What only a pickle that runs code can bring back."""


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (nn.Linear(2, 2), InputError, "cannot read .*Weights only load failed"),
        ({"fc": NotPlain()}, InputError, "cannot read .*Weights only load failed"),
        (torch.ones(2, 2), InputError, "holds a Tensor, not matrices by name"),
        ([torch.ones(2, 2)], InputError, "holds a list"),
        ({1: torch.ones(2, 2)}, InputError, "not matrices by name"),
        (
            {"state_dict": {"fc.weight": torch.ones(2, 2)}},
            InputTypeError,
            r"state_dict is a dict, no matrix; .*state_dict\(\)",
        ),
        ({"fc": torch.ones(2, 2, dtype=torch.int64)}, InputTypeError, "not a tensor of torch.int64"),
        ({"fc": torch.ones(2, 2, dtype=torch.complex64)}, InputTypeError, "not a tensor of torch.complex64"),
        ({"fc": torch.ones(2, 2).to_sparse()}, InputTypeError, "not a tensor of torch.sparse_coo"),
    ],
)
def test_refuses_state_dicts(tmp_path, content, error, message):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(error, match=message):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".pth", ".safetensors"])
def test_refuses_damaged_files(tmp_path, suffix, arrays):
    whole = io.BytesIO()
    np.savez(whole, **arrays)
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, tmp_path / "whole.pt")
    save_file(arrays, tmp_path / "whole.safetensors")
    wholes = {".npz": whole.getvalue(), ".safetensors": (tmp_path / "whole.safetensors").read_bytes()}
    content = wholes.get(suffix, (tmp_path / "whole.pt").read_bytes())
    file = tmp_path / f"w{suffix}"
    for damaged in (b"", b"weights", content[: len(content) // 2], content[:-30], b"\x80\x04N."):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=f"w{suffix} "):
            read_weights(file)
    file.unlink()
    with pytest.raises(InputError, match="No such file"):
        read_weights(file)


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


def test_refuses_weights_that_are_too_small():
    with pytest.raises(InputError, match=r"too small beside the threshold 1 or its biases, of magnitude 5e\+12"):
        quantise_layer(dense([[1.0]], [-5e12]), 1.0, 4)
    with pytest.raises(InputError, match="layer 'fc': the lowest potential must be in"):
        quantise_layer(dense([[-7.0, 1.0]], [-2147483645.0]), 1.0, 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits_folder):
    """An ordinary ReLU network, trained as usual with dropout and no spikes, and thresholds from its activations."""
    train = load_dataset("digits", "train", digits_folder)
    pixels = torch.tensor(train.images, dtype=torch.float32).flatten(start_dim=1) / 255
    labels = torch.tensor(train.labels, dtype=torch.int64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 40), nn.ReLU(), nn.Dropout(0.2), nn.Linear(40, 10))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(20):
            for batch in torch.randperm(len(pixels)).split(50):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(pixels[batch]), labels[batch]).backward()
                optimiser.step()
    model.eval()
    with torch.no_grad():
        hidden = model[:2](pixels)
        thresholds = [float(hidden.quantile(0.9)), float(model(pixels).quantile(0.99))]
    file = tmp_path_factory.mktemp("trained") / "model.pt"
    torch.save(model.state_dict(), file)
    return file, ",".join(map(str, thresholds))


@pytest.fixture
def app():
    app = typer.Typer()
    app.command()(import_command.import_network)
    return app


def invoke(app, *arguments):
    return runner.invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_imports_a_relu_network(app, trained, digits_folder, tmp_path):
    file, threshold = trained
    out = tmp_path / "net.safetensors"
    common = (file, "--threshold", threshold, "--time-steps", 8, "--dataset", "digits", "--data", digits_folder, "--out", out)
    plain = json.loads(invoke(app, *common, "--json").stdout)
    network = load_network(out)
    assert network.digest == plain["digest"]
    assert plain["file"] == str(out)
    assert network.input_shape == (8, 8)

    test = load_dataset("digits", "test", digits_folder)
    assert plain["test_accuracy"] == (infer(network, test.images).classes == test.labels).mean()
    source = read_weights(file)
    thresholds = [float(number) for number in threshold.split(",")]
    before = infer_float(source.layers, thresholds, network.spike_times(test.images), 8)
    assert plain["float_accuracy"] == (before.classes == test.labels).mean()
    assert plain["float_accuracy"] > 0.7
    assert plain["test_accuracy"] > 0.7
    assert plain["same_class"] > 0.7

    calibrated = json.loads(invoke(app, *common, "--json", "--calibrate").stdout)
    chosen = calibrated["calibration"]
    assert chosen["validation_images"] == 1000 // 6
    assert chosen["validation_accuracy"] >= chosen["validation_accuracy_before"] - 0.001
    train = load_dataset("digits", "train", digits_folder)
    validation = infer(load_network(out), train.images[-166:])
    assert chosen["validation_accuracy"] == pytest.approx((validation.classes == train.labels[-166:]).mean())
    assert all(layer.activity is None for layer in network.layers)
    measured = profile(load_network(out), train.images[-166:])
    for layer, other in zip(load_network(out).layers, measured.layers, strict=True):
        np.testing.assert_array_equal(layer.activity, other.activity)
    starts = network.layers[-1].start_potentials - load_network(out).layers[-1].start_potentials
    assert set(starts.tolist()) == {chosen["lowering"]}

    words = invoke(app, *common, "--calibrate").stdout
    assert f"raised by {-chosen['lowering']}; of 166 training images" in words
    words = invoke(app, *common).stdout
    assert f"{plain['test_accuracy']:.2%} with whole numbers (simulated, golden model)" in words
    assert f"wrote {out}: " in words


def test_imports_without_a_data_set(app, trained, tmp_path):
    out = tmp_path / "net.safetensors"
    names = "a,b,c,d,e,f,g,h,i,j"
    arguments = ("--threshold", "1.5", "--encoder-thresholds", "200,100,50", "--input-shape", "8,8", "--class-names", names)
    words = invoke(app, trained[0], *arguments, "--layers", "0,3.weight", "--weight-bits", 3, "--out", out).stdout
    network = load_network(out)
    assert network.input_shape == (8, 8)
    assert network.class_names == tuple("abcdefghij")
    assert network.encoder.thresholds.tolist() == [200, 100, 50]
    assert network.layers[0].weight_bits == 3
    assert "test_accuracy" not in network.provenance
    assert "accuracy not measured: give --dataset NAME" in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "1"], "the number of time steps is missing"),
        (["--threshold", "1,x", "--time-steps", "4"], "threshold must be numbers with commas between them, not '1,x'"),
        (["--threshold", "1", "--time-steps", "4", "--input-shape", "8.5"], "input-shape must be whole numbers"),
        (["--threshold", "1", "--time-steps", "4", "--encoder-thresholds", "9,8"], "has 2 steps, --time-steps 4"),
        (["--threshold", "1", "--dimmest", "4", "--encoder-thresholds", "9,8"], "not both"),
        (["--threshold", "1", "--encoder-thresholds", "8,9"], "must strictly decrease"),
        (["--threshold", "1", "--time-steps", "1"], r"time_steps must be in 2 \.\. 256"),
        (["--threshold", "1", "--time-steps", "4", "--data", "."], "--data needs to know the data set"),
        (["--threshold", "1", "--time-steps", "4", "--calibrate"], "--calibrate needs to know the data set"),
        (["--threshold", "1", "--time-steps", "4", "--dataset", "mnits"], "unknown data set 'mnits'"),
        (["--threshold", "1,1,1", "--time-steps", "4"], "3 thresholds for 2 layers"),
        (["--threshold", "1", "--time-steps", "4", "--layers", "0,5"], "there is no layer '5'"),
        (["--threshold", "1", "--time-steps", "4", "--transpose"], r"0.bias must have the shape \(64,\)"),
        (["--threshold", "1", "--time-steps", "4", "--out", "net.npz"], r"name it net\.safetensors"),
    ],
)
def test_the_command_refuses(app, trained, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        invoke(app, trained[0], "--out", "net.safetensors", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites_the_weights(app, tmp_path):
    file = tmp_path / "w.safetensors"
    save_file({"fc": np.ones((2, 3), np.float32)}, file)
    before = file.read_bytes()
    with pytest.raises(InputError, match="the weights are in it"):
        invoke(app, file, "--threshold", 1, "--time-steps", 4, "--out", file)
    assert file.read_bytes() == before


def test_refuses_a_data_set_that_does_not_fit(app, trained, digits_folder, tmp_path):
    dataset = (
        "--threshold",
        1,
        "--time-steps",
        4,
        "--dataset",
        "digits",
        "--data",
        digits_folder,
        "--out",
        tmp_path / "n.safetensors",
    )
    with pytest.raises(InputError, match=r"images of digits have the shape \(8, 8\), but the network's input has \(64,\)"):
        invoke(app, trained[0], *dataset, "--input-shape", "64")
    fitting = ((10, 63), "layer 0 has 63 sources, but the input has 64"), ((9, 64), "in 0 .. 8, the network's classes")
    for shape, message in fitting:
        with pytest.raises(InputError, match=message):
            invoke(app, npz(tmp_path / "w.npz", {"fc": np.ones(shape)}), *dataset)
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]


def test_without_pytorch_it_says_what_to_install(tmp_path):
    """In a process of its own, where PyTorch cannot be imported; the command itself can."""
    program = (
        "import sys; from pathlib import Path; sys.modules['torch'] = None\n"
        "from firstspike_model.import_command import import_network\n"
        "try: import_network(Path('w.npz'), '1', Path('n.safetensors'), 4)\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "InputError importing weights needs PyTorch, which is not installed: run pip install" in done.stdout
