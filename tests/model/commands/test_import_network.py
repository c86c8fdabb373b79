"""``firstspike import``: what it writes, prints and refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from safetensors.numpy import save_file
from torch import nn
from typer.testing import CliRunner

from firstspike_model.commands import import_network as import_command
from firstspike_model.importing.float_network import infer_float
from firstspike_model.importing.weight_files import read_weights
from firstspike_spec import InputError, infer, load_dataset, load_network, profile

runner = CliRunner()


def npz(path, arrays):
    np.savez(path, **arrays)
    return path


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
    starts = network.layers[-1].initial_potentials - load_network(out).layers[-1].initial_potentials
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
        (["--time-steps", "4"], "the firing threshold is missing: give --threshold VALUE"),
        (["--threshold", "1"], "the number of time steps is missing"),
        (["--threshold", "1,x", "--time-steps", "4"], "threshold must be numbers with commas between them, not '1,x'"),
        (["--threshold", "1", "--time-steps", "4", "--input-shape", "8.5"], "input-shape must be whole numbers"),
        (["--threshold", "1", "--time-steps", "4", "--encoder-thresholds", "9,8"], "has 2 steps, --time-steps 4"),
        (["--threshold", "1", "--dimmest", "4", "--encoder-thresholds", "9,8"], "not both"),
        (["--threshold", "1", "--encoder-thresholds", "8,9"], "must not rise"),
        (["--threshold", "1", "--time-steps", "1"], r"time_steps must be in 2 \.\. 256"),
        (["--threshold", "1", "--time-steps", "4", "--data", "."], r"the data folder \. has no t10k-images"),
        (
            ["--threshold", "1", "--time-steps", "4", "--calibrate"],
            "--calibrate needs images with their classes: give --dataset NAME",
        ),
        (["--threshold", "1", "--time-steps", "4", "--dataset", "mnits"], "unknown data set 'mnits'"),
        (["--threshold", "1,1,1", "--time-steps", "4"], "3 thresholds for 2 layers"),
        (["--threshold", "1", "--time-steps", "4", "--layers", "0,5"], "there is no layer '5'"),
        (["--threshold", "1", "--time-steps", "4", "--transpose"], r"layer '0' must have the shape \(64,\)"),
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
    with pytest.raises(InputError, match=r"data set digits: images must have the shape \(batch, 64\), not \(300, 8, 8\)"):
        invoke(app, trained[0], *dataset, "--input-shape", "64")
    fitting = ((10, 63), "layer 0 has 63 sources, but the input has 64"), ((9, 64), "in 0 .. 8, the network's classes")
    for shape, message in fitting:
        with pytest.raises(InputError, match=message):
            invoke(app, npz(tmp_path / "w.npz", {"fc": np.ones(shape)}), *dataset)
    assert [file.name for file in tmp_path.iterdir()] == ["w.npz"]


LAYERS = {"fc1.weight": np.eye(4) * 2, "fc1.bias": np.full(4, 0.5), "fc2.weight": np.ones((2, 4)) - np.eye(2, 4)}
COMMON = ("--threshold", "1.5,1", "--time-steps", 4)


def test_says_what_was_used_and_left_out_and_that_it_is_exact(app, tmp_path):
    file, out = tmp_path / "c.pt", tmp_path / "n.safetensors"
    state = {name: torch.from_numpy(array) for name, array in LAYERS.items()} | {"note": "mine"}
    torch.save({"net": state, "epoch": 3}, file)
    arguments = (file, *COMMON, "--out", out, "--under", "net", "--leave-out", "note, fc1.b*", "--input-shape", "2,2")
    done = invoke(app, *arguments)
    assert done.stderr == ""
    assert "entries used: 2 ('fc1.weight', 'fc2.weight'), with matrices as (targets, sources)" in done.stdout
    assert "entries left out: 3 ('epoch', 'fc1.bias', 'note')" in done.stdout
    assert "layer 'fc1': 4 sources, 4 neurons; scale 0.5, threshold 1.5 became 3; exact\n" in done.stdout
    assert "exact: every image gets the same class, at the same step, as with float weights" in done.stdout
    facts = json.loads(invoke(app, *arguments, "--json").stdout)
    assert facts["entries_left_out"] == load_network(out).provenance["entries_left_out"] == ["epoch", "fc1.bias", "note"]
    assert [layer["entries"] for layer in facts["layers"]] == [["fc1.weight"], ["fc2.weight"]]
    assert (facts["exact"], facts["warnings"]) == (True, [])


def test_nothing_is_left_out_without_the_option(app, tmp_path):
    """Biases under other names, and a normalisation: with the advice that there was before, --layers, too."""
    arrays = {"dense/kernel:0": np.ones((4, 3)), "dense/bias:0": np.ones(3), "bn/gamma:0": np.ones(3)}
    file, out = npz(tmp_path / "w.npz", arrays), tmp_path / "n.safetensors"
    for layers in ((), ("--layers", "dense/kernel:0")):
        with pytest.raises(InputError, match="'bn/gamma:0': part of a normalisation"):
            invoke(app, file, *COMMON[:1], "1", *COMMON[2:], "--out", out, *layers)
    assert not out.exists()
    del arrays["bn/gamma:0"]
    done = invoke(app, npz(file, arrays), *COMMON[:1], "1", *COMMON[2:], "--out", out, "--layers", "dense/kernel:0")
    assert "entries used: 2 ('dense/kernel:0', 'dense/bias:0'), with matrices as (sources, targets)" in done.stdout
    assert load_network(out).layers[0].initial_potentials.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("arrays", "warning"),
    [
        ({"fc1": np.zeros((8, 16)), "fc2": np.zeros((3, 8))}, "the network has no connections"),
        ({"fc": np.ones((1, 16))}, "the network has one output, so every image gets the same class"),
        ({"fc": np.ones((2, 784)) / 1000}, "no neuron of layer 'fc' can ever reach its threshold"),
        ({"fc": np.ones((2, 784))}, "for pictures of 28 by 28 give --input-shape 28,28"),
    ],
)
def test_warnings_go_beside_the_result(app, tmp_path, arrays, warning):
    arguments = (npz(tmp_path / "w.npz", arrays), "--threshold", 1, "--time-steps", 4, "--out", tmp_path / "n.safetensors")
    done = invoke(app, *arguments)
    told = [line.removeprefix("firstspike: warning: ") for line in done.stderr.splitlines()]
    assert all(line.startswith("firstspike: warning: ") for line in done.stderr.splitlines())
    assert any(warning in line for line in told)
    assert warning not in done.stdout
    as_json = invoke(app, *arguments, "--json")
    assert json.loads(as_json.stdout)["warnings"] == told
    assert as_json.stderr == done.stderr


def test_the_share_of_images_with_the_same_class_has_a_line_of_its_own(app, trained, digits_folder, tmp_path):
    file, threshold = trained
    arguments = ("--threshold", threshold, "--time-steps", 8, "--data", digits_folder, "--out", tmp_path / "n.safetensors")
    facts = json.loads(invoke(app, file, *arguments, "--json").stdout)
    words = invoke(app, file, *arguments).stdout
    assert f"\nsame class as with float weights for {facts['same_class']:.2%} of 300 test images\n" in words


def test_takes_pictures_in_folders_by_class_and_their_names(app, tmp_path):
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "pets" / split / name
            folder.mkdir(parents=True)
            for number in range(6):
                Image.fromarray(generator.integers(0, 256, (4, 4), np.uint8)).save(folder / f"{number}.png")
    file, out = npz(tmp_path / "w.npz", {"fc": generator.normal(size=(2, 16))}), tmp_path / "n.safetensors"
    arguments = (file, "--threshold", 1, "--time-steps", 4, "--data", tmp_path / "pets", "--calibrate", "--out", out)
    facts = json.loads(invoke(app, *arguments, "--json").stdout)
    assert facts["test_images"] == 12
    assert load_network(out).class_names == ("cat", "dog")
    assert load_network(out).input_shape == (4, 4)


def test_without_pytorch_it_says_what_to_install(tmp_path):
    """In a process of its own, where PyTorch cannot be imported; the command itself can."""
    program = (
        "import sys; from pathlib import Path; sys.modules['torch'] = None\n"
        "from firstspike_model.commands.import_network import import_network\n"
        "try: import_network(Path('w.npz'), Path('n.safetensors'), '1', 4)\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "InputError importing weights needs PyTorch, which is not installed: run pip install" in done.stdout
