"""A user's own labelled images, in every form, through every command that takes a data set."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from firstspike.pictures import new_figure, show_image
from firstspike_spec import infer, load_network, profile, save_network

from ...spec.random_networks import random_network
from ..test_command_line import assert_refused


@pytest.fixture
def colour_network(tmp_path):
    """A network of three channels of 4 by 5 pixels and three classes with names, as a file."""
    network = replace(
        random_network(5, (60, 12, 3), connectivity=0.6, threshold=6), input_shape=(3, 4, 5), class_names=("cat", "dog", "owl")
    )
    save_network(network, tmp_path / "colour.safetensors")
    return tmp_path / "colour.safetensors"


@pytest.fixture
def colours():
    return np.random.default_rng(4).integers(0, 256, (30, 3, 4, 5)).astype(np.uint8)


@pytest.fixture
def of_colours(firstspike, colour_network, colours, tmp_path):
    """Validate the network on the images in an archive, labelled by the golden model, and return what is told."""
    labels = infer(load_network(colour_network), colours).classes

    def validate(images, *arguments):
        np.savez(tmp_path / "mine.npz", x_test=images, y_test=labels)
        return firstspike("validate", colour_network, "--data", tmp_path / "mine.npz", *arguments)

    return validate


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_colour_in_an_archive(of_colours, colours, last):
    shown = of_colours(colours.transpose(0, 2, 3, 1) if last else colours, "--json")
    assert (shown.json["dataset"], shown.json["images"], shown.json["accuracy"], shown.json["mismatches"]) == (
        "mine",
        30,
        1,
        0,
    )


def test_colour_for_a_grey_network_becomes_grey_and_is_told(firstspike, network, network_file, tmp_path):
    colours = np.random.default_rng(4).integers(0, 256, (30, 4, 4, 3)).astype(np.uint8)
    grey = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colours])
    np.savez(tmp_path / "mine.npz", images=colours, labels=infer(network, grey).classes)
    shown = firstspike("validate", network_file, "--data", tmp_path / "mine.npz", "--json")
    assert shown.json["accuracy"] == 1
    assert "colour images become grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601)" in shown.err


def test_images_of_another_shape_are_told_with_theirs(of_colours, colours):
    assert_refused(of_colours(colours[:, :2]), "data set mine: images must have the shape (batch, 3, 4, 5)", "(30, 2, 4, 5)")


def test_folders_of_pictures_are_matched_by_the_names_of_the_classes(firstspike, colour_network, colours, tmp_path):
    """Also where a class has no folder, and whatever the network's order."""
    network = replace(load_network(colour_network), class_names=("owl", "dog", "cat"))
    save_network(network, colour_network)
    classes = infer(network, colours).classes
    kept = [index for index in range(30) if classes[index] != 1]
    for index in kept:
        folder = tmp_path / "animals" / "test" / network.class_names[classes[index]]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours[index].transpose(1, 2, 0)).save(folder / f"{index}.png")
    shown = firstspike("validate", colour_network, "--data", tmp_path / "animals", "--json").json
    assert (shown["dataset"], shown["images"], shown["accuracy"]) == ("animals", len(kept), 1)
    (tmp_path / "animals" / "test" / "cow").mkdir()
    refused = firstspike("validate", colour_network, "--data", tmp_path / "animals")
    assert_refused(refused, "has a class 'cow', the network the classes ('owl', 'dog', 'cat')")


@pytest.mark.parametrize("kind", ["raster", "decisions", "firing"])
def test_plots_of_colour_images(firstspike, colour_network, colours, tmp_path, kind):
    np.savez(tmp_path / "mine.npz", images=colours, labels=np.zeros(30, int))
    out = tmp_path / "plot.png"
    shown = firstspike("plot", kind, colour_network, "--data", tmp_path / "mine.npz", "--out", out)
    assert shown.code == 0, shown.err
    assert out.exists()


def test_an_image_is_drawn_as_ink_on_paper_or_in_its_colours(colours):
    def drawn(picture):
        axes = new_figure(1, 1).subplots()
        show_image(axes, picture)
        (image,) = axes.images
        return image.to_rgba(image.get_array(), bytes=True)[..., :3]

    red, green, blue = colours[0]
    np.testing.assert_array_equal(drawn(colours[0]), np.stack([red, green, blue], axis=-1))
    np.testing.assert_allclose(drawn(red), 255 - np.stack([red] * 3, axis=-1).astype(int), atol=1)
    brightest = np.maximum(red, green)
    np.testing.assert_allclose(drawn(colours[0, :2]), 255 - np.stack([brightest] * 3, axis=-1).astype(int), atol=1)
    assert drawn(red.ravel()).shape == (1, 20, 3)


def test_a_profile_of_ones_own_training_images(firstspike, colour_network, colours, tmp_path):
    np.savez(tmp_path / "mine.npz", x_train=colours, y_train=np.zeros(30, int))
    assert firstspike("profile", colour_network, "--data", tmp_path / "mine.npz", "--json").json["dataset"] == "mine"
    expected = profile(load_network(colour_network), colours)
    np.testing.assert_array_equal(load_network(colour_network).layers[0].activity, expected.layers[0].activity)


def test_throughput_of_ones_own_images(firstspike, network_file, data_folder):
    shown = firstspike("throughput", network_file, "--device", "golden", "--data", data_folder, "--limit", 7, "--json")
    assert shown.json["images"] == 7


def test_images_in_which_nothing_spikes_are_told(firstspike, network_file, tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.zeros((3, 4, 4), np.uint8), labels=np.zeros(3, int))
    shown = firstspike("validate", network_file, "--data", tmp_path / "mine.npz")
    assert shown.code == 0
    assert "note: no pixel of 3 images reaches the lowest threshold 1: nothing spikes" in shown.err


def test_a_network_without_a_shape_names_the_way_to_give_it_one(firstspike, tmp_path):
    save_network(random_network(1, (784, 5, 10)), tmp_path / "flat.safetensors")
    way = "import it again with --input-shape 28,28"
    assert_refused(firstspike("demo", tmp_path / "flat.safetensors", "--device", "golden"), "not (256, 28, 28)", way)
    np.savez(tmp_path / "mine.npz", images=np.zeros((3, 28, 28), np.uint8), labels=np.zeros(3, int))
    refused = firstspike("validate", tmp_path / "flat.safetensors", "--data", tmp_path / "mine.npz")
    assert refused.code == 2
    assert "data set mine: images must have the shape (batch, 784), not (3, 28, 28)" in refused.err
    assert way in refused.err
