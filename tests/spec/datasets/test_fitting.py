"""Images and labels are converted for a network only if there is one right way, and the user is told."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike_spec import Dataset, InputError
from firstspike_spec.datasets import default_dataset, fit_dataset, fit_images
from firstspike_spec.datasets.fitting import to_grey

from ..random_networks import random_network


def network_of(shape, classes=3, **changes):
    return replace(random_network(1, (int(np.prod(shape)), 5, classes)), input_shape=shape, **changes)


def images_of(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("network", "images"),
    [
        ((4, 5), (6, 4, 5)),
        ((4, 5), (6, 20)),
        ((3, 4, 5), (6, 3, 4, 5)),
        ((3, 4, 5), (6, 60)),
        # These are not changed; the network refuses them.
        ((20,), (6, 4, 5)),
        ((4, 5), (6, 5, 4)),
        ((4, 5), (6, 4, 4, 5)),
        ((3, 4, 5), (6, 4, 5)),
        ((2, 4, 5), (6, 3, 4, 5)),
    ],
)
def test_images_that_fit_or_cannot_fit_stay(network, images):
    given, told = images_of(*images), []
    assert fit_images(given, network_of(network), told.append) is given
    assert told == []


@pytest.mark.parametrize(
    ("network", "images"), [((1, 4, 5), (6, 4, 5)), ((4, 5), (6, 1, 4, 5)), ((4, 5), (6, 4, 5, 1)), ((1, 4, 5), (6, 4, 5, 1))]
)
def test_one_channel_needs_no_side(network, images):
    given = images_of(*images)
    np.testing.assert_array_equal(fit_images(given, network_of(network)), given.reshape(6, *network))


def test_channels_that_come_last():
    given, told = images_of(6, 4, 5, 3), []
    np.testing.assert_array_equal(fit_images(given, network_of((3, 4, 5)), told.append), given.transpose(0, 3, 1, 2))
    assert told == ["images of the shape (6, 4, 5, 3): the last side is that of the channels"]


@pytest.mark.parametrize("network", [(4, 5), (1, 4, 5)])
@pytest.mark.parametrize("images", [(6, 3, 4, 5), (6, 4, 5, 3)])
def test_colour_for_a_grey_network(network, images):
    from PIL import Image

    given, told = images_of(*images), []
    last = given if images[-1] == 3 else given.transpose(0, 2, 3, 1)
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in last])
    np.testing.assert_array_equal(fit_images(given, network_of(network), told.append), expected.reshape(6, *network))
    assert told == ["colour images become grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601)"]


def test_many_images_become_grey_in_parts(monkeypatch):
    from firstspike_spec.datasets import fitting

    images = images_of(10, 3, 4, 5)
    whole = to_grey(images)
    monkeypatch.setattr(fitting, "_CHUNK", 3)
    np.testing.assert_array_equal(to_grey(images), whole)


def dataset(labels, names=()):
    return Dataset("animals", images_of(len(labels), 4, 5), np.array(labels), names)


def test_labels_are_matched_with_the_classes_of_the_network():
    network = network_of((4, 5), class_names=("cat", "dog", "owl"))
    assert fit_dataset(dataset([0, 1, 2]), network).labels.tolist() == [0, 1, 2]
    assert fit_dataset(dataset([0, 1, 1], ("dog", "owl")), network).labels.tolist() == [1, 2, 2]
    assert fit_dataset(dataset([0, 1, 2], ("owl", "cat", "dog")), network).labels.tolist() == [2, 0, 1]
    with pytest.raises(InputError, match=r"animals has a class 'cow', the network the classes \('cat', 'dog', 'owl'\)"):
        fit_dataset(dataset([0, 1], ("cat", "cow")), network)


def test_a_network_whose_classes_have_numbers_takes_names_in_their_order():
    network = network_of((4, 5))
    assert fit_dataset(dataset([2, 0, 1], ("cat", "dog", "owl")), network).labels.tolist() == [2, 0, 1]
    assert fit_dataset(dataset([0, 1], ("0", "2")), network).labels.tolist() == [0, 2]
    with pytest.raises(InputError, match="has a class 'cat'"):
        fit_dataset(dataset([0, 1], ("cat", "dog")), network)


def test_what_does_not_fit_is_refused_with_the_name_of_the_data_set():
    with pytest.raises(InputError, match=r"data set animals: images must have the shape \(batch, 5, 4\)"):
        fit_dataset(dataset([0]), network_of((5, 4)))
    with pytest.raises(InputError, match=r"labels must be in 0 \.\. 2, the network's classes, not 0 \.\. 3"):
        fit_dataset(dataset([0, 3]), network_of((4, 5)))


def test_the_data_set_of_a_network():
    """MNIST is assumed only if its images and classes fit."""
    network = random_network(1, (784, 10))
    assert default_dataset(network) == "mnist"
    assert default_dataset(replace(network, provenance={"dataset": "mine"})) == "mine"
    assert default_dataset(random_network(1, (784, 9))) is None
    assert default_dataset(replace(random_network(1, (64, 10)), provenance={"dataset": 5})) is None
