"""The images that a network is calibrated on are those that its training held back."""

from dataclasses import replace

import numpy as np
import pytest

from firstspike_model.calibration.held_back import held_back_images
from firstspike_model.training.loop import Training
from firstspike_spec import InputError, load_dataset


def test_images_held_back_are_those_of_the_training(network, held_back, tiny_recipe, digits_folder):
    training = Training(tiny_recipe, load_dataset("digits", "train", digits_folder), 4)
    assert np.array_equal(held_back.images, training.validation.images)
    assert np.array_equal(held_back.labels, training.validation.labels)


def test_without_provenance_the_last_sixth_is_held_back(network, digits_folder):
    train = load_dataset("digits", "train", digits_folder)
    unknown = replace(network, provenance={})
    assert np.array_equal(held_back_images(unknown, train).images, train.images[-166:])
    assert np.array_equal(held_back_images(unknown, train, 20).labels, train.labels[-20:])
    with pytest.raises(InputError, match="5 training images; calibration needs 6"):
        held_back_images(unknown, train.first(5))


@pytest.mark.parametrize(
    "facts",
    [
        {"seed": "1"},
        {"seed": -1},
        {"seed": 1 << 70},
        {"seed": None},
        {"seed": True},
        {"settings": 5},
        {"settings": ["validation_images"]},
        {"settings": {"validation_images": "5"}},
        {"settings": {"validation_images": 0}},
        {"settings": {"validation_images": 10**9}},
    ],
)
def test_provenance_that_cannot_be_right_is_no_provenance(facts, network, digits_folder):
    train = load_dataset("digits", "train", digits_folder)
    unknown = replace(network, provenance=network.provenance | facts)
    assert np.array_equal(held_back_images(unknown, train).images, train.images[-166:])
