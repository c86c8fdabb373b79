"""Trainings on a user's own data: any size, any number of classes, in colour, in every accepted form."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from firstspike_model.calibration.held_back import held_back_images
from firstspike_model.commands import sweep as sweep_command
from firstspike_model.commands import train as command
from firstspike_model.commands.calibrate import calibrate
from firstspike_model.recipes.recipe import Recipe
from firstspike_model.recipes.settings import recipe_of, settings_of
from firstspike_model.training.augmentation import RandomVariations
from firstspike_model.workflow.training import doubts, train_recipe
from firstspike_spec import InputError, infer, load_dataset, load_network, save_network


@pytest.fixture
def quick(tiny_recipe) -> Recipe:
    """The tiny recipe under the name of a published data set, as a user would start from one."""
    return replace(tiny_recipe, dataset="mnist", prune_epochs=3, refine_epochs=3, validation_images=50)


def patterns(shape, classes, count, seed):
    """Images of random patterns under noise, and their classes; the patterns are the same for every seed."""
    patterns = np.random.default_rng(0).integers(0, 2, (classes, *shape)) * 200
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % classes)
    return np.clip(patterns[labels] + generator.normal(0, 50, (count, *shape)), 0, 255).astype(np.uint8), labels


@pytest.fixture
def archive(tmp_path):
    """Save patterns as an archive with both splits, and return its path."""

    def save(shape, classes, count=600):
        splits = {}
        for seed, (split, part) in enumerate((("train", count), ("test", count // 3)), 1):
            splits[f"x_{split}"], splits[f"y_{split}"] = patterns(shape, classes, part, seed)
        np.savez(tmp_path / "mine.npz", **splits)
        return tmp_path / "mine.npz"

    return save


@pytest.mark.parametrize(
    ("shape", "classes"), [((8, 8), 2), ((5, 9), 4), ((8, 8), 26), ((3, 6, 5), 3), ((2, 4, 4), 3)], ids=str
)
def test_any_size_any_number_of_classes_and_colour(quick, archive, shape, classes):
    path = archive(shape, classes)
    outcome = train_recipe(quick, data=path)
    network = outcome.network
    assert (network.input_shape, network.outputs, network.dataset) == (shape, classes, "mine")
    test = load_dataset(None, "test", path)
    assert np.mean(infer(network, test.images).classes == test.labels) == outcome.facts["test_accuracy"] > 3 / classes / 2


def test_a_convolution_of_colour_with_all_variations(quick, archive):
    changes = {"convolution_channels": (4,), "kernel_sizes": (3,), "poolings": (1, 2), "largest_shift": 1, "mirrored": True}
    changes |= {"largest_rotation": 10.0, "largest_scaling": 0.1, "brightness": 0.2}
    network = train_recipe(replace(quick, **changes), data=archive((3, 8, 6), 3)).network
    assert network.layers[0].maps.source_shape == (3, 8, 6)
    assert network.input_shape == (3, 8, 6)


def test_channels_are_varied_alike():
    grey = torch.tensor(np.random.default_rng(0).integers(0, 256, (40, 7, 9)).astype(np.uint8))

    def varied(images):
        generator = torch.Generator().manual_seed(3)
        settings = {"largest_rotation": 20.0, "largest_scaling": 0.2}
        return RandomVariations(images, 2, True, 0.3, generator, **settings).take(torch.arange(40))

    expected, got = varied(grey), varied(grey[:, None].repeat(1, 3, 1, 1))
    assert got.shape == (40, 3, 7, 9)
    for channel in range(3):
        assert torch.equal(got[:, channel], expected)


def test_folders_of_pictures_give_the_classes_their_names(quick, tmp_path):
    names = ("cat", "dog", "owl")
    for seed, (split, count) in enumerate((("train", 150), ("test", 30)), 1):
        for number, (image, label) in enumerate(zip(*patterns((6, 6), 3, count, seed), strict=True)):
            folder = tmp_path / "animals" / split / names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
    outcome = train_recipe(quick, data=tmp_path / "animals")
    assert outcome.network.class_names == names
    assert outcome.network.dataset == "animals"
    save_network(outcome.network, tmp_path / "net.safetensors")
    network = load_network(tmp_path / "net.safetensors")
    assert network.class_names == names
    train = load_dataset(None, "train", tmp_path / "animals")
    assert len(held_back_images(network, train).images) == quick.validation_images  # it knows its own data set again


def test_other_images_in_files_named_like_mnist_are_own_data_unless_mnist_is_named(quick, digits_folder):
    told = []
    outcome = train_recipe(quick, data=digits_folder, note_line=told.append)
    name = digits_folder.name
    assert outcome.facts["dataset"] == name
    assert told == [f"{digits_folder} does not hold the published images of mnist: the data set is called {name}"]
    with pytest.raises(InputError, match="train-images-idx3-ubyte is damaged or not the published file"):
        train_recipe(quick, data=digits_folder, named=True)


def test_splits_that_do_not_fit_are_refused(quick, tmp_path):
    (train, labels), (test, _) = patterns((8, 8), 3, 300, 1), patterns((8, 9), 3, 300, 2)
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=train, y_train=labels, x_test=test, y_test=labels)
    with pytest.raises(InputError, match="test images are of 8 x 9 pixels, those of the training split of 8 x 8"):
        train_recipe(quick, data=path)
    np.savez(path, x_train=train, y_train=labels, x_test=train, y_test=labels + 1)
    with pytest.raises(
        InputError, match=r"label 3 of test image .* is not a class of the training split, whose labels are 0 .. 2"
    ):
        train_recipe(quick, data=path)


def test_the_commands_take_own_data(quick, archive, digits_folder, tmp_path, monkeypatch):
    """`train` and `sweep` without a name; with one, the data set must be that one."""
    monkeypatch.setattr(command, "load_recipe", lambda name, changes: recipe_of(name, settings_of(quick) | changes))
    monkeypatch.setattr(sweep_command, "load_recipe", command.load_recipe)
    app = typer.Typer()
    app.command()(command.train)
    app.command()(sweep_command.sweep)
    path, out = archive((8, 8), 3), tmp_path / "net.safetensors"

    def run(*arguments):
        return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)

    told = json.loads(run("train", "quick", "--data", path, "--out", out, "--json").stdout)
    assert (told["dataset"], told["settings"]["dataset"], load_network(out).outputs) == ("mine", "mnist", 3)
    (row,) = json.loads(run("sweep", "quick", "--data", path, "--out", tmp_path / "sweep", "--json").stdout)
    assert row["test_accuracy"] == told["test_accuracy"]
    again = run("sweep", "quick", "--data", path, "--out", tmp_path / "sweep", "--json")  # it has ended; nothing is trained
    assert json.loads(again.stdout) == [row]
    for name in ("train", "sweep"):
        for option in (("--dataset", "mnist"), ("--set", "dataset=mnist")):
            with pytest.raises(InputError, match="is damaged or not the published file"):
                run(name, "quick", "--data", digits_folder, "--out", tmp_path / f"{name}.safetensors", *option)


def test_a_network_is_calibrated_on_own_data(quick, archive, tmp_path):
    path = archive((8, 8), 3)
    save_network(replace(train_recipe(quick, data=path).network, provenance={}), tmp_path / "net.safetensors")
    app = typer.Typer()
    app.command()(calibrate)
    arguments = [str(tmp_path / "net.safetensors"), "--out", str(tmp_path / "out.safetensors"), "--accuracy", "0.9", "--json"]
    told = CliRunner().invoke(app, [*arguments, "--data", str(path)], catch_exceptions=False)
    assert json.loads(told.stdout)["test_images"] == 200
    with pytest.raises(InputError, match="does not say what it was trained on: give --dataset NAME, or --data FOLDER"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize(("accuracy", "doubted"), [(0.25, True), (0.1, True), (0.34, True), (0.35, False), (1.0, False)])
def test_a_training_that_learned_nothing_is_reported(accuracy, doubted):
    """Of 200 images in 4 equal classes, guessing is right for 25 %, with three standard deviations for 34.2 %."""
    labels = np.arange(200) % 4
    found = doubts(accuracy, labels)
    assert bool(found) == doubted
    assert all("always giving one class is right for 25.00%: the network learned nothing" in told for told in found)


def test_a_frequent_class_does_not_count_as_learning():
    assert doubts(0.9, np.repeat([0, 1], [900, 100]))
    assert not doubts(0.95, np.repeat([0, 1], [900, 100]))


def test_a_training_warns_of_it(quick, archive):
    told = []
    train_recipe(quick, data=archive((8, 8), 4), note_line=told.append)
    assert not any("learned nothing" in line for line in told)
    with np.load(archive((8, 8), 4)) as arrays:
        mixed = {name: arrays[name].copy() for name in arrays}
    np.random.default_rng(0).shuffle(mixed["y_train"])  # there is nothing to learn
    path = archive((8, 8), 4)
    np.savez(path, **mixed)
    train_recipe(quick, data=path, note_line=told.append)
    assert any(line.startswith("warning: ") and "learned nothing" in line for line in told)
