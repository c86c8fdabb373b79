"""``firstspike profile``: the activity of training images in the network's file, or one clear error and the file as it was."""

import numpy as np
import pytest

from firstspike_spec import infer, load_network, profile
from firstspike_spec.common import files

from ..test_command_line import assert_refused


@pytest.fixture
def training_images():
    images = np.random.default_rng(8).integers(0, 256, (60, 4, 4)).astype(np.uint8)
    images[:, 0] = 0  # pixels that never spike
    return images


@pytest.fixture
def data_folder(data_folder, training_images):
    """The test split of the other tests, and a training split."""
    labels = np.zeros(len(training_images), np.uint8)
    for name, array in (("train-images-idx3-ubyte", training_images), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        (data_folder / name).write_bytes(header + array.tobytes())
    return data_folder


@pytest.fixture
def profiled(firstspike, network_file, data_folder):
    """``firstspike profile`` for the small network and its data."""
    return lambda *arguments: firstspike("profile", network_file, "--data", data_folder, "--dataset", "own", *arguments)


def activities(network):
    return [layer.activity.tolist() for layer in network.layers]


def test_the_file_gets_the_activity_of_the_training_images(profiled, network_file, network, training_images):
    shown = profiled("--json").json
    measured = load_network(network_file)
    assert activities(measured) == activities(profile(network, training_images))
    assert (shown["network"], shown["file"], shown["dataset"], shown["images"]) == (str(network_file),) * 2 + ("own", 60)
    assert shown["digest"] == measured.digest == network.digest
    assert [layer["sources"] for layer in shown["layers"]] == [16, 9]
    assert shown["layers"][0]["silent_sources"] == 4
    expected = infer(network, training_images).synaptic_operations.mean()
    assert sum(layer["expected_operations"] for layer in shown["layers"]) == pytest.approx(expected, rel=1e-3)
    before = network_file.read_bytes()
    assert profiled().code == 0  # once more: the same file
    assert network_file.read_bytes() == before


def test_the_test_images_are_not_touched(profiled, data_folder):
    for path in data_folder.glob("t10k*"):
        path.unlink()
    assert profiled().code == 0


def test_training_images_must_be_there(profiled, data_folder, network_file):
    before = network_file.read_bytes()
    for path in data_folder.glob("train*"):
        path.unlink()
    assert_refused(profiled(), "has no train-images-idx3-ubyte.gz")
    assert network_file.read_bytes() == before


def test_fewer_images_and_another_file(profiled, network_file, network, training_images, tmp_path):
    before, out = network_file.read_bytes(), tmp_path / "new" / "profiled.safetensors"
    shown = profiled("--images", 7, "--output", out)
    assert f"wrote {out}" in shown.out.replace("\n", "")
    assert "7 training images of own (golden model, early exit)" in shown.out.replace("\n", " ")
    assert activities(load_network(out)) == activities(profile(network, training_images[:7]))
    assert network_file.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_progress_is_shown(profiled, monkeypatch):
    monkeypatch.setattr("firstspike.progress.INTERVAL", 0)
    monkeypatch.setattr("firstspike_spec.inference.profiling.CHUNK", 20)
    shown = profiled("--json")
    assert "40 of 60" in shown.err.replace("\n", "")
    assert shown.json["images"] == 60


def test_info_tells_whether_the_activity_is_known(profiled, firstspike, network_file):
    assert "firstspike profile NETWORK" in firstspike("info", network_file).out.replace("\n", " ")
    profiled()
    assert "synaptic operations per image" in firstspike("info", network_file).out.replace("\n", " ")
    layers = firstspike("info", network_file, "--json").json["layers"]
    assert all(layer["expected_operations"] > 0 for layer in layers)


def test_a_failure_leaves_the_file_that_was_there(profiled, network_file, monkeypatch):
    before = network_file.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", fail)
    assert_refused(profiled(), "No space left on device")
    monkeypatch.undo()
    assert network_file.read_bytes() == before
    assert [path.name for path in network_file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--images", 0), "images must be in 1 .. "),
        (("--output", "net.npz"), "cannot write net.npz: a network's file name ends with .safetensors"),
        (("--data", "/nowhere"), "the data folder /nowhere does not exist"),
    ],
)
def test_bad_options(profiled, network_file, arguments, message):
    before = network_file.read_bytes()
    assert_refused(profiled(*arguments), message)
    assert network_file.read_bytes() == before


def test_images_of_another_size(profiled, data_folder):
    path = data_folder / "train-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + b"".join(size.to_bytes(4, "big") for size in (60, 2, 8)) + path.read_bytes()[16:])
    assert_refused(profiled(), "images must have the shape (batch, 4, 4)")
